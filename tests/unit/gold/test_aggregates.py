"""Aggregates on their own: edges of each, sums that do not depend on the order of rows, and the registry."""

from random import Random
from typing import Any

import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import FeatureTable
from assay.errors import ConfigError
from gold import aggregates
from gold.aggregates import AGGREGATES, Values, aggregate, check_aggregates


def aggregated(spark: SparkSession, kind: T.DataType, groups: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """Aggregate -> group -> its value; the place in the list is the order."""
    rows = [(group, place, value) for group, values in groups.items() for place, value in enumerate(values)]
    schema = T.StructType().add("g", "string").add("place", "integer").add("v", kind)
    values = Values(F.col("v"), kind, F.struct("place"))
    names = [name for name in AGGREGATES if name != "rate" or isinstance(kind, T.BooleanType)]
    if not isinstance(kind, T.NumericType):
        names = [name for name in names if name not in ("sum", "mean", "stddev")]
    frame = spark.createDataFrame(rows, schema).groupBy("g").agg(*[AGGREGATES[n](values).alias(n) for n in names])
    found = {row["g"]: row for row in frame.collect()}
    return {name: {group: found[group][name] for group in groups} for name in names}


def test_aggregates_of_whole_numbers(spark: SparkSession) -> None:
    groups: dict[str, list[Any]] = {"some": [3, None, -1, 4], "one": [7], "none": [None], "large": [2**53, 1, 2**53]}
    found = aggregated(spark, T.LongType(), groups)
    assert found["stddev"].pop("large") == pytest.approx(2**53 / 3**0.5)
    assert found == {
        "count": {"some": 3, "one": 1, "none": 0, "large": 3},
        "sum": {"some": 6, "one": 7, "none": None, "large": 2**54 + 1},
        "mean": {"some": 2.0, "one": 7.0, "none": None, "large": float(2**54) / 3},
        "min": {"some": -1, "one": 7, "none": None, "large": 1},
        "max": {"some": 4, "one": 7, "none": None, "large": 2**53},
        "stddev": {"some": 7**0.5, "one": None, "none": None},
        "last": {"some": 4, "one": 7, "none": None, "large": 2**53},
    }


def test_aggregates_of_conditions_and_texts(spark: SparkSession) -> None:
    found = aggregated(spark, T.BooleanType(), {"some": [True, None, False, False, None], "none": [None]})
    assert (found["rate"], found["last"]) == ({"some": 1 / 3, "none": None}, {"some": False, "none": None})
    found = aggregated(spark, T.StringType(), {"some": ["b", "c", "a", None]})
    assert found == {"count": {"some": 3}, "min": {"some": "a"}, "max": {"some": "c"}, "last": {"some": "a"}}


def test_sums_of_fractions_are_exact_whatever_the_order_and_partitions(spark: SparkSession) -> None:
    values = [0.1, 0.2, 0.3, 1e9, -1e9, 1234.567891234, 1e-9] * 20
    groups = {str(seed): Random(seed).sample(values, len(values)) for seed in range(20)}  # noqa: S311 - rows to shuffle, no secret
    found = aggregated(spark, T.DoubleType(), groups)
    assert set(found["sum"].values()) == {20 * 1235167891235 / 10**9}
    assert len(set(found["mean"].values())) == len(set(found["stddev"].values())) == 1


def table(**feature: str) -> FeatureTable:
    return FeatureTable.model_validate({
        "name": "delays", "description": "", "entity": {"carrier": ["carrier"]}, "source": "outcomes",
        "features": {"late": {"description": "", "within": "7d", **feature}},
    })  # fmt: skip


def test_check_aggregates_names_the_nearest_aggregate_there_is() -> None:
    check_aggregates(table(mean="delay"))
    with pytest.raises(ConfigError) as raised:
        check_aggregates(table(maen="delay"))
    assert (raised.value.what, raised.value.found, raised.value.expected) == (
        "There is no aggregate 'maen'.", "maen", "did you mean 'mean'?",
    )  # fmt: skip


def test_aggregate_makes_a_new_one_known(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "AGGREGATES", dict(AGGREGATES))

    @aggregate("first")
    def _first(values: Values) -> Column:
        return F.min_by(values.value, values.order)

    check_aggregates(table(first="delay"))
    assert aggregates.AGGREGATES["first"] is _first
