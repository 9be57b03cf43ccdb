"""Why a row has its score: the inputs that moved it most, and numbers that add up to it."""

import math

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from model.artifact import Artifact
from model.contributions import kept
from model.inputs import Encoding, Inputs
from model.predict import predict

NAMES = ("carrier", "late_rate", "hour")
INPUTS = Inputs(NAMES, {"carrier": ("AA", "DL", "UA")})
SCHEMA = "id int, carrier string, late_rate double, hour int"
BEST = 6


def of(booster: xgb.Booster, classes: tuple[str, ...] = ()) -> Artifact:
    """The booster as a trained model."""
    return Artifact("late", bytes(booster.save_raw("ubj")), BEST, INPUTS, {}, classes)


@pytest.fixture(scope="module")
def booster() -> xgb.Booster:
    """Ten rounds, of which the first seven count, on a category, a rate and an hour; rates are missing here and there."""
    random = np.random.default_rng(5)
    numbers = np.column_stack([random.integers(0, 3, 500), random.random(500), random.integers(0, 24, 500)])
    labels = (numbers[:, 1] + (numbers[:, 0] == 1) + numbers[:, 2] / 24 + random.random(500) > 1.7).astype(int)
    numbers[random.random(500) < 0.2, 1] = np.nan
    data = xgb.DMatrix(numbers, labels, feature_types=INPUTS.types, enable_categorical=True, nthread=1)
    return xgb.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1, "nthread": 1}, data, 10)


def test_the_largest_come_first_whatever_their_sign() -> None:
    found = np.array([[0.1, -0.5, 0.3, -2.0], [0.0, 0.0, 1.0, -2.0]], np.float32)
    raw = [pa.array(["AA", None]), pa.array([0.25, 18.0]), pa.array([7, 23])]
    lists, bias = kept(found, 2, INPUTS, raw)
    assert [[(each["input"], each["value"]) for each in row] for row in lists.to_pylist()] == [
        [("late_rate", "0.25"), ("hour", "7")],
        [("hour", "23"), ("carrier", None)],
    ]
    assert [[each["contribution"] for each in row] for row in lists.to_pylist()] == [
        [-0.5, float(np.float32(0.3))],
        [1.0, 0.0],
    ]
    assert bias.to_pylist() == [-2.0, -2.0]


def test_inputs_that_one_column_became_count_as_that_column() -> None:
    encodings = {f"carrier={value}": Encoding("carrier", {value: 1.0}, 0.0) for value in ("AA", "DL")}
    inputs = Inputs((*encodings, "hour"), {}, encodings)
    lists, bias = kept(np.array([[0.25, 0.5, -0.5, 1.0]], np.float32), 9, inputs, [pa.array(["UA"]), pa.array([7])])
    assert lists.to_pylist() == [
        [
            {"input": "carrier", "value": "UA", "contribution": 0.75},
            {"input": "hour", "value": "7", "contribution": -0.5},
        ]
    ]
    assert bias.to_pylist() == [1.0]


def test_no_rows_have_no_contributions() -> None:
    lists, bias = kept(np.empty((0, 4), np.float32), 2, INPUTS, [pa.array([], pa.string())] * 3)
    assert (lists.to_pylist(), bias.to_pylist()) == ([], [])


def test_contributions_of_all_inputs_and_the_bias_add_up_to_the_margin(
    spark: SparkSession, booster: xgb.Booster
) -> None:
    rows = [
        (n, ["AA", "DL", "UA", "ZZ", None][n % 5], n / 60 if n % 3 else None, n % 24 if n % 7 else None)
        for n in range(60)
    ]
    frame = spark.createDataFrame(rows, SCHEMA).repartition(3)
    scored = predict(frame, of(booster), keep=["id"], contributions=9)
    assert scored.columns == ["id", "score", "contributions", "bias"]
    plain = {row["id"]: row["score"] for row in predict(frame, of(booster)).collect()}
    for row in scored.collect():
        assert sorted(each["input"] for each in row["contributions"]) == sorted(NAMES)
        sizes = [abs(each["contribution"]) for each in row["contributions"]]
        assert sizes == sorted(sizes, reverse=True)
        margin = row["bias"] + sum(each["contribution"] for each in row["contributions"])
        assert row["score"] == plain[row["id"]] == pytest.approx(1 / (1 + math.exp(-margin)), abs=1e-6)
        told = {each["input"]: each["value"] for each in row["contributions"]}
        given = dict(zip(NAMES, rows[row["id"]][1:], strict=True))
        assert told["carrier"] == given["carrier"]
        assert [told[name] and float(told[name]) for name in NAMES[1:]] == [given[name] for name in NAMES[1:]]
    assert any(row["contributions"][0]["input"] != "carrier" for row in scored.collect())


def test_some_contributions_are_the_largest_of_all(spark: SparkSession, booster: xgb.Booster) -> None:
    frame = spark.createDataFrame([(1, "DL", 0.9, 3), (2, None, None, None)], SCHEMA)
    every = predict(frame, of(booster), contributions=3).orderBy("id").collect()
    first = predict(frame, of(booster), contributions=1).orderBy("id").collect()
    assert [row["contributions"] for row in first] == [row["contributions"][:1] for row in every]


def test_contributions_can_be_asked_for_by_sql(spark: SparkSession, booster: xgb.Booster) -> None:
    frame = spark.createDataFrame([(1, "DL", 0.9, 3)], SCHEMA)
    scored = predict(frame, of(booster), contributions=2)
    found = scored.select("id", F.inline("contributions")).where("contribution > 0").collect()
    assert [(row["id"], row["input"], row["value"]) for row in found] == [(1, "carrier", "DL"), (1, "late_rate", "0.9")]


def test_contributions_of_several_classes_are_those_to_the_predicted_one(spark: SparkSession) -> None:
    random = np.random.default_rng(5)
    numbers = np.column_stack([random.integers(0, 3, 500), random.random(500), random.integers(0, 24, 500)])
    labels = (numbers[:, 0] + numbers[:, 1] + numbers[:, 2] / 12 + random.random(500)).astype(int) % 4
    data = xgb.DMatrix(numbers, labels, feature_types=INPUTS.types, enable_categorical=True, nthread=1)
    asked = {"objective": "multi:softprob", "num_class": 4, "max_depth": 3, "seed": 1, "nthread": 1}
    booster, classes = xgb.train(asked, data, 10), ("east", "north", "south", "west")
    rows = [(n, ["AA", "DL", "UA"][n % 3], n / 60, n % 24) for n in range(60)]
    frame = spark.createDataFrame(rows, SCHEMA)
    scored = predict(frame, of(booster, classes), keep=["id"], contributions=3).orderBy("id").collect()
    matrix = np.array([[n % 3, n / 60, n % 24] for n in range(60)])
    given = xgb.DMatrix(matrix, feature_types=INPUTS.types, enable_categorical=True)
    native = booster.predict(given, iteration_range=(0, BEST + 1)).astype(float)
    margins = booster.predict(given, iteration_range=(0, BEST + 1), output_margin=True)
    for row, shares, margin in zip(scored, native, margins, strict=True):
        assert row["probabilities"] == dict(zip(classes, shares.tolist(), strict=True))
        assert (row["score"], row["predicted"]) == (shares.max(), classes[int(shares.argmax())])
        moved = row["bias"] + sum(each["contribution"] for each in row["contributions"])
        assert moved == pytest.approx(margin[shares.argmax()], abs=1e-4)
    assert {row["predicted"] for row in scored} > {"north"}
