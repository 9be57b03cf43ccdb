"""Feature rows as of given times, against a loop in plain Python that is too simple to be wrong."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from assay.config import FeatureTable
from assay.errors import FeatureError
from gold.aggregates import AGGREGATES as REGISTRY
from gold.compute import compute

BASE = datetime(2013, 3, 10, tzinfo=UTC)  # the clocks of New York go forward on this day
AS_OFS = [BASE + timedelta(hours=hours) for hours in (7, 9, 12)]
AGGREGATES: list[dict[str, Any]] = [
    {"count": "*"}, {"count": "x"}, {"sum": "x"}, {"sum": "y"}, {"sum": "d"}, {"mean": "x"}, {"mean": "y"},
    {"min": "y"}, {"max": "x"}, {"stddev": "x"}, {"stddev": "y"}, {"rate": "flag"}, {"last": "y"},
    {"last": "x", "where": "flag"}, {"sum": "y", "where": "x > 0"}, {"mean": "x", "windows": ["1h"]},
    {"last": "x", "within": "4h"}, {"variance": "y"}, {"first": "x"}, {"last_age": "y"}, {"distinct": "x"},
    {"most_frequent": "x"}, {"count": "*", "by": {"x": [0, 7]}}, {"sum": "y", "by": {"flag": [True]}, "within": "5h"},
    {"expression": "f0_6h - coalesce(f1_3h, 0)"},
]  # fmt: skip


class Row(NamedTuple):
    """A row of a history."""

    case: int
    name: str | None
    at: datetime | None
    x: int | None
    y: float | None
    d: Decimal | None
    flag: bool | None
    valid_from: datetime
    valid_to: datetime | None
    source_file: str
    source_position: int


SCHEMA = (
    "case int, name string, at timestamp, x bigint, y double, d decimal(9,2), flag boolean, valid_from timestamp, "
    "valid_to timestamp, source_file string, source_position bigint"
)


def definition(*features: dict[str, Any], delay: int = 0) -> FeatureTable:
    """A table of features named f0, f1, ..., over three and six hours where they do not say."""
    return FeatureTable.model_validate({
        "name": "delays", "description": "", "entity": {"route": ["case", "name"]}, "source": "outcomes",
        "delay": timedelta(hours=delay), "windows": ["3h", "6h"],
        "features": {f"f{n}": {"description": "", **feature} for n, feature in enumerate(features)},
    })  # fmt: skip


def frame(spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    return spark.createDataFrame([tuple(row) for row in rows], SCHEMA)


Found = dict[tuple[Any, ...], tuple[Any, ...]]


def collected(features: DataFrame) -> Found:
    """(keys, as_of) -> features; a row that comes twice is an error."""
    rows = [tuple(v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row) for row in features.collect()]
    found = {row[:3]: row[3:] for row in rows}
    assert len(found) == len(rows)
    return found


def in_window(row: Row, as_of: datetime, table: FeatureTable, window: timedelta | None, *, timed: bool) -> bool:
    end = as_of - table.delay
    start = end - window if window else datetime.min.replace(tzinfo=UTC)
    if timed:
        return row.at is not None and start <= row.at < end
    return start < row.valid_from <= end


def exact(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("1e-9"), ROUND_HALF_UP)


def deviation(values: list[Any]) -> float | None:
    if len(values) < 2:
        return None
    whole, n = isinstance(values[0], int), len(values)
    total = float(sum(values) if whole else sum(map(exact, values)))
    squares = float(sum(value * value if whole else exact(value * value) for value in values))
    found = math.sqrt(max(0.0, squares - total * total / n) / (n - 1))
    assert found == pytest.approx(statistics.stdev(values), rel=1e-7, abs=1e-4)
    return found


def total(values: list[Any]) -> Any:
    if not values or isinstance(values[0], int):
        return sum(values) if values else None
    return float(sum(exact(value) if isinstance(value, float) else value for value in values))


ORACLE: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "sum": total,
    "mean": lambda values: float(total(values)) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "stddev": deviation,
    "rate": lambda values: sum(values) / len(values) if values else None,
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "variance": lambda values: None if len(values) < 2 else pytest.approx((deviation(values) or 0) ** 2),
    "distinct": lambda values: len(set(values)),
    "most_frequent": lambda values: min((-values.count(value), value) for value in values)[1] if values else None,
}
CONDITIONS: dict[str | None, Callable[[Row], bool | None]] = {
    None: lambda _: True,
    "flag": lambda row: row.flag,
    "x > 0": lambda row: row.x is not None and row.x > 0,
}


def oracle(rows: Iterable[Row], table: FeatureTable, as_ofs: Sequence[datetime], *, timed: bool) -> Found:
    """Feature rows, one as_of, entity and feature after the other."""
    windows = [column.window for column in table.aggregated]
    longest = None if None in windows else max(window for window in windows if window)
    found: Found = {}
    ordered = sorted(
        rows, key=lambda r: ((r.at if timed else r.valid_from) or BASE, r.valid_from, r.source_file, r.source_position)
    )
    for as_of in as_ofs:
        entities: dict[tuple[Any, ...], list[Row]] = {}
        for row in ordered:
            known = row.valid_from <= as_of and (row.valid_to is None or row.valid_to > as_of)
            if known and row.name is not None and in_window(row, as_of, table, longest, timed=timed):
                entities.setdefault((row.case, row.name, as_of), []).append(row)
        for entity, seen in entities.items():
            features: list[Any] = []
            for column in table.output:
                feature = table.features[column.feature]
                if feature.is_expression:  # f0_6h - coalesce(f1_3h, 0): counts of all rows, and of those with an x
                    features.append(features[1] - features[2])
                    continue
                taken = [
                    (row, 1 if feature.argument == "*" else getattr(row, feature.argument))
                    for row in seen
                    if in_window(row, as_of, table, column.window, timed=timed)
                    and CONDITIONS[feature.where](row)
                    and (feature.by is None or getattr(row, next(iter(feature.by))) == column.by)
                ]
                told = [(row, value) for row, value in taken if value is not None]
                if feature.aggregate == "last_age":
                    at = (told[-1][0].at if timed else told[-1][0].valid_from) if told else None
                    features.append((as_of - at) / timedelta(hours=1) if at else None)
                else:
                    features.append(ORACLE[feature.aggregate]([value for _, value in told]))
            found[entity] = tuple(features)
    return found


def some_history(random: Random, case: int, until: int = 13) -> list[Row]:
    """Up to ten rows of two entities and of none, on whole hours so that ends of windows are met."""

    def hour(first: int, last: int) -> datetime:
        return BASE + timedelta(hours=random.randint(first, last))

    rows = []
    for position in range(random.randint(1, 10)):
        valid_from = hour(0, until)
        rows.append(Row(
            case, random.choice(["k", "k", "l", None]), random.choice([hour(-3, until), hour(-3, until), None]),
            random.choice([-2, 0, 7, 50_000, None]),
            random.choice([0.1, 0.2, 0.3, -2.5, 1e-7, 1234.567891234, None]),
            random.choice([Decimal("0.01"), Decimal("-7.50"), None]), random.choice([True, False, None]),
            valid_from, random.choice([None, valid_from + timedelta(hours=random.randint(1, 6))]),
            random.choice("ab"), position,
        ))  # fmt: skip
    return rows


VARIANTS = [
    pytest.param("at", 0, [], id="event time"),
    pytest.param("at", 2, [{"last": "y", "within": "lifetime"}], id="event time, delay, lifetime"),
    pytest.param(None, 2, [], id="available time, delay"),
    pytest.param(None, 0, [{"count": "*", "within": "lifetime"}], id="available time, lifetime"),
]


@pytest.mark.parametrize(("event_time", "delay", "more"), VARIANTS)
@settings(max_examples=1, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_compute_equals_a_plain_loop_for_many_times_at_once_and_for_each_alone(
    spark: SparkSession, event_time: str | None, delay: int, more: list[dict[str, Any]], random: Random
) -> None:
    table = definition(*AGGREGATES, *more, delay=delay)
    rows = [row for case in range(150) for row in some_history(random, case)]
    expected = oracle(rows, table, AS_OFS, timed=event_time is not None)
    history = frame(spark, rows).repartition(3).persist()
    together = compute(history, table, event_time, AS_OFS)
    one_by_one = reduce(DataFrame.union, [compute(history, table, event_time, [as_of]) for as_of in AS_OFS])
    try:
        assert collected(together) == expected
        assert collected(one_by_one) == expected
    finally:
        history.unpersist()


@pytest.mark.parametrize("event_time", ["at", None])
@pytest.mark.parametrize("longest", ["43h", "lifetime"])
@settings(max_examples=1, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_windows_of_many_spans_equal_a_plain_loop(
    spark: SparkSession, event_time: str | None, longest: str, random: Random
) -> None:
    every: list[dict[str, Any]] = [
        {feature: "y", "within": within} for feature in ("count", "sum", "last") for within in ("2h", "17h", longest)
    ]
    table = definition(*every)
    nights = [BASE + timedelta(hours=hours) for hours in range(40, 100)]
    rows = [row for case in range(40) for row in some_history(random, case, until=100)]
    found = collected(compute(frame(spark, rows), table, event_time, nights))
    assert found == oracle(rows, table, nights, timed=event_time is not None)


EVERY: list[dict[str, Any]] = [
    {"count": "y"}, {"sum": "y"}, {"mean": "y"}, {"min": "y"}, {"max": "y"}, {"variance": "y"}, {"stddev": "y"},
    {"rate": "flag"}, {"first": "y"}, {"last": "y"}, {"first_age": "y"}, {"last_age": "y"}, {"distinct": "y"},
    {"distinct_approx": "y"}, {"most_frequent": "y"}, {"top_share": "y", "k": 2}, {"quantile": "y", "q": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("more", [[], [{"trend": "y"}, {"decayed_sum": "y", "half_life": "2h"}]], ids=["", "ages"])
@settings(max_examples=1, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_every_aggregate_is_the_same_bit_for_bit_for_many_times_at_once_and_for_each_alone(
    spark: SparkSession, more: list[dict[str, Any]], random: Random
) -> None:
    assert {next(iter(feature)) for feature in EVERY} == {name for name, found in REGISTRY.items() if not found.ages}
    nights = [BASE + timedelta(hours=hours) for hours in range(3, 15)]
    table = definition(*EVERY, *more)
    history = frame(spark, [row for case in range(60) for row in some_history(random, case)]).repartition(3).persist()
    try:
        together = collected(compute(history, table, "at", nights))
        alone = [collected(compute(history, table, "at", [as_of])) for as_of in (nights[0], nights[5], nights[-1])]
    finally:
        history.unpersist()
    for found in alone:
        assert {key: together[key] for key in found} == found
        assert {key for key in together if key[2] in {as_of for _, _, as_of in found}} == set(found)


def event(position: int, at: datetime, known: datetime, until: datetime | None = None, x: int = 1) -> Row:
    return Row(1, "k", at, x, None, None, None, known, until, "a", position)


def test_compute_counts_windows_half_open_and_versions_from_their_first_instant(spark: SparkSession) -> None:
    as_of, second = BASE + timedelta(hours=12), timedelta(microseconds=1)
    end = as_of - timedelta(hours=2)
    start = end - timedelta(hours=6)
    rows = [
        event(1, start - second, BASE, x=1),
        event(2, start, BASE, x=10),
        event(3, end - second, BASE, x=100),
        event(4, end, BASE, x=1_000),
        event(5, start, as_of, x=10_000),  # known at the as_of itself
        event(6, start, as_of + second, x=100_000),
        event(7, start, BASE, as_of, x=1_000_000),  # replaced at the as_of itself
        event(8, start, BASE, as_of + second, x=10_000_000),
    ]
    table = definition({"sum": "x", "windows": ["6h"]}, delay=2)
    assert collected(compute(frame(spark, rows), table, "at", [as_of])) == {(1, "k", as_of): (10_010_110,)}


def test_compute_counts_what_became_available_at_the_as_of_once_in_nightly_windows(spark: SparkSession) -> None:
    nights = [BASE + timedelta(days=n) for n in range(3)]
    rows = [event(n, BASE, night, x=10**n) for n, night in enumerate(nights)]
    table = definition({"sum": "x", "windows": ["1d"]})
    assert collected(compute(frame(spark, rows), table, None, nights)) == {
        (1, "k", night): (10**n,) for n, night in enumerate(nights)
    }


@pytest.mark.parametrize(("midnight", "day"), [((3, 11, 4), 23), ((11, 4, 5), 25)])  # a day after the clocks changed
def test_compute_measures_a_day_as_24_hours_where_clocks_change(
    spark: SparkSession, midnight: tuple[int, int, int], day: int
) -> None:
    as_of = datetime(2013, *midnight, tzinfo=UTC)
    rows = [event(hours, as_of - timedelta(hours=hours), as_of - timedelta(hours=1)) for hours in range(1, 30)]
    table = definition({"count": "*", "windows": ["1d"]}, {"count": "x", "windows": [f"{day}h"]})
    assert collected(compute(frame(spark, rows), table, "at", [as_of])) == {(1, "k", as_of): (24, day)}


def test_compute_takes_a_source_that_has_a_column_named_event_timestamp(spark: SparkSession) -> None:
    history = frame(spark, [event(1, BASE + timedelta(hours=2), BASE)]).withColumnRenamed("at", "event_timestamp")
    table = definition({"count": "event_timestamp", "windows": ["6h"]})
    assert collected(compute(history, table, "event_timestamp", AS_OFS[:1])) == {(1, "k", AS_OFS[0]): (1,)}


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ({"mean": "flags"}, "did you mean 'flag'?"),
        ({"mean": "x", "where": "uuid() > 1"}, "a function of the lists in assay/sql_expression.py"),
        ({"sum": "x +"}, "a SQL expression"),
        ({"sum": "name"}, "a number, for sum"),
        ({"expression": "f1_3h + 1"}, "a SQL expression over the features before it: none"),
        ({"mean": "x", "where": "at > true"}, "a SQL expression over case, name, at, x, y, d, flag, valid_from"),
    ],
)
def test_compute_says_which_feature_does_not_fit_its_source(
    spark: SparkSession, feature: dict[str, str], expected: str
) -> None:
    with pytest.raises(FeatureError) as raised:
        compute(frame(spark, []), definition(feature, {"count": "*"}), "at", AS_OFS)
    assert raised.value.what == "The feature f0 of delays cannot be computed."
    assert str(raised.value.expected).startswith(expected)
