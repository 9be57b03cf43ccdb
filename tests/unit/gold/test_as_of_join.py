"""The as-of join, both ways of it, against a loop in plain Python that is too simple to be wrong."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from gold.as_of_files import join_by_files
from gold.as_of_window import join_by_window
from gold.side import Side

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


def by_files(spine: DataFrame, time: str, sides: Sequence[Side]) -> DataFrame:
    """The join in tasks that read files; as many as there are slots."""
    return join_by_files(spine, time, sides, None)


WAYS: list[Callable[[DataFrame, str, Sequence[Side]], DataFrame]] = [by_files, join_by_window]


def table(spark: SparkSession, folder: Path, told: Sequence[Told], **more: Any) -> Side:
    """A Delta table of both keys and what can be asked of it."""
    utc = pa.timestamp("us", "UTC")
    types = [("a", pa.int64()), ("b", pa.int64()), ("time", utc), ("created", utc), ("x", pa.int32())]
    write_deltalake(folder, pa.Table.from_pylist([row._asdict() for row in told], pa.schema(types)))
    rows = spark.read.format("delta").load(str(folder))
    given: dict[str, Any] = {"ttl": TTL, "keys": {"a": "a", "b": "b"}, "features": {"pair__x": "x"}}
    return Side(rows, time="time", created="created", folder=str(folder), **(given | more))


def sides(spark: SparkSession, pairs: Sequence[Told], singles: Sequence[Told], folder: str) -> list[Side]:
    """A table of both keys with a time to live, and one of the second key alone, named differently, without."""
    return [
        table(spark, Path(folder) / "pairs", pairs),
        table(spark, Path(folder) / "singles", singles, keys={"b": "a"}, ttl=None, features={"one__x": "x"}),
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
            newest(singles, ask.time, [(ask.b, "a")], None),
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


@pytest.mark.parametrize("way", WAYS)
@given(spine=asks, pairs=tolds, singles=tolds)
@settings(max_examples=12)
def test_every_row_gets_what_was_last_said(
    spark: SparkSession, way: Any, spine: list[Ask], pairs: list[Told], singles: list[Told]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = way(spark.createDataFrame(spine, SPINE), "time", sides(spark, pairs, singles, folder))
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("ask", "told", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_row_at_the_edge(
    spark: SparkSession, tmp_path: Path, way: Any, ask: Ask, told: list[Told], wanted: int | None
) -> None:
    found = way(spark.createDataFrame([ask], SPINE), "time", [table(spark, tmp_path / "pairs", told)])
    assert rows(found) == [(*ask, wanted)]


@pytest.mark.parametrize("way", WAYS)
def test_equal_rows_of_the_spine_stay_two(spark: SparkSession, tmp_path: Path, way: Any) -> None:
    ask = Ask(1, 2, at(5), "u")
    found = way(
        spark.createDataFrame([ask, ask], SPINE), "time",
        [table(spark, tmp_path / "pairs", [Told(1, 2, at(4), at(4), 7)])],
    )  # fmt: skip
    assert rows(found) == [(*ask, 7)] * 2
