"""A version's files are the ones that were registered, byte for byte, or nothing is loaded."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from pyspark.sql import SparkSession

from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from model.registry import challenger, champion, due, registered_name, waiting, with_number
from model.serving import pyfunc
from model.versions import versions
from tests.parcels import START, new_parcels, register_version

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def lakehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Version 1 is champion, version 2 challenger."""
    shop = new_parcels(tmp_path_factory.mktemp("registry"))
    assert champion(shop.lakehouse, shop.lakehouse.config.models["late"]) is None
    register_version(shop, START)
    register_version(shop.edited("at_once", "by_hand"), START + WEEK, seed=2)
    return shop.lakehouse


@pytest.fixture
def folder(lakehouse: Lakehouse) -> Callable[[int], Path]:
    """Where a version's files lie."""

    def of(version: int) -> Path:
        found = mlflow.MlflowClient().get_model_version("shop.late", str(version))
        logged = mlflow.MlflowClient().get_logged_model(found.source.rpartition("/")[2])
        return Path(logged.artifact_location.removeprefix("file://"))

    return of


def test_versions_come_back_as_they_were_registered(lakehouse: Lakehouse) -> None:
    model = lakehouse.config.models["late"]
    first, second = champion(lakehouse, model), challenger(lakehouse, model)
    assert first is not None
    assert second is not None
    assert (first.version, first.role, first.trained_as_of) == (1, "champion", START)
    assert (second.version, second.role, second.trained_as_of) == (2, "challenger", START + WEEK)
    assert first.artifact.sha256 != second.artifact.sha256
    assert with_number(lakehouse, model, 3) is None
    assert waiting(lakehouse, model) == START + WEEK
    assert not due(first, model, START + WEEK, waiting(lakehouse, model)), "a challenger waits"
    assert due(first, model, START + WEEK)


def test_versions_are_listed_newest_first(lakehouse: Lakehouse) -> None:
    found = versions(lakehouse, lakehouse.config.models["late"])
    assert [(one.version, one.roles, one.as_of, one.gates, one.metrics, one.run_id) for one in found] == [
        (2, ("challenger",), START + WEEK, "passed: auc", {"rows": 200, "auc": 0.7}, "run-8"),
        (1, ("champion",), START, "passed: auc", {"rows": 200, "auc": 0.7}, "run-1"),
    ]


def test_a_registered_model_holds_no_pickle(folder: Callable[[int], Path]) -> None:
    names = sorted(path.relative_to(folder(1)).as_posix() for path in folder(1).rglob("*") if path.is_file())
    assert names == [
        "MLmodel", "artifacts/assay/recipe.json", "artifacts/assay/trees.ubj", "conda.yaml", "python_env.yaml",
        "requirements.txt", "served.py",
    ]  # fmt: skip


def test_pyfunc_scores_as_the_trees_do(lakehouse: Lakehouse) -> None:
    model = lakehouse.config.models["late"]
    current = champion(lakehouse, model)
    assert current is not None
    rows = pd.DataFrame({"weight": [1.0, None, 9.5], "heavy": [2.0, None, 19.0], "other": ["a", "b", "c"]})
    booster = xgb.Booster()
    booster.load_model(bytearray(current.artifact.booster))
    expected = booster.predict(xgb.DMatrix(rows[["weight", "heavy"]].to_numpy(np.float64)))
    np.testing.assert_array_equal(pyfunc(lakehouse, model).predict(rows), expected.astype(np.float64))
    plain = mlflow.pyfunc.load_model(f"models:/{registered_name(lakehouse, model)}@champion")
    np.testing.assert_array_equal(plain.predict(rows), expected.astype(np.float64))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rename_class(path: Path) -> None:
    text = path.read_text()
    assert "loader_module: mlflow.pyfunc.loaders.code_model" in text
    path.write_text(text.replace("mlflow.pyfunc.loaders.code_model", "this_module_of_mine"))


TAMPERED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a byte of the trees": ("artifacts/assay/trees.ubj", flip),
    "a byte of the recipe": ("artifacts/assay/recipe.json", flip),
    "the class in MLmodel": ("MLmodel", rename_class),
    "the code that serves": ("served.py", lambda path: path.write_text("print('mine')")),
    "a file more": ("artifacts/assay/model.pkl", lambda path: path.write_bytes(b"\x80")),
    "a file less": ("requirements.txt", Path.unlink),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_version_that_was_tampered_with_is_refused(
    lakehouse: Lakehouse, folder: Callable[[int], Path], tmp_path: Path, what: str
) -> None:
    model, place = lakehouse.config.models["late"], folder(2)
    name, change = TAMPERED[what]
    shutil.copytree(place, tmp_path / "kept")
    change(place / name)
    try:
        uses: list[Callable[[Lakehouse, Model], object]] = [
            challenger, partial(with_number, version=2), partial(pyfunc, role="challenger"),
        ]  # fmt: skip
        for use in uses:
            with pytest.raises(
                ModelError, match=r"A file of late version 2 is not the one that was registered"
            ) as raised:
                use(lakehouse, model)
            assert raised.value.where == name
        assert champion(lakehouse, model) is not None
    finally:
        shutil.rmtree(place)
        shutil.copytree(tmp_path / "kept", place)
    assert challenger(lakehouse, model) is not None


def test_files_that_are_gone_are_told(lakehouse: Lakehouse, folder: Callable[[int], Path], tmp_path: Path) -> None:
    place = folder(2)
    place.rename(tmp_path / "kept")
    try:
        with pytest.raises(ModelError, match="The files of late version 2 cannot be read") as raised:
            challenger(lakehouse, lakehouse.config.models["late"])
        assert raised.value.found == "there is nothing in artifacts/assay"
    finally:
        (tmp_path / "kept").rename(place)


def test_a_version_that_assay_did_not_register_is_refused(lakehouse: Lakehouse) -> None:
    model, client = lakehouse.config.models["late"], mlflow.MlflowClient()
    source = client.get_model_version("shop.late", "1").source
    made = client.create_model_version("shop.late", source)
    try:
        with pytest.raises(ModelError, match=r"late version 3 has no hashes of its files on record"):
            with_number(lakehouse, model, 3)
        assert versions(lakehouse, model)[0].gates == "not on record"
    finally:
        client.delete_model_version("shop.late", made.version)
