"""Tables written in slices: the newest slice speaks alone, and who is not in it is empty; against a plain loop."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from assay.config import FeatureTable
from gold.as_of_files import join_by_files
from gold.as_of_window import join_by_window
from gold.side import Side
from gold.slices import empty_values

BASE = datetime(2013, 3, 10, tzinfo=UTC)
TTL = timedelta(hours=3)


class Ask(NamedTuple):
    """A row of the spine."""

    key: str | None
    time: datetime | None


class Told(NamedTuple):
    """A row of a table."""

    key: str | None
    time: datetime
    created: datetime
    n: int | None
    last: str | None


def hour(number: int) -> datetime:
    return BASE + timedelta(hours=number)


def expected(ask: Ask, told: Sequence[Told], *, from_creation: bool) -> tuple[int | None, str | None]:
    """What the newest slice says of an entity."""
    if ask.key is None or ask.time is None:
        return None, None
    slices = {time: [row for row in told if row.time == time] for time in {row.time for row in told}}
    known = [
        time
        for time, rows in slices.items()
        if time <= ask.time and (not from_creation or min(row.created for row in rows) <= ask.time)
    ]
    if not known or max(known) < ask.time - TTL:
        return None, None
    newest = slices[max(known)]
    mine = [row for row in newest if row.key == ask.key and (not from_creation or row.created <= ask.time)]
    if mine:
        best = max(mine, key=lambda row: (row.created, row.n is not None, row.n or 0, row.last or ""))
        return best.n, best.last
    return (0 if any(row.n is not None for row in newest) else None), None


keys = st.sampled_from([None, "a", "b", "c"])
hours = st.integers(0, 8).map(hour)
asks = st.lists(st.builds(Ask, keys, st.none() | hours), max_size=40)
tolds = st.lists(
    st.builds(Told, keys, hours, hours, st.none() | st.integers(1, 9), st.sampled_from([None, "x", "y"])), max_size=25
)


def sliced(spark: SparkSession, folder: str, told: Sequence[Told], **more: Any) -> Side:
    """A Delta table in slices."""
    utc = pa.timestamp("us", "UTC")
    types = [("key", pa.string()), ("time", utc), ("created", utc), ("n", pa.int64()), ("last", pa.string())]
    write_deltalake(folder, pa.Table.from_pylist([row._asdict() for row in told], pa.schema(types)))
    rows = spark.read.format("delta").load(folder)
    given: dict[str, Any] = {"features": {"t__n": "n", "t__last": "last"}, "empty": {"t__n": "0"}}
    return Side(rows, {"key": "key"}, "time", "created", TTL, folder=folder, **(given | more))


@pytest.mark.parametrize(("way", "from_creation"), [("files", False), ("window", False), ("window", True)])
@given(spine=asks, told=tolds)
@settings(max_examples=8)
def test_the_newest_slice_speaks_alone(
    spark: SparkSession, way: str, from_creation: bool, spine: list[Ask], told: list[Told]
) -> None:
    asked = spark.createDataFrame(spine, "key string, time timestamp")
    with tempfile.TemporaryDirectory() as folder:
        side = sliced(spark, folder, told, from_creation=from_creation)
        found = join_by_files(asked, "time", [side], 40) if way == "files" else join_by_window(asked, "time", [side])
        rows = [(row["key"], row["time"] and row["time"].replace(tzinfo=UTC), *row[2:]) for row in found.collect()]
    wanted = [(*ask, *expected(ask, told, from_creation=from_creation)) for ask in spine]
    assert sorted(rows, key=repr) == sorted(wanted, key=repr)


@pytest.mark.parametrize("way", ["files", "window"])
def test_sides_without_rows_say_nothing(spark: SparkSession, tmp_path: Path, way: str) -> None:
    two = sliced(spark, str(tmp_path / "two"), [])
    sides = [sliced(spark, str(tmp_path / "one"), [], features={"one__n": "n"}, empty=None), two]
    asked = spark.createDataFrame([("a", hour(1))], "key string, time timestamp")
    found = join_by_files(asked, "time", sides, 1) if way == "files" else join_by_window(asked, "time", sides)
    assert [tuple(row)[2:] for row in found.collect()] == [(None, None, None)]


FEATURES: dict[str, dict[str, Any]] = {
    "n": {"count": "*", "windows": ["1d", "7d"]},
    "total": {"sum": "x"},
    "kinds": {"distinct": "x"},
    "newest": {"last": "x"},
    "days": {"expression": "n_7d - n_1d"},
    "share": {"expression": "n_1d / n_7d"},
    "word": {"expression": "if(n_7d = 0, 'quiet', 'busy')"},
    "of_word": {"expression": "concat(word, '!')"},
    "half": {"expression": "coalesce(total_7d, 0.1D)"},
    "later": {"expression": "not_built + 1"},
}


def columns(ddl: str) -> T.StructType:
    return cast("T.StructType", T.StructType.fromDDL(ddl))


@pytest.fixture
def table() -> FeatureTable:
    return FeatureTable.model_validate({
        "name": "t", "description": "", "entity": {"e": ["k"]}, "source": "s", "windows": ["7d"],
        "features": {name: {"description": "", **feature} for name, feature in FEATURES.items()},
    })  # fmt: skip


def test_an_entity_without_an_event_has_the_empty_values_and_what_expressions_make_of_them(
    spark: SparkSession, table: FeatureTable
) -> None:
    schema = columns(
        "k string, n_1d bigint, n_7d bigint, total_7d double, kinds_7d bigint, newest_7d string, days bigint,"
        "share double, word string, of_word string, half double, later bigint"
    )
    assert empty_values(spark, table, schema) == {
        "n_1d": "0", "n_7d": "0", "kinds_7d": "0", "days": "0", "word": "quiet", "of_word": "quiet!", "half": "0.1",
    }  # fmt: skip


def test_a_column_that_is_not_built_has_no_empty_value(spark: SparkSession, table: FeatureTable) -> None:
    schema = columns("k string, n_1d bigint, days bigint")
    assert empty_values(spark, table, schema) == {"n_1d": "0"}
