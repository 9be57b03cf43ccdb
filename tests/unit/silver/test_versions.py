"""Versions in available time: the same history however records are split into batches, and what one batch adds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, NamedTuple

import pytest
from chispa import assert_df_equality
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from silver.versions import chain

KEY, CONTENT = ("case", "name"), ("number", "text")
BASE = datetime(2013, 3, 1, tzinfo=UTC)


class Record(NamedTuple):
    """An accepted row."""

    case: int
    name: str
    number: int | None
    text: str | None
    valid_from: datetime
    source_file: str
    source_position: int
    batch: int


SCHEMA = (
    "case int, name string, number int, text string, valid_from timestamp, source_file string, "
    "source_position bigint, batch int"
)
Versions = list[tuple[int | None, str | None, datetime, datetime | None, str, int]]


def frame(spark: SparkSession, records: Sequence[Record]) -> DataFrame:
    return spark.createDataFrame([tuple(record) for record in records], SCHEMA)


def landed(spark: SparkSession, records: Sequence[Record]) -> dict[tuple[int, str], Versions]:
    """The histories after every batch, each merged into what the batches before it left."""
    everything, history = frame(spark, records), None
    for batch in sorted({record.batch for record in records}):
        incoming = everything.where(f"batch = {batch}")
        history = chain(history, incoming, KEY, CONTENT).where("kept").drop("kept", "is_new")
    assert history is not None
    found: dict[tuple[int, str], Versions] = {}
    for row in history.orderBy(*KEY, "valid_from", "source_file", "source_position").collect():
        ends = row["valid_to"] and row["valid_to"].replace(tzinfo=UTC)
        begins = row["valid_from"].replace(tzinfo=UTC)
        version = (row["number"], row["text"], begins, ends, row["source_file"], row["source_position"])
        found.setdefault((row["case"], row["name"]), []).append(version)
    return found


def oracle(records: Sequence[Record]) -> dict[tuple[int, str], Versions]:
    """The histories of records that are all at hand: the last of each instant, where it says something new."""
    histories: dict[tuple[int, str], Versions] = {}
    for key, group in groupby(sorted(records, key=lambda r: (r[:2], place(r))), key=lambda r: (r.case, r.name)):
        last = {record.valid_from: record for record in group}
        versions: list[Record] = []
        for record in last.values():
            if not versions or versions[-1][2:4] != record[2:4]:
                versions.append(record)
        ends = [*[version.valid_from for version in versions[1:]], None]
        histories[key] = [(*v[2:5], end, *v[5:7]) for v, end in zip(versions, ends, strict=True)]
    return histories


def place(record: Record) -> tuple[datetime, str, int]:
    return record[4:7]


def some_records(random: Random, case: int, *, repeats: bool) -> list[Record]:
    """Up to eight records of two keys at four instants, of three files that are a batch each, in any order."""
    batches = {name: random.randrange(3) for name in "abc"}
    records = []
    for position in range(random.randint(1, 8)):
        number = random.choice([1, 2, None]) if repeats else position
        text = random.choice(["x", None]) if repeats else None
        at, file = BASE + timedelta(hours=random.randrange(4)), random.choice("abc")
        records.append(Record(case, random.choice("kl"), number, text, at, file, position, batches[file]))
    random.shuffle(records)
    return records


def in_order(random: Random, records: list[Record]) -> list[Record]:
    """The same records, in batches that never go back in available time."""
    cuts = sorted(random.randrange(len(records) + 1) for _ in range(2))
    ordered = sorted(records, key=place)
    placed = [record._replace(batch=sum(n >= cut for cut in cuts)) for n, record in enumerate(ordered)]
    random.shuffle(placed)
    return placed


@settings(max_examples=2, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_chain_gives_one_history_whatever_the_batches(spark: SparkSession, random: Random) -> None:
    records: list[Record] = []
    for case in range(0, 600, 3):
        records += [r._replace(batch=0) for r in some_records(random, case, repeats=True)]
        records += in_order(random, some_records(random, case + 1, repeats=True))
        records += some_records(random, case + 2, repeats=False)
    assert landed(spark, records) == oracle(records)


def at(hours: int) -> datetime:
    return BASE + timedelta(hours=hours)


@pytest.mark.xfail(
    reason="the record that said 1 again at 02:00 is not kept, so a late 2 at 01:00 hides it", strict=True
)
def test_chain_gives_one_history_when_a_late_batch_comes_between_equal_contents(spark: SparkSession) -> None:
    late = Record(1, "k", 2, "y", at(1), "c", 0, 2)
    records = [Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 1, "x", at(2), "b", 0, 1), late]
    assert landed(spark, records) == oracle(records)


RESULT = f"{SCHEMA}, is_new boolean, kept boolean, valid_to timestamp"


def test_chain_says_of_every_row_whether_it_is_a_version_and_until_when(spark: SparkSession) -> None:
    known = [Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 2, "x", at(4), "a", 1, 0)]
    batch = [
        Record(1, "k", 3, None, at(2), "b", 0, 1),  # a correction of what held from 0 to 4
        Record(1, "k", 3, None, at(3), "b", 1, 1),  # says it again
        Record(1, "k", 5, "x", at(4), "b", 2, 1),  # replaced by the next at once
        Record(1, "k", 6, "x", at(4), "b", 3, 1),  # replaces the version of the same instant
        Record(1, "l", None, None, at(1), "b", 4, 1),  # a new key
        Record(1, "l", None, None, at(2), "b", 5, 1),  # NULL is the same as NULL
    ]
    existing = frame(spark, known).selectExpr("*", "CAST(NULL AS TIMESTAMP) AS valid_to", "'more' AS dropped")
    expected: list[tuple[Any, ...]] = [
        (*known[0], False, True, at(2)),
        (*known[1], False, False, None),
        (*batch[0], True, True, at(4)),
        (*batch[1], True, False, None),
        (*batch[2], True, False, None),
        (*batch[3], True, True, None),
        (*batch[4], True, True, None),
        (*batch[5], True, False, None),
    ]
    assert_df_equality(
        chain(existing, frame(spark, batch), KEY, CONTENT), spark.createDataFrame(expected, RESULT),
        ignore_row_order=True, ignore_nullable=True,
    )  # fmt: skip


def test_chain_fills_columns_that_the_history_does_not_have_yet(spark: SparkSession) -> None:
    known, again = Record(1, "k", 1, None, at(0), "a", 0, 0), Record(1, "k", 1, "x", at(1), "b", 0, 1)
    existing = frame(spark, [known]).drop("text")
    expected = [(*known, False, True, at(1)), (*again, True, True, None)]
    assert_df_equality(
        chain(existing, frame(spark, [again]), KEY, CONTENT), spark.createDataFrame(expected, RESULT),
        ignore_row_order=True, ignore_nullable=True,
    )  # fmt: skip


@pytest.mark.parametrize("existing", [False, True])
def test_chain_of_a_source_that_is_all_key_keeps_the_first_record(spark: SparkSession, existing: bool) -> None:
    first, again = Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 1, "x", at(1), "b", 0, 1)
    history = frame(spark, [first]) if existing else None
    incoming = frame(spark, [again] if existing else [first, again])
    found = chain(history, incoming, (*KEY, *CONTENT), ()).where("kept").select("valid_from", "valid_to").collect()
    assert [(row[0].replace(tzinfo=UTC), row[1]) for row in found] == [(at(0), None)]
