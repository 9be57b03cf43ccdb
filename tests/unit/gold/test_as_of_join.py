"""The as-of join against a loop in plain Python that is too simple to be wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from gold.as_of_join import Side, as_of_join

BASE = datetime(2013, 3, 10, tzinfo=UTC)
TTL = timedelta(hours=3, microseconds=1)


def at(hours: float, microseconds: int = 0) -> datetime:
    """A time of the tests' day."""
    return BASE + timedelta(hours=hours, microseconds=microseconds)


class Ask(NamedTuple):
    """A row of the spine."""

    a: int | None
    b: int | None
    time: datetime | None
    kept: str


class Told(NamedTuple):
    """A row of a table."""

    a: int | None
    b: int | None
    time: datetime
    created: datetime
    x: int | None


SPINE = "a int, b int, time timestamp, kept string"
TOLD = "a bigint, b bigint, time timestamp, created timestamp, x int"


def sides(spark: SparkSession, pairs: Sequence[Told], singles: Sequence[Told]) -> list[Side]:
    """A table of both keys with a time to live, and one of the first key alone, named differently, without."""
    one = spark.createDataFrame(list(singles), TOLD).withColumnRenamed("a", "id")
    return [
        Side(spark.createDataFrame(list(pairs), TOLD), {"a": "a", "b": "b"}, "time", "created", TTL, {"pair__x": "x"}),
        Side(one, {"a": "id"}, "time", "created", None, {"one__x": "x"}),
    ]


def rows(frame: DataFrame) -> list[tuple[Any, ...]]:
    """All rows, times in UTC, sorted."""
    found = [tuple(v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row) for row in frame.collect()]
    return sorted(found, key=repr)


def newest(told: Sequence[Told], time: datetime | None, keys: Sequence[tuple[Any, Any]], ttl: timedelta | None) -> Any:
    """What a table last said of an entity."""
    if time is None or any(key is None for key, _ in keys):
        return None
    seen = [
        row
        for row, mine in ((row, (row.a, row.b)[: len(keys)]) for row in told)
        if mine == tuple(key for key, _ in keys) and row.time <= time and (ttl is None or row.time >= time - ttl)
    ]
    best = max(seen, key=lambda row: (row.time, row.created, row.x is not None, row.x or 0), default=None)
    return best.x if best else None


def expected(spine: Sequence[Ask], pairs: Sequence[Told], singles: Sequence[Told]) -> list[tuple[Any, ...]]:
    found = [
        (
            *ask,
            newest(pairs, ask.time, [(ask.a, "a"), (ask.b, "b")], TTL),
            newest(singles, ask.time, [(ask.a, "a")], None),
        )
        for ask in spine
    ]
    return sorted(found, key=repr)


keys = st.sampled_from([None, 1, 2, 11, 12, 112])
times = st.builds(at, st.integers(0, 8), st.sampled_from([-1, 0, 1]))
asks = st.lists(st.builds(Ask, keys, keys, st.none() | times, st.sampled_from("uv")), max_size=60)
tolds = st.lists(
    st.builds(Told, keys, keys, times, times, st.none() | st.integers(0, 9)), max_size=60
)  # fmt: skip


@given(asks, tolds, tolds)
@settings(max_examples=25)
def test_every_row_gets_what_was_last_said(
    spark: SparkSession, spine: list[Ask], pairs: list[Told], singles: list[Told]
) -> None:
    found = as_of_join(spark.createDataFrame(spine, SPINE), "time", sides(spark, pairs, singles))
    assert found.columns == ["a", "b", "time", "kept", "pair__x", "one__x"]
    assert rows(found) == expected(spine, pairs, singles)


CASES: list[tuple[str, Ask, list[Told], int | None]] = [
    ("a row of the same instant counts", Ask(1, 2, at(5), ""), [Told(1, 2, at(5), at(9), 7)], 7),
    ("a row a microsecond later does not", Ask(1, 2, at(5), ""), [Told(1, 2, at(5, 1), at(0), 7)], None),
    ("as old as may be", Ask(1, 2, at(5), ""), [Told(1, 2, at(2, -1), at(0), 7)], 7),
    ("a microsecond older", Ask(1, 2, at(5), ""), [Told(1, 2, at(2, -2), at(0), 7)], None),
    ("keys are not written one after the other", Ask(1, 12, at(5), ""), [Told(11, 2, at(5), at(5), 7)], None),
    ("NULL is nobody", Ask(1, None, at(5), ""), [Told(1, None, at(5), at(5), 7)], None),
    (
        "of one instant the row created last",
        Ask(1, 2, at(5), ""),
        [Told(1, 2, at(5), at(8), 3), Told(1, 2, at(5), at(9), 2)],
        2,
    ),
    (
        "the newest row counts, also where it says nothing",
        Ask(1, 2, at(5), ""),
        [Told(1, 2, at(4), at(4), 3), Told(1, 2, at(5), at(5), None)],
        None,
    ),
]


@pytest.mark.parametrize(("ask", "told", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_row_at_the_edge(spark: SparkSession, ask: Ask, told: list[Told], wanted: int | None) -> None:
    assert rows(as_of_join(spark.createDataFrame([ask], SPINE), "time", sides(spark, told, []))) == [
        (*ask, wanted, None)
    ]


def test_equal_rows_of_the_spine_stay_two(spark: SparkSession) -> None:
    ask = Ask(1, 2, at(5), "u")
    found = as_of_join(
        spark.createDataFrame([ask, ask], SPINE), "time", sides(spark, [Told(1, 2, at(4), at(4), 7)], [])
    )
    assert rows(found) == [(*ask, 7, None)] * 2
