"""Inputs as numbers: the same columns in training and in scoring, whatever values a night brings."""

import json
import math
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.errors import ModelError
from model.inputs import Inputs, fit

SCHEMA = "carrier string, hour int, late_rate double, night boolean, empty string"
TRAINING = [
    ("UA", 5, 0.25, True, None),
    ("AA", 6, None, False, None),
    (None, None, 0.5, None, None),
    ("UA", 5, 1.0, True, None),
]
NAMES = ("late_rate", "hour", "night", "carrier")


def test_fit_puts_categories_first_and_sorts_their_values(spark: SparkSession) -> None:
    found = fit(spark.createDataFrame(TRAINING, SCHEMA), NAMES, ["carrier", "hour"])
    assert found == Inputs(("carrier", "hour", "late_rate", "night"), {"carrier": ("AA", "UA"), "hour": ("5", "6")})
    assert found.types == ["c", "c", "q", "q"]
    assert Inputs.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_fit_says_which_category_is_no_column(spark: SparkSession) -> None:
    with pytest.raises(ModelError, match="the training set does not have: carier, dest"):
        fit(spark.createDataFrame(TRAINING, SCHEMA), NAMES, ["carier", "hour", "dest"])


def test_columns_are_null_for_missing_and_unseen_values(spark: SparkSession) -> None:
    inputs = Inputs(("carrier", "hour", "late_rate", "night"), {"carrier": ("AA", "UA"), "hour": ("5", "6")})
    rows: list[tuple[Any, ...]] = [*TRAINING, ("DL", 7, 0.0, False, None), ("", 5, -1.5, None, "x")]
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
    inputs = fit(frame, ["hour"], ["empty"])
    assert inputs.categories == {"empty": ()}
    scoring = spark.createDataFrame([("UA", 5, math.pi, True, "x"), ("UA", 5, 0.5, None, None)], SCHEMA)
    assert [row["empty"] for row in scoring.select(*inputs.columns()).collect()] == [None, None]


def test_columns_are_the_same_numbers_in_training_and_in_scoring_of_any_part(spark: SparkSession) -> None:
    training = spark.createDataFrame(TRAINING, SCHEMA)
    inputs = Inputs.from_json(fit(training, NAMES, ["carrier"]).to_json())
    whole = [tuple(row) for row in training.select(*inputs.columns()).collect()]
    parts = [training.where("hour = 6"), training.where("carrier IS NULL")]
    assert [tuple(part.select(*inputs.columns()).collect()[0]) for part in parts] == whole[1:3]
