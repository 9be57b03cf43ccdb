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
from pyspark.sql import functions as F

from silver.versions import Rules, chain, needed

KEY, CONTENT = ("case", "name"), ("number", "text")
RULES = Rules(KEY, CONTENT)
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
Fates = dict[Record, tuple[str, datetime | None]]
"""Each record's fate, and until when it is valid."""


def frame(spark: SparkSession, records: Sequence[Record], fates: Fates | None = None) -> DataFrame:
    """Records, or with fates the rows of a history."""
    if fates is None:
        return spark.createDataFrame([tuple(record) for record in records], SCHEMA)
    rows = [(*record, *fates[record]) for record in records]
    return spark.createDataFrame(rows, f"{SCHEMA}, fate string, valid_to timestamp")


def landed(spark: SparkSession, records: Sequence[Record], rules: Rules = RULES) -> Fates:
    """The history after every batch: what the chain of a batch's keys says is merged into what was there."""
    history: Fates = {}
    snapshots: list[datetime] = []
    for batch in sorted({record.batch for record in records}):
        incoming = [record for record in records if record.batch == batch]
        keys, since = {record[:2] for record in incoming}, min(record.valid_from for record in incoming)
        mine = [record for record in history if rules.history == "snapshot" or record[:2] in keys]
        existing = needed(frame(spark, mine, history), F.lit(since)) if mine else None
        if rules.history == "snapshot":
            snapshots = sorted({record.valid_from for record in [*history, *incoming] if record.valid_from >= since})
        for row in chain(existing, frame(spark, incoming), rules, snapshots=snapshots).collect():
            record = Record(*(utc(row[name]) for name in Record._fields))
            said = (row["fate"], utc(row["valid_to"]))
            assert row["is_new"] == (record.batch == batch)
            assert row["changes"] == (not row["is_new"] and history[record] != said)
            history[record] = said
    return history


def utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def oracle(records: Sequence[Record]) -> Fates:
    """The fates of records that are all at hand: the last of each instant counts, if it says something new."""
    fates: Fates = {}
    for _, group in groupby(sorted(records, key=lambda r: (r[:2], place(r))), key=lambda r: r[:2]):
        mine = list(group)
        last = {record.valid_from: record for record in mine}
        versions: list[Record] = []
        for record in last.values():
            if not versions or said(versions[-1]) != said(record):
                versions.append(record)
        ends = dict(zip(versions, [*[version.valid_from for version in versions[1:]], None], strict=True))
        for record in mine:
            counts = last[record.valid_from]
            if record in ends:
                fates[record] = ("version", ends[record])
            elif record is counts:
                fates[record] = ("unchanged", record.valid_from)
            else:
                fate = "duplicate" if said(record) == said(counts) else "superseded"
                fates[record] = (fate, record.valid_from)
    return fates


def said(record: Record) -> tuple[int | None, str | None]:
    return record.number, record.text


def place(record: Record) -> tuple[Any, ...]:
    return record[4:8]


def some_records(random: Random, case: int) -> list[Record]:
    """Up to eight records of two keys at four instants, of three files that are a batch each, in any order."""
    batches = {name: random.randrange(3) for name in "abc"}
    records = []
    for position in range(random.randint(1, 8)):
        number, text = random.choice([1, 2, None]), random.choice(["x", None])
        at, file = BASE + timedelta(hours=random.randrange(4)), random.choice("abc")
        records.append(Record(case, random.choice("kl"), number, text, at, file, position, batches[file]))
    random.shuffle(records)
    return records


