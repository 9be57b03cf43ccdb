"""Metrics against scikit-learn's, with ties, for all splits at once."""

import math
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from model.tasks.binary import evaluate


def calibration_error(labels: list[int], scores: list[float]) -> float:
    """Over ten bins of equal width: |mean score - label rate|, weighted by rows."""
    gap = 0.0
    for n in range(10):
        inside = [(y, p) for y, p in zip(labels, scores, strict=True) if min(int(p * 10), 9) == n]
        if inside:
            gap += abs(sum(p for _, p in inside) / len(inside) - sum(y for y, _ in inside) / len(inside)) * len(inside)
    return gap / len(labels)


def test_evaluate_measures_as_scikit_learn_does(spark: SparkSession) -> None:
    random = np.random.default_rng(3)
    splits: dict[str, tuple[list[int], list[float]]] = {}
    for split, rows, steps in (("train", 400, 10**6), ("validation", 300, 20), ("holdout", 50, 3)):
        scores = (random.integers(1, steps, rows) / steps).tolist()  # few steps: many ties
        splits[split] = ([int(label) for label in random.random(rows) < np.array(scores)], scores)
    rows_ = [(s, bool(y), p) for s, (ys, ps) in splits.items() for y, p in zip(ys, ps, strict=True)]
    found = evaluate(spark.createDataFrame(rows_, "split string, label boolean, score double").repartition(3))
    assert {split: tuple(metrics.values()) for split, metrics in found.items()} == {
        split: pytest.approx(
            (
                len(ys), sum(ys), roc_auc_score(ys, ps), log_loss(ys, ps), brier_score_loss(ys, ps),
                calibration_error(ys, ps),
            ),
            rel=1e-12,
        )
        for split, (ys, ps) in splits.items()
    }  # fmt: skip


def test_evaluate_at_the_ends(spark: SparkSession) -> None:
    rows = [
        ("perfect", 1, 1.0), ("perfect", 0, 0.0),
        ("wrong", 1, 0.0), ("wrong", 0, 1.0),
        ("tied", 1, 0.5), ("tied", 0, 0.5),
        ("one class", 0, 0.25), ("one class", 0, 0.75),
    ]  # fmt: skip
    found = evaluate(spark.createDataFrame(rows, "night string, label int, score double"), "night")
    far = -math.log(1e-15)
    expected: dict[str, Any] = {
        "perfect": (2, 1, 1.0, pytest.approx(0.0, abs=1e-14), 0.0, 0.0),
        "wrong": (2, 1, 0.0, pytest.approx(far, rel=1e-3), 1.0, 1.0),
        "tied": (2, 1, 0.5, pytest.approx(math.log(2)), 0.25, 0.0),
        "one class": (
            2, 0, pytest.approx(math.nan, nan_ok=True), pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2), 0.3125, 0.5,
        ),
    }  # fmt: skip
    assert {night: tuple(metrics.values()) for night, metrics in found.items()} == expected


def test_evaluate_of_no_rows_is_no_splits(spark: SparkSession) -> None:
    assert evaluate(spark.createDataFrame([], "split string, label boolean, score double")) == {}
