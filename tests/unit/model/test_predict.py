"""Scores in Spark tasks: exactly the native booster's, whatever is missing or new."""

import numpy as np
import pytest
import xgboost as xgb
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.errors import ModelError
from model.artifact import Artifact
from model.inputs import Inputs
from model.predict import check_scores, finite_count, predict

INPUTS = Inputs(("carrier", "late_rate", "hour"), {"carrier": ("AA", "DL", "UA")})
SCHEMA = "id int, carrier string, late_rate double, hour int"
CODES = {"AA": 0.0, "DL": 1.0, "UA": 2.0}
BEST = 6


def of(booster: xgb.Booster) -> Artifact:
    """The booster as a trained model."""
    return Artifact("late", bytes(booster.save_raw("ubj")), BEST, INPUTS, {})


@pytest.fixture(scope="module")
def booster() -> xgb.Booster:
    """Ten rounds of which the first seven count."""
    random = np.random.default_rng(5)
    numbers = np.column_stack([random.integers(0, 3, 500), random.random(500), random.integers(0, 24, 500)])
    labels = (numbers[:, 1] + (numbers[:, 0] == 1) + random.random(500) > 1.2).astype(int)
    numbers[random.random(500) < 0.2, 1] = np.nan
    data = xgb.DMatrix(numbers, labels, feature_types=INPUTS.types, enable_categorical=True, nthread=1)
    return xgb.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1, "nthread": 1}, data, 10)


def test_predict_equals_the_native_booster(spark: SparkSession, booster: xgb.Booster) -> None:
    random = np.random.default_rng(6)
    carriers = ["AA", "DL", "UA", "ZZ", None]
    rows = [
        (
            n, carriers[n % 5], float(random.random()) if n % 3 else None, int(random.integers(0, 24)) if n % 7 else None,
        )
        for n in range(300)
    ]  # fmt: skip
    frame = spark.createDataFrame(rows, SCHEMA).repartition(3)
    scored = predict(frame, of(booster))
    assert scored.columns == ["id", "carrier", "late_rate", "hour", "score"]
    matrix = np.array(
        [[CODES.get(c or "", np.nan), np.nan if r is None else r, np.nan if h is None else h] for _, c, r, h in rows]
    )
    native = booster.predict(
        xgb.DMatrix(matrix, feature_types=INPUTS.types, enable_categorical=True), iteration_range=(0, BEST + 1)
    )
    expected = [(*row, float(score)) for row, score in zip(rows, native, strict=True)]
    assert [tuple(row) for row in sorted(scored.collect())] == expected
    assert any(native != booster.predict(xgb.DMatrix(matrix, feature_types=INPUTS.types, enable_categorical=True)))


def test_predict_of_no_rows_is_no_rows(spark: SparkSession, booster: xgb.Booster) -> None:
    scored = predict(spark.createDataFrame([], SCHEMA), of(booster))
    assert scored.collect() == []


@pytest.mark.parametrize(("probability", "count"), [(True, 3), (False, 5)])
def test_finite_count_counts_what_a_score_may_be(spark: SparkSession, count: int, *, probability: bool) -> None:
    rows = [(0.0,), (1.0,), (0.5,), (1.5,), (-0.1,), (float("nan"),), (float("inf"),), (None,)]
    frame = spark.createDataFrame(rows, "score double")
    assert frame.agg(finite_count(probability=probability).alias("finite"), F.count("*").alias("rows")).collect() == [
        (count, 8)
    ]


def test_check_scores_refuses_anything_but_one_score_each() -> None:
    check_scores("late_arrival", rows=3, keys=3, finite=3, asked=3)
    with pytest.raises(ModelError) as raised:
        check_scores("late_arrival", rows=4, keys=3, finite=4, asked=3)
    assert raised.value.found == "4 rows, 3 different keys, 4 finite scores"
    assert raised.value.expected == "3 of each"


def test_predict_keeps_the_columns_that_are_asked_for(spark: SparkSession, booster: xgb.Booster) -> None:
    frame = spark.createDataFrame([(1, "AA", 0.5, 3)], SCHEMA)
    scored = predict(frame, of(booster), keep=["id"])
    assert scored.columns == ["id", "score"]
    assert scored.collect()[0]["score"] == predict(frame, of(booster)).collect()[0]["score"]


def test_an_infinite_input_has_no_score(spark: SparkSession, booster: xgb.Booster) -> None:
    rows = [(1, "AA", float("inf"), 3), (2, "AA", 1e39, 3), (3, "AA", float("nan"), 3), (4, "AA", None, 3)]
    scored = predict(spark.createDataFrame(rows, SCHEMA), of(booster), contributions=1)
    scores = [row["score"] for row in scored.orderBy("id").collect()]
    assert [np.isnan(score) for score in scores] == [True, True, False, False]
    assert scores[2] == scores[3]


@pytest.mark.parametrize("number", [0.1, 1 / 3, 16777217.0, 1e-46, -2.5000000001e8, 123456.789])
def test_a_number_is_seen_as_xgboost_sees_it_in_training(spark: SparkSession, number: float) -> None:
    """A threshold at the number's 32 bits: whoever rounds another way falls on its other side."""
    values = np.array([[number], [np.nextafter(np.float32(number), np.float32(np.inf))]] * 50)
    data = xgb.DMatrix(values, [0, 1] * 50, nthread=1)
    made = xgb.train({"objective": "binary:logistic", "max_depth": 1, "min_child_weight": 0, "nthread": 1}, data, 1)
    native = made.predict(xgb.DMatrix(np.array([[number]]), nthread=1))
    frame = spark.createDataFrame([(number,)], "x double")
    assert predict(frame, Artifact("x", bytes(made.save_raw("ubj")), 0, Inputs(("x",), {}), {})).collect()[0][
        "score"
    ] == float(native[0])
