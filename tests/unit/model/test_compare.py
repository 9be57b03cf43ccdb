"""Champion against challenger where a score is not a number alone."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from assay.config.model import Model
from model.compare import compare

NIGHT = datetime(2013, 3, 1, tzinfo=UTC)
MODEL = Model.model_validate({
    "name": "late", "description": "d", "spine": {"train": "select 1", "score": "select 1"}, "key": ["id"], "gates": {},
    "features": {}, "split": {"holdout": "1d"}, "train": {"every": "1d", "window": "7d"}, "task": "multiclass",
})  # fmt: skip
CLASSES = ("a", "b", "c")


def prediction(key: int, role: str, version: int, shares: tuple[float, ...]) -> tuple[Any, ...]:
    return (
        key,
        NIGHT,
        max(shares),
        CLASSES[int(np.argmax(shares))],
        dict(zip(CLASSES, shares, strict=True)),
        role,
        version,
    )


def test_models_of_several_classes_are_compared_by_all_probabilities(spark: SparkSession) -> None:
    sure, torn = (0.8, 0.1, 0.1), (0.3, 0.3, 0.4)
    made = [prediction(key, "champion", 1, sure) for key in (1, 2, 3)]
    made += [prediction(key, "challenger", 2, torn) for key in (1, 2)]  # the third it has not scored
    schema = "id int, as_of timestamp, score double, predicted string, probabilities map<string, double>, role string, "
    predictions = spark.createDataFrame(made, schema + "model_version int")
    labels = spark.createDataFrame(
        [(key, NIGHT, label) for key, label in ((1, "a"), (2, "c"), (3, "a"))], "id int, as_of timestamp, label string"
    )
    night, every = compare(predictions, labels, MODEL)
    assert (night.as_of, every.as_of, every.versions) == (NIGHT, None, {"champion": (1,), "challenger": (2,)})
    for found in (night, every):
        assert {role: (told["rows"], told["accuracy"]) for role, told in found.metrics.items()} == {
            "champion": (2, 0.5), "challenger": (2, 0.5),
        }  # fmt: skip
        expected = {"champion": -np.log([0.8, 0.1]).mean(), "challenger": -np.log([0.3, 0.4]).mean()}
        assert {role: told["log_loss"] for role, told in found.metrics.items()} == pytest.approx(expected)
