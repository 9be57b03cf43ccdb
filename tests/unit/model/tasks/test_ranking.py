"""Metrics of rankings against scikit-learn's, ties and groups without anything relevant among them."""

import math

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import ndcg_score

from model.tasks.ranking import evaluate

SCHEMA = "split string, rank_group int, label int, score double"


def test_evaluate_measures_as_scikit_learn_does(spark: SparkSession) -> None:
    random = np.random.default_rng(4)
    groups = [
        (n, random.integers(0, 4, size).tolist(), (random.integers(0, 9, size) / 8).tolist())  # few scores: many ties
        for n, size in enumerate(random.integers(2, 25, 40).tolist())
    ]
    rows = [("holdout", n, y, s) for n, labels, scores in groups for y, s in zip(labels, scores, strict=True)]
    found = evaluate(spark.createDataFrame(rows, SCHEMA).repartition(3))["holdout"]
    telling = [(labels, scores) for _, labels, scores in groups if any(labels)]
    gains = [([2**y - 1 for y in labels], scores) for labels, scores in telling]
    firsts = [
        min(sum(other >= score for other in scores) for y, score in zip(labels, scores, strict=True) if y)
        for labels, scores in telling
    ]
    assert dict(found) == pytest.approx(
        {
            "rows": len(rows),
            "groups": len(telling),
            "ndcg": np.mean([ndcg_score([y], [s]) for y, s in gains]),
            "ndcg_10": np.mean([ndcg_score([y], [s], k=10) for y, s in gains]),
            "mrr": np.mean([1 / first for first in firsts]),
        }
    )


def test_evaluate_of_groups_without_anything_relevant(spark: SparkSession) -> None:
    found = evaluate(spark.createDataFrame([("a", 1, 0, 0.5), ("a", 1, 0, 0.25)], SCHEMA))["a"]
    assert (found["rows"], found["groups"]) == (2, 0)
    assert all(math.isnan(found[name]) for name in ("ndcg", "ndcg_10", "mrr"))