@settings(max_examples=2, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_chain_gives_one_history_whatever_the_batches(spark: SparkSession, random: Random) -> None:
    records = [record for case in range(600) for record in some_records(random, case)]
    assert landed(spark, records) == oracle(records)


def oracle_of_events(records: Sequence[Record]) -> Fates:
    """The first record of a key is what happened."""
    fates: Fates = {}
    for record in sorted(records, key=lambda r: (r[:2], place(r))):
        first = min((other for other in records if other[:2] == record[:2]), key=place)
        same = "duplicate" if record.valid_from == first.valid_from else "unchanged"
        fate = same if said(record) == said(first) else "superseded"
        fates[record] = ("version", None) if record is first else (fate, record.valid_from)
    return fates


def oracle_of_sequence(records: Sequence[Record]) -> Fates:
    """`number` orders versions: what is out of date when it comes is as if it were not there."""
    kept: list[Record] = []
    fates: Fates = {}
    for _, group in groupby(sorted(records, key=lambda r: (r[:2], r.valid_from)), key=lambda r: r[:2]):
        highest = 0
        for instant, together in groupby(group, key=lambda r: r.valid_from):
            mine = sorted(together, key=lambda r: (r.number, place(r)))
            winner = mine[-1]
            out_of_date = (winner.number or 0) < highest
            highest = max(highest, winner.number or 0)
            for record in mine[:-1]:
                fates[record] = ("duplicate" if said(record) == said(winner) else "superseded", instant)
            if out_of_date:
                fates[winner] = ("superseded", instant)
            else:
                kept.append(winner)
    return fates | oracle(kept)


def oracle_of_snapshots(records: Sequence[Record]) -> Fates:
    """Every available time is a snapshot: a key without a record in it is gone."""
    instants = sorted({record.valid_from for record in records})
    fates = dict(oracle(records))
    for key in {record[:2] for record in records}:
        mine = [record for record in records if record[:2] == key]
        here: dict[datetime, Record] = {record.valid_from: record for record in sorted(mine, key=place)}
        current: Record | None = None
        for instant in instants:
            record = here.get(instant)
            if record is None or current is None or said(record) != said(current):
                if current is not None:
                    fates[current] = ("version", instant)
                current = record
                if record is not None:
                    fates[record] = ("version", None)
            else:
                fates[record] = ("unchanged", instant)
    return fates


def some_numbered_records(random: Random, case: int) -> list[Record]:
    """As `some_records`, but a record without a number is refused before."""
    return [record for record in some_records(random, case) if record.number is not None]


@settings(max_examples=1, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_events_stay_as_they_first_were_whatever_the_batches(spark: SparkSession, random: Random) -> None:
    records = [record for case in range(400) for record in some_records(random, case)]
    assert landed(spark, records, Rules(KEY, CONTENT, "events")) == oracle_of_events(records)


@settings(max_examples=1, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_a_sequence_orders_versions_whatever_the_batches(spark: SparkSession, random: Random) -> None:
    records = [record for case in range(400) for record in some_numbered_records(random, case)]
    assert landed(spark, records, Rules(KEY, CONTENT, sequence="number")) == oracle_of_sequence(records)


@settings(max_examples=2, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_a_key_that_a_snapshot_lacks_is_gone_whatever_the_batches(spark: SparkSession, random: Random) -> None:
    """All keys of a history share its snapshots, so a history is few keys and all their records."""
    records = []
    for position in range(60):
        number, text = random.choice([1, 2, None]), random.choice(["x", None])
        when, file = BASE + timedelta(hours=random.randrange(6)), random.choice("abcd")
        records.append(Record(random.randrange(8), "k", number, text, when, file, position, "abcd".index(file)))
    assert landed(spark, records, Rules(KEY, CONTENT, "snapshot")) == oracle_of_snapshots(records)


def test_a_key_that_comes_back_after_a_snapshot_without_it_is_a_new_version(spark: SparkSession) -> None:
    first, back = Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 1, "x", at(2), "c", 0, 2)
    others = [Record(2, "k", 1, "x", at(n), "abc"[n], 1, n) for n in range(3)]
    assert landed(spark, [first, back, *others], Rules(KEY, CONTENT, "snapshot")) == {
        first: ("version", at(1)), back: ("version", None), others[0]: ("version", None),
        others[1]: ("unchanged", at(1)), others[2]: ("unchanged", at(2)),
    }  # fmt: skip


def at(hours: int) -> datetime:
    return BASE + timedelta(hours=hours)


def test_a_late_record_between_equal_ones_makes_a_version_of_the_one_that_said_nothing_new(spark: SparkSession) -> None:
    first, again = Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 1, "x", at(2), "b", 0, 1)
    assert landed(spark, [first, again]) == {first: ("version", None), again: ("unchanged", at(2))}
    late = Record(1, "k", 2, "y", at(1), "c", 0, 2)
    assert landed(spark, [first, again, late]) == {
        first: ("version", at(1)), late: ("version", at(2)), again: ("version", None),
    }  # fmt: skip


RESULT = f"{SCHEMA}, fate string, valid_to timestamp, is_new boolean, changes boolean"


def test_chain_says_of_every_record_what_it_is_and_until_when(spark: SparkSession) -> None:
    known = [Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 2, "x", at(4), "a", 1, 0)]
    batch = [
        Record(1, "k", 3, None, at(2), "b", 0, 1),  # a correction of what held from 0 to 4
        Record(1, "k", 3, None, at(3), "b", 1, 1),  # says it again
        Record(1, "k", 5, "x", at(4), "b", 2, 1),  # something else than the next
        Record(1, "k", 6, "x", at(4), "b", 3, 1),  # replaces the version of the same instant
        Record(1, "k", 6, "x", at(4), "b", 4, 1),  # the same twice: the last stands for both
        Record(1, "l", None, None, at(1), "b", 5, 1),  # a new key
        Record(1, "l", None, None, at(2), "b", 6, 1),  # NULL is the same as NULL
    ]
    existing = frame(spark, known, {known[0]: ("version", at(4)), known[1]: ("version", None)})
    expected: list[tuple[Any, ...]] = [
        (*known[0], "version", at(2), False, True),
        (*known[1], "superseded", at(4), False, True),
        (*batch[0], "version", at(4), True, False),
        (*batch[1], "unchanged", at(3), True, False),
        (*batch[2], "superseded", at(4), True, False),
        (*batch[3], "duplicate", at(4), True, False),
        (*batch[4], "version", None, True, False),
        (*batch[5], "version", None, True, False),
        (*batch[6], "unchanged", at(2), True, False),
    ]
    assert_df_equality(
        chain(existing, frame(spark, batch), RULES), spark.createDataFrame(expected, RESULT),
        ignore_row_order=True, ignore_nullable=True,
    )  # fmt: skip


def test_chain_fills_columns_that_the_history_does_not_have_yet(spark: SparkSession) -> None:
    known, again = Record(1, "k", 1, None, at(0), "a", 0, 0), Record(1, "k", 1, "x", at(1), "b", 0, 1)
    existing = frame(spark, [known], {known: ("version", None)}).drop("text")
    expected = [(*known, "version", at(1), False, True), (*again, "version", None, True, False)]
    assert_df_equality(
        chain(existing, frame(spark, [again]), RULES), spark.createDataFrame(expected, RESULT),
        ignore_row_order=True, ignore_nullable=True,
    )  # fmt: skip


def test_what_is_over_before_a_batch_begins_is_not_needed(spark: SparkSession) -> None:
    over, unchanged, valid, later = (Record(1, "k", n, "x", at(hour), "a", n, 0) for n, hour in enumerate((0, 1, 2, 5)))
    fates: Fates = {
        over: ("version", at(2)), unchanged: ("unchanged", at(1)), valid: ("version", at(5)), later: ("version", None),
    }  # fmt: skip
    found = needed(frame(spark, list(fates), fates), F.lit(at(3))).orderBy("valid_from").collect()
    assert [row["number"] for row in found] == [valid.number, later.number]


@pytest.mark.parametrize("existing", [False, True])
def test_chain_of_a_source_that_is_all_key_keeps_the_first_record(spark: SparkSession, existing: bool) -> None:
    first, again = Record(1, "k", 1, "x", at(0), "a", 0, 0), Record(1, "k", 1, "x", at(1), "b", 0, 1)
    history = frame(spark, [first], {first: ("version", None)}) if existing else None
    incoming = frame(spark, [again] if existing else [first, again])
    found = chain(history, incoming, Rules((*KEY, *CONTENT), ())).orderBy("valid_from").collect()
    assert [(row["fate"], utc(row["valid_to"])) for row in found] == [("version", None), ("unchanged", at(1))]
