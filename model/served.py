"""The registered model for MLflow's own tools: rows as they are in `gold.<model>_inputs` to scores.

MLflow ships this file with the trees and the recipe and runs it where the model is served: it imports none of assay.
What it does to a row is what `model.inputs` and `model.predict` do; a test holds them against each other.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

WHOLE = ("tinyint", "smallint", "int", "bigint")
"""Types of whole numbers, as Spark names them."""
Numbers = NDArray[np.float64]


class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types
    """Trees and a recipe, checked by their hashes."""

    def load_context(self, context: Any) -> None:
        """Read both; ValueError for a file that is not the one that was logged."""
        folder, expected = Path(context.artifacts["assay"]), context.model_config["sha256"]
        content = {name: (folder / name).read_bytes() for name in ("trees.ubj", "recipe.json")}
        for name, found in content.items():
            if hashlib.sha256(found).hexdigest() != expected[name]:
                raise ValueError(f"{folder / name} is not the file that was logged. Do not use this model.")
        self.recipe = json.loads(content["recipe.json"])
        self.booster = xgb.Booster(params={"nthread": 1})
        self.booster.load_model(bytearray(content["trees.ubj"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Numbers | pd.DataFrame:  # noqa: ARG002
        """A score for each row, or of several classes a column for each with its probability; ValueError where a column
        is missing.
        """
        inputs = self.recipe["inputs"]
        types = ["c" if name in inputs["categories"] else "q" for name in inputs["names"]]
        matrix = np.column_stack(columns(self.recipe, model_input)).astype(np.float32)
        data = xgb.DMatrix(matrix, feature_types=types, enable_categorical=True, nthread=1)
        rounds = (0, self.recipe["best_iteration"] + 1)
        scores = self.booster.predict(data, iteration_range=rounds, validate_features=False)
        found = np.asarray(scores, np.float64)
        classes = self.recipe.get("classes")
        return pd.DataFrame(found, columns=classes, index=model_input.index) if classes else found


def columns(recipe: Mapping[str, Any], frame: pd.DataFrame) -> list[Numbers]:
    """One column of numbers per input, in the trees' order; NaN for a missing value and for an unseen category."""
    inputs, kinds = recipe["inputs"], recipe["about"]["columns"]
    if missing := [name for name in kinds if name not in frame.columns]:
        raise ValueError(f"The rows lack columns that the model was trained on: {', '.join(missing)}")
    found = []
    for name in inputs["names"]:
        if name in inputs["categories"]:
            codes = {value: float(code) for code, value in enumerate(inputs["categories"][name])}
            found.append(_looked_up(frame[name], kinds[name], codes, np.nan))
        elif encoding := inputs["encodings"].get(name):
            column = encoding["column"]
            found.append(_looked_up(frame[column], kinds[column], encoding["numbers"], encoding["otherwise"]))
        else:
            found.append(_quantity(frame[name], kinds[name]))
    return found


def _quantity(values: pd.Series, kind: str) -> Numbers:
    """A column as Spark casts it to double: a truth is 0 or 1, a time its seconds since 1970."""
    if kind == "timestamp":
        times = pd.to_datetime(values, utc=True).dt.as_unit("us")
        return np.where(times.isna(), np.nan, times.astype("int64") / 1e6)
    if values.dtype.kind in "biuf":
        return values.to_numpy(np.float64)
    return np.array([np.nan if pd.isna(value) else float(value) for value in values], np.float64)


def _looked_up(values: pd.Series, kind: str, known: Mapping[str, float], otherwise: float) -> Numbers:
    """The number of each category; of one that training had not seen `otherwise`; NaN for a missing value."""
    plain = _plain(kind)
    numbers = {plain(text): number for text, number in known.items()}
    places, different = pd.factorize(values)
    table = [numbers.get(plain(value), otherwise) for value in different]
    return np.array([*table, np.nan], np.float64)[places]  # the place of a missing value is -1


def _plain(kind: str) -> Callable[[Any], Any]:
    """What makes a category's text in the recipe and its value in a frame the same: pandas has whole numbers as floats."""
    if kind in (*WHOLE, "float", "double") or kind.startswith("decimal"):
        return float
    if kind == "boolean":
        return lambda value: str(value).lower() in ("true", "1", "1.0")
    if kind == "timestamp":
        return lambda value: pd.to_datetime(value, utc=True)
    return (lambda value: str(value)[:10]) if kind == "date" else str


mlflow.models.set_model(Served())
