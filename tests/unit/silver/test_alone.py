"""Records that alone speak of their key are what the chain says of them, and of a small batch nothing is asked."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from silver import alone
from silver.alone import apart
from silver.fates import Fates, fated
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
    with apart(existing, incoming, RULES, 60) as parts:
        assert parts is not None
        assert parts.shared is not None
        assert 0 < parts.alone.count() < 60
        both = chain(parts.known, parts.shared, RULES).unionByName(parts.alone)
        assert_df_equality(both, whole, ignore_row_order=True, ignore_nullable=True, ignore_column_order=True)


@pytest.mark.parametrize("history", [True, False])
def test_where_no_key_is_shared_all_are_versions(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, history: bool
) -> None:
    monkeypatch.setattr(alone, "FROM_ROWS", 0)
    incoming = spark.createDataFrame([(n, n, BASE, "f", n, 1) for n in range(5)], SCHEMA)
    existing = chain(None, incoming.where("false"), RULES).drop("is_new", "changes") if history else None
    with fated(existing, incoming, RULES, 5, [], []) as (records, fates, changes):
        assert (fates, changes) == (Fates(5, 0, 0, 0), 0)
        whole = chain(existing, incoming, RULES)
        assert records.columns == whole.columns
        assert_df_equality(records, whole, ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize(("rows", "rules"), [(9, RULES), (10**6, Rules(("k",), ("value",), "snapshot"))])
def test_a_small_batch_and_a_snapshot_are_put_in_order_as_they_are(
    spark: SparkSession, rows: int, rules: Rules
) -> None:
    incoming = spark.range(1).select(F.col("id").alias("k"))
    with apart(None, incoming, rules, rows) as parts:
        assert parts is None


def test_too_many_shared_keys_are_put_in_order_all(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "FROM_ROWS", 0)
    monkeypatch.setattr(alone, "MOST_SHARED", 0)
    incoming = spark.range(2).select(F.lit(1).alias("k"))
    with apart(None, incoming, RULES, 2) as parts:
        assert parts is None
