"""What a trained model is made of: trees in XGBoost's own format, a recipe and a reference in JSON. Nothing is pickled."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import ModelError
from model.inputs import Inputs
from model.reference import Reference

TREES, RECIPE, REFERENCE = "trees.ubj", "recipe.json", "reference.json"


@dataclass(frozen=True)
class Artifact:
    """A trained model."""

    model: str
    booster: bytes
    best_iteration: int
    inputs: Inputs
    about: dict[str, Any]
    """How it came to be: as_of, training table and version, parameters, ranges, code version; and `columns`, the type
    of each column that the inputs are read from."""
    classes: tuple[str, ...] = ()
    """Of a label of several classes, those in the training range, in the trees' order; of another label none."""
    reference: Reference | None = None
    """What later nights are compared with; versions of before have none."""

    @property
    def rounds(self) -> tuple[int, int]:
        """The rounds that count, as XGBoost asks for them."""
        return 0, self.best_iteration + 1

    @property
    def sha256(self) -> str:
        """Hash of the trees."""
        return hashlib.sha256(self.booster).hexdigest()

    @property
    def reads(self) -> dict[str, list[str]]:
        """Feature table -> the features of it that are inputs, also those that request inputs are worked out from."""
        texts = [name for name in self.inputs.read if name not in self.request]
        texts += [self.request[name] for name in self.inputs.read if name in self.request]
        found: dict[str, list[str]] = {}
        for word in dict.fromkeys(word for text in texts for word in re.findall(r"\w+", text)):
            table, separator, feature = word.partition("__")
            if separator:
                found.setdefault(table, []).append(feature)
        return found

    @property
    def request(self) -> dict[str, str]:
        """Request input -> the expression that it was worked out by; nothing of versions of before, which do not tell."""
        return dict((self.about.get("recipe") or {}).get("request", {}))

    def definition(self, table: str) -> int:
        """The version of a feature table's definition that it was trained on; the first where nobody noted it."""
        return self.definitions.get(table, 1)

    @property
    def definitions(self) -> dict[str, int]:
        """Table of features that its training set had, older versions among them -> the version of its definition."""
        made = self.about.get("recipe") or {}
        features = {name: each.get("definition_version", 1) for name, each in made.get("features", {}).items()}
        return {**features, **{name: int(name.rpartition("__v")[2]) for name in made.get("older", {})}}

    def save(self, folder: Path) -> None:
        """Write the trees, the recipe and the reference into a folder."""
        recipe = {
            "model": self.model,
            "trees_sha256": self.sha256,
            "best_iteration": self.best_iteration,
            "inputs": self.inputs.to_json(),
            "classes": self.classes,
            "about": self.about,
        }
        (folder / TREES).write_bytes(self.booster)
        (folder / RECIPE).write_text(json.dumps(recipe, indent=2, sort_keys=True, default=str) + "\n")
        if self.reference is not None:
            (folder / REFERENCE).write_text(json.dumps(self.reference.to_json(), sort_keys=True) + "\n")


def load(folder: Path) -> Artifact:
    """Read a model back; ModelError where the trees are not those that the recipe was written for."""
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        booster = (folder / TREES).read_bytes()
        expected = recipe["trees_sha256"]
        inputs = Inputs.from_json(recipe["inputs"])
        loaded = Artifact(
            recipe["model"], booster, int(recipe["best_iteration"]), inputs, recipe["about"],
            tuple(recipe.get("classes", ())), _reference(folder),  # versions of before have none of both
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "A model's artifacts cannot be read.", where=str(folder), found=f"{type(error).__name__}: {error}",
            expected=f"{TREES} and {RECIPE}", do="train again, or promote another version",
        ) from error  # fmt: skip
    if loaded.sha256 != expected:
        raise ModelError(
            "A model's trees are not the ones that were trained.", where=str(folder / TREES), found=loaded.sha256,
            expected=expected, do="do not use it; train again, or promote another version",
        )  # fmt: skip
    return loaded


def _reference(folder: Path) -> Reference | None:
    path = folder / REFERENCE
    return Reference.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path from there."""
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_hashes(folder: Path, expected: Mapping[str, str], of: str) -> None:
    """Raise ModelError unless a folder holds exactly the files that were registered, byte for byte."""
    found = hashes(folder)
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            raise ModelError(
                f"A file of {of} is not the one that was registered.", where=name,
                found=found.get(name, "no such file"), expected=expected.get(name, "no such file"),
                do="do not use it: somebody has changed it. Promote another version, or train again",
            )  # fmt: skip
