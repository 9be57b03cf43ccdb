"""Metrics of several classes against scikit-learn's, with ties, for all splits at once."""

import math
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from model.tasks.multiclass import evaluate

CLASSES = ["high", "low", "middle"]
SCHEMA = "split string, label string, score double, predicted string, probabilities map<string, double>"


def scored(split: str, label: str, probabilities: list[float]) -> tuple[Any, ...]:
    best = int(np.argmax(probabilities))
    return split, label, probabilities[best], CLASSES[best], dict(zip(CLASSES, probabilities, strict=True))


def calibration_error(right: list[bool], scores: list[float]) -> float:
    """Over ten bins of equal width: |mean score - share right|, weighted by rows."""
    gap = 0.0
    for n in range(10):
        inside = [(r, p) for r, p in zip(right, scores, strict=True) if min(int(p * 10), 9) == n]
        gap += abs(sum(p for _, p in inside) - sum(r for r, _ in inside))
    return gap / len(right)


def test_evaluate_measures_as_scikit_learn_does(spark: SparkSession) -> None:
    random = np.random.default_rng(3)
    splits: dict[str, tuple[list[str], list[list[float]]]] = {}
    for split, rows, steps in (("train", 400, 10**6), ("validation", 300, 20), ("holdout", 60, 3)):
        raw = random.integers(1, steps, (rows, 3))  # few steps: many ties
        shares = raw / raw.sum(axis=1, keepdims=True)
        labels = [str(random.choice(CLASSES, p=each)) for each in shares]
        splits[split] = labels, shares.tolist()
    made = [scored(split, y, p) for split, (ys, ps) in splits.items() for y, p in zip(ys, ps, strict=True)]
    found = evaluate(spark.createDataFrame(made, SCHEMA).repartition(3))
    for split, (ys, ps) in splits.items():
        best = [CLASSES[int(np.argmax(each))] for each in ps]
        right = [y == z for y, z in zip(ys, best, strict=True)]
        squares = [
            sum((p - (name == y)) ** 2 for name, p in zip(CLASSES, each, strict=True))
            for y, each in zip(ys, ps, strict=True)
        ]
        assert tuple(found[split].values()) == pytest.approx(
            (
                len(ys), 3, log_loss(ys, ps, labels=CLASSES), accuracy_score(ys, best),
                roc_auc_score(ys, ps, multi_class="ovr", labels=CLASSES), sum(squares) / len(ys),
                calibration_error(right, [max(each) for each in ps]),
            ),
            rel=1e-12,
        ), split  # fmt: skip


def test_evaluate_of_a_class_that_training_had_not_seen(spark: SparkSession) -> None:
    rows = [scored("a", "high", [0.5, 0.25, 0.25]), scored("a", "new", [0.5, 0.25, 0.25])]
    found = evaluate(spark.createDataFrame(rows, SCHEMA))["a"]
    assert (found["classes"], found["accuracy"]) == (1, 0.5)
    assert found["log_loss"] == pytest.approx((math.log(2) - math.log(1e-15)) / 2)
    assert found["auc"] == 0.5  # of the one class that occurs, by a tie


def test_evaluate_of_one_class_has_no_auc_and_of_no_rows_no_splits(spark: SparkSession) -> None:
    found = evaluate(spark.createDataFrame([scored("a", "low", [0.0, 1.0, 0.0])], SCHEMA))["a"]
    assert math.isnan(found["auc"])
    assert (found["accuracy"], found["brier"], found["calibration_error"]) == (1.0, 0.0, 0.0)
    assert found["log_loss"] == pytest.approx(0.0, abs=1e-14)
    assert evaluate(spark.createDataFrame([], SCHEMA)) == {}
