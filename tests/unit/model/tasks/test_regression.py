"""Metrics of numbers against scikit-learn's."""

import math

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from model.tasks.regression import evaluate

SCHEMA = "split string, label double, score double"


def test_evaluate_measures_as_scikit_learn_does(spark: SparkSession) -> None:
    random = np.random.default_rng(3)
    rows = [(("train", "holdout")[n % 2], *random.normal(10, 4, 2).tolist()) for n in range(300)]
    found = evaluate(spark.createDataFrame(rows, SCHEMA).repartition(3))
    for split in ("train", "holdout"):
        labels = [label for name, label, _ in rows if name == split]
        scores = [score for name, _, score in rows if name == split]
        assert dict(found[split]) == pytest.approx(
            {
                "rows": 150,
                "rmse": root_mean_squared_error(labels, scores),
                "mae": mean_absolute_error(labels, scores),
                "bias": sum(scores) / 150 - sum(labels) / 150,
                "r2": r2_score(labels, scores),
            }
        )


def test_evaluate_of_labels_that_do_not_vary(spark: SparkSession) -> None:
    found = evaluate(spark.createDataFrame([("a", 2.0, 1.0), ("a", 2.0, 3.0)], SCHEMA))
    assert math.isnan(found["a"]["r2"])
    assert (found["a"]["rmse"], found["a"]["mae"], found["a"]["bias"]) == (1.0, 1.0, 0.0)
