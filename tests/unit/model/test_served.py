"""The file that MLflow serves does to a row what the pipeline does to it, column by column and score by score."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from pyspark.sql import SparkSession

from model.artifact import Artifact, hashes
from model.inputs import Encoding, Inputs
from model.predict import predict
from model.registration import signature
from model.served import Served, columns

SCHEMA = (
    "carrier string, hour int, gate bigint, night boolean, price decimal(9,2), day date, seen timestamp, late double, "
    "tail string"
)
SEEN = datetime(2026, 3, 1, 12, 30, 0, 250000, tzinfo=UTC)
ROWS: list[tuple[Any, ...]] = [
    ("AA", 5, 2**33, True, Decimal("1.10"), date(2026, 3, 1), SEEN, 0.25, "N1"),
    ("UA", None, None, False, Decimal("2.00"), date(2026, 3, 2), None, None, "N2"),
    (None, 6, 7, None, None, None, SEEN, -1.5, None),
    ("ZZ", 23, 8, True, Decimal("9.99"), date(2027, 1, 1), SEEN, 1e30, "N9"),
    ("", 5, 7, False, Decimal("1.10"), date(2026, 3, 1), SEEN, float("nan"), ""),
]
CATEGORIES = {
    "carrier": ("AA", "UA", "ÜÑ"),
    "hour": ("5", "6"),
    "gate": ("7", str(2**33)),
    "night": ("false", "true"),
    "price": ("1.10", "2.00"),
    "day": ("2026-03-01", "2026-03-02"),
}
QUANTITIES = ("late", "seen", "night_q", "price_q", "hour_q")
KINDS = dict(
    part.rsplit(" ", 1) for part in (*SCHEMA.split(", "), "night_q boolean", "price_q decimal(9,2)", "hour_q int")
)


ENCODINGS = {
    "tail": Encoding("tail", {"N1": 0.5, "N2": 0.25}, 0.3),
    "gate=7": Encoding("gate", {"7": 1.0}, 0.0),
    "hour_mean": Encoding("hour", {"5": 0.1, "6": 0.2}, 0.15),
    "night_share": Encoding("night", {"false": 0.4, "true": 0.6}, 0.0),
}


def artifact(
    names: tuple[str, ...],
    categories: dict[str, tuple[str, ...]],
    booster: bytes = b"",
    encodings: Mapping[str, Encoding] | None = None,
) -> Artifact:
    inputs = Inputs(names, categories, encodings or {})
    return Artifact("late", booster, 4, inputs, {"columns": {name: KINDS[name] for name in inputs.read}})


def recipe(trained: Artifact) -> dict[str, Any]:
    """The recipe as the file reads it."""
    return {"inputs": trained.inputs.to_json(), "about": trained.about, "best_iteration": 4}


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> Any:
    """The rows in Spark, some columns twice: as a category and as a quantity."""
    made = spark.createDataFrame(ROWS, SCHEMA).coalesce(1)
    return made.selectExpr("*", "night as night_q", "price as price_q", "hour as hour_q")


def test_columns_are_those_of_the_pipeline(frame: Any) -> None:
    trained = artifact((*CATEGORIES, *ENCODINGS, *QUANTITIES), CATEGORIES, encodings=ENCODINGS)
    expected = frame.select(*trained.inputs.columns()).toPandas()
    found = columns(recipe(trained), frame.toPandas())
    for name, numbers in zip(trained.inputs.names, found, strict=True):
        np.testing.assert_array_equal(numbers, expected[name].to_numpy(np.float64), err_msg=name)
    assert [int(np.isnan(numbers).sum()) for numbers in found] == [3, 2, 2, 1, 2, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1]


def test_columns_of_whole_numbers_that_pandas_made_floats_are_the_same(frame: Any) -> None:
    trained = artifact(("hour", "hour_q"), {"hour": CATEGORIES["hour"]})
    given = frame.toPandas()[["hour", "hour_q"]]
    assert given.dtypes.to_list() == [np.float64, np.float64]
    for kind in ("Int64", "object"):
        again = columns(recipe(trained), given.astype("Int64").astype(kind))
        np.testing.assert_array_equal(again, columns(recipe(trained), given))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="lack columns that the model was trained on: tail, late"):
        columns(recipe(artifact(("tail", "late"), {})), pd.DataFrame({"x": [1]}))


def served(folder: Any, trained: Artifact) -> Served:
    """The model as MLflow loads it."""
    trained.save(folder)
    made = Served()
    made.load_context(SimpleNamespace(artifacts={"assay": str(folder)}, model_config={"sha256": hashes(folder)}))
    return made


@pytest.fixture(scope="module")
def trained() -> Artifact:
    """Eight rounds of which five count, on a category and two quantities."""
    random = np.random.default_rng(3)
    matrix = np.column_stack([random.integers(0, 3, 400), random.random(400), random.integers(0, 24, 400)])
    matrix[random.random(400) < 0.2, 1] = np.nan
    label = (np.nan_to_num(matrix[:, 1]) + (matrix[:, 0] == 1) + random.random(400) > 1.2).astype(int)
    names = ("carrier", "late", "hour_q")
    made = artifact(names, {"carrier": CATEGORIES["carrier"]})
    data = xgb.DMatrix(matrix, label, feature_types=made.inputs.types, enable_categorical=True, nthread=1)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, data, 8)
    return artifact(names, {"carrier": CATEGORIES["carrier"]}, bytes(booster.save_raw("ubj")))


def test_scores_are_those_of_the_pipeline(frame: Any, trained: Artifact, tmp_path: Any) -> None:
    scored = predict(frame, trained).toPandas()
    found = served(tmp_path, trained).predict(None, frame.toPandas())
    np.testing.assert_array_equal(found, scored["score"].to_numpy())
    assert len(set(found)) > 2


def test_probabilities_of_classes_are_those_of_the_pipeline(frame: Any, tmp_path: Any) -> None:
    random = np.random.default_rng(3)
    matrix = np.column_stack([random.random(400), random.integers(0, 24, 400)])
    label = (matrix[:, 0] * 2 + matrix[:, 1] / 12 + random.random(400)).astype(int) % 3
    booster = xgb.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, xgb.DMatrix(matrix, label), 8)
    made = replace(artifact(("late", "hour_q"), {}, bytes(booster.save_raw("ubj"))), classes=("few", "many", "none"))
    scored = predict(frame, made).toPandas()
    found = served(tmp_path, made).predict(None, frame.toPandas())
    assert isinstance(found, pd.DataFrame)
    assert [*found.columns] == ["few", "many", "none"]
    assert found.to_dict("records") == [dict(each) for each in scored["probabilities"]]
    assert [*found.idxmax(axis=1)] == [*scored["predicted"]]
    assert [one.name for one in signature(made).outputs] == ["few", "many", "none"]


@pytest.mark.parametrize("name", ["trees.ubj", "recipe.json"])
def test_a_file_that_is_not_the_one_that_was_logged_is_not_loaded(trained: Artifact, tmp_path: Any, name: str) -> None:
    trained.save(tmp_path)
    logged = hashes(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is not the file that was logged"):
        Served().load_context(SimpleNamespace(artifacts={"assay": str(tmp_path)}, model_config={"sha256": logged}))
