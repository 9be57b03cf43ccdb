"""Inputs as numbers: the same columns in training and in scoring, whatever values a night brings."""

import json
import math
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.config.model import XGBoost
from assay.errors import ModelError
from model.inputs import MOST_CATEGORIES, Encoding, Inputs, fit

SCHEMA = "carrier string, hour int, late_rate double, night boolean, empty string, label boolean"
TRAINING = [
    ("UA", 5, 0.25, True, None, True),
    ("AA", 6, None, False, None, False),
    (None, None, 0.5, None, None, True),
    ("UA", 5, 1.0, True, None, False),
]
NAMES = ("late_rate", "hour", "night", "carrier")


def test_fit_puts_categories_first_and_sorts_their_values(spark: SparkSession) -> None:
    found = fit(spark.createDataFrame(TRAINING, SCHEMA), NAMES, XGBoost(categorical=("carrier", "hour")))
    assert found == Inputs(("carrier", "hour", "late_rate", "night"), {"carrier": ("AA", "UA"), "hour": ("5", "6")})
    assert found.types == ["c", "c", "q", "q"]
    assert Inputs.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_fit_says_which_category_is_no_column(spark: SparkSession) -> None:
    with pytest.raises(ModelError, match="the training set does not have: carier, dest"):
        fit(spark.createDataFrame(TRAINING, SCHEMA), NAMES, XGBoost(categorical=("carier", "hour", "dest")))


def test_columns_are_null_for_missing_and_unseen_values(spark: SparkSession) -> None:
    inputs = Inputs(("carrier", "hour", "late_rate", "night"), {"carrier": ("AA", "UA"), "hour": ("5", "6")})
    rows: list[tuple[Any, ...]] = [*TRAINING, ("DL", 7, 0.0, False, None, True), ("", 5, -1.5, None, "x", True)]
    frame = spark.createDataFrame(rows, SCHEMA).select(*inputs.columns())
    assert frame.dtypes == [(name, "double") for name in inputs.names]
    assert [tuple(row) for row in frame.collect()] == [
        (1.0, 0.0, 0.25, 1.0),
        (0.0, 1.0, None, 0.0),
        (None, None, 0.5, None),
        (1.0, 0.0, 1.0, 1.0),
        (None, None, 0.0, 0.0),
        (None, 0.0, -1.5, None),
    ]


def test_columns_of_a_category_that_training_never_saw_are_null(spark: SparkSession) -> None:
    frame = spark.createDataFrame(TRAINING, SCHEMA)
    inputs = fit(frame, ["hour"], XGBoost(categorical=("empty",)))
    assert inputs.categories == {"empty": ()}
    scoring = spark.createDataFrame([("UA", 5, math.pi, True, "x", True), ("UA", 5, 0.5, None, None, True)], SCHEMA)
    assert [row["empty"] for row in scoring.select(*inputs.columns()).collect()] == [None, None]


def test_fit_encodes_as_computed_by_hand(spark: SparkSession) -> None:
    encode: dict[str, Any] = {"carrier": "target", "hour": "frequency", "night": "one_hot"}
    found = fit(spark.createDataFrame(TRAINING, SCHEMA), NAMES, XGBoost(encode=encode))
    mean = 1 / 3  # of the three rows that have a carrier, one is late
    target = {"AA": (0 + 20 * mean) / 21, "UA": (1 + 20 * mean) / 22}
    assert found.names == ("carrier", "hour", "night=false", "night=true", "late_rate")
    assert found.read == ("carrier", "hour", "night", "late_rate")
    assert dict(found.encodings) == {
        "carrier": Encoding("carrier", target, mean),
        "hour": Encoding("hour", {"5": 2 / 3, "6": 1 / 3}, 0.0),
        "night=false": Encoding("night", {"false": 1.0}, 0.0),
        "night=true": Encoding("night", {"true": 1.0}, 0.0),
    }
    assert Inputs.from_json(json.loads(json.dumps(found.to_json()))) == found
    rows: list[tuple[Any, ...]] = [("UA", 6, 0.5, True, None, None), ("DL", 7, None, None, None, None)]
    frame = spark.createDataFrame([*rows, (None, None, 1.0, False, None, None)], SCHEMA).select(*found.columns())
    assert [tuple(row) for row in frame.collect()] == [
        (target["UA"], 1 / 3, 0.0, 1.0, 0.5),
        (mean, 0.0, None, None, None),
        (None, None, 1.0, 0.0, 1.0),
    ]


@pytest.mark.parametrize(
    ("settings", "how"),
    [(XGBoost(encode={"carrier": "one_hot"}), "one_hot"), (XGBoost(categorical=("carrier",)), "categorical")],
)
def test_fit_refuses_a_category_of_more_values_than_its_use_can_hold(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, settings: XGBoost, how: str
) -> None:
    monkeypatch.setitem(MOST_CATEGORIES, how, 100)
    rows = [(f"C{n}", n, 0.5, True, None, True) for n in range(110)]
    with pytest.raises(ModelError, match=f"carrier has too many values for {how}") as raised:
        fit(spark.createDataFrame(rows, SCHEMA), NAMES, settings)
    assert (raised.value.found, raised.value.expected) == ("101 or more values in the training range", "at most 100")
    assert fit(spark.createDataFrame(rows[:100], SCHEMA), NAMES, settings).read[0] == "carrier"


def test_fit_refuses_an_input_that_is_a_category_and_encoded(spark: SparkSession) -> None:
    settings = XGBoost(encode={"carrier": "target"}, categorical=("carrier",))
    with pytest.raises(ModelError, match="Inputs that are categories and encoded: carrier"):
        fit(spark.createDataFrame(TRAINING, SCHEMA), NAMES, settings)


def test_columns_are_the_same_numbers_in_training_and_in_scoring_of_any_part(spark: SparkSession) -> None:
    training = spark.createDataFrame(TRAINING, SCHEMA)
    settings = XGBoost(categorical=("carrier",), encode={"hour": "target", "night": "one_hot"})
    inputs = Inputs.from_json(fit(training, NAMES, settings).to_json())
    whole = [tuple(row) for row in training.select(*inputs.columns()).collect()]
    parts = [training.where("hour = 6"), training.where("carrier IS NULL")]
    assert [tuple(part.select(*inputs.columns()).collect()[0]) for part in parts] == whole[1:3]
