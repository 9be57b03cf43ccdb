"""Records that alone speak of their key are what the chain says of them, and of a small batch nothing is asked."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from silver import alone
from silver.alone import apart
from silver.versions import Rules, chain

RULES = Rules(("k",), ("value",))
SCHEMA = "k int, value int, valid_from timestamp, source_file string, source_position bigint, batch int"
BASE = datetime(2013, 3, 1, tzinfo=UTC)


def rows(keys: range, random: Random, batch: int) -> list[tuple[object, ...]]:
    return [
        (random.choice(keys), random.randrange(3), BASE + timedelta(hours=random.randrange(5)), "f", n, batch)
        for n in range(60)
    ]


@pytest.mark.parametrize("history", [True, False])
def test_apart_and_together_are_the_whole(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, history: bool) -> None:
    monkeypatch.setattr(alone, "FROM_ROWS", 0)
    random = Random(7)  # noqa: S311  # no secret
    incoming = spark.createDataFrame(rows(range(100), random, 2), SCHEMA)
    before = spark.createDataFrame(rows(range(50, 150), random, 1), SCHEMA)
    existing = None
    if history:
        existing = (
            chain(None, before, RULES).drop("is_new", "changes").join(incoming.select("k").distinct(), "k", "left_semi")
        )
    whole = chain(existing, incoming, RULES)
    with apart(existing, incoming, RULES, 60) as (shared, together, single):
        assert single is not None
        assert 0 < single.count() < 60
        parts = chain(shared, together, RULES).unionByName(single)
        assert_df_equality(parts, whole, ignore_row_order=True, ignore_nullable=True, ignore_column_order=True)


@pytest.mark.parametrize(("rows", "rules"), [(9, RULES), (10**6, Rules(("k",), ("value",), "snapshot"))])
def test_a_small_batch_and_a_snapshot_are_put_in_order_as_they_are(
    spark: SparkSession, rows: int, rules: Rules
) -> None:
    incoming = spark.range(1).select(F.col("id").alias("k"))
    with apart(None, incoming, rules, rows) as parts:
        assert parts == (None, incoming, None)


def test_too_many_shared_keys_are_put_in_order_all(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "FROM_ROWS", 0)
    monkeypatch.setattr(alone, "MOST_SHARED", 0)
    incoming = spark.range(2).select(F.lit(1).alias("k"))
    with apart(None, incoming, RULES, 2) as parts:
        assert parts == (None, incoming, None)
