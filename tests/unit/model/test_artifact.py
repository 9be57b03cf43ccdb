"""A trained model on disk: trees and a recipe, never a pickle, never trees of another model."""

import hashlib
import json
from pathlib import Path

import pytest

from assay.errors import ModelError
from model.artifact import RECIPE, TREES, Artifact, load
from model.inputs import Inputs

TRAINED = Artifact(
    model="late_arrival",
    booster=b"\x00trees\xff",
    best_iteration=41,
    inputs=Inputs(("carrier", "hour"), {"carrier": ("AA", "UA", "Ünï")}),
    about={"as_of": "2013-03-01T00:00:00+00:00", "training_version": 3, "parameters": {"eta": 0.05}},
)


def test_artifact_comes_back_as_it_was(tmp_path: Path) -> None:
    TRAINED.save(tmp_path)
    assert load(tmp_path) == TRAINED


def test_artifact_is_two_files_that_are_the_same_each_time(tmp_path: Path) -> None:
    TRAINED.save(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    TRAINED.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert first.keys() == {TREES, RECIPE}
    assert first[TREES] == TRAINED.booster
    assert json.loads(first[RECIPE]) == {
        "model": "late_arrival",
        "trees_sha256": hashlib.sha256(TRAINED.booster).hexdigest(),
        "best_iteration": 41,
        "inputs": {"names": ["carrier", "hour"], "categories": {"carrier": ["AA", "UA", "Ünï"]}, "encodings": {}},
        "about": TRAINED.about,
        "classes": [],
    }


def test_artifact_from_before_there_were_encodings_still_loads(tmp_path: Path) -> None:
    TRAINED.save(tmp_path)
    recipe = json.loads((tmp_path / RECIPE).read_text())
    del recipe["inputs"]["encodings"]
    (tmp_path / RECIPE).write_text(json.dumps(recipe))
    assert load(tmp_path) == TRAINED


def test_load_refuses_trees_that_are_not_those_of_the_recipe(tmp_path: Path) -> None:
    TRAINED.save(tmp_path)
    (tmp_path / TREES).write_bytes(b"other trees")
    with pytest.raises(ModelError) as caught:
        load(tmp_path)
    error = caught.value
    assert (error.what, error.where, error.found, error.expected, error.do) == (
        "A model's trees are not the ones that were trained.",
        str(tmp_path / TREES),
        hashlib.sha256(b"other trees").hexdigest(),
        TRAINED.sha256,
        "do not use it; train again, or promote another version",
    )


@pytest.mark.parametrize("lost", [TREES, RECIPE])
def test_load_says_which_file_is_missing(tmp_path: Path, lost: str) -> None:
    TRAINED.save(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(ModelError, match="A model's artifacts cannot be read") as caught:
        load(tmp_path)
    assert lost in str(caught.value.found)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{}", b"[]"])
def test_load_refuses_a_recipe_that_is_no_json(tmp_path: Path, content: bytes) -> None:
    TRAINED.save(tmp_path)
    (tmp_path / RECIPE).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load(tmp_path)
    assert (caught.value.where, caught.value.expected) == (str(tmp_path), f"{TREES} and {RECIPE}")
