"""What is measured of a batch: by Spark, over literal rows; and what a contract may ask for."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.config import Source
from assay.config.base import Origin
from assay.errors import ConfigError, ContractError, TableError
from silver import metrics
from silver.metrics import Number
from silver.profile import ROW, check_baseline, measure, night_of, plan

SCHEMA = """
    id long, at date, temp double, amount decimal(9,2), ok boolean, code string, many string,
    reasons array<string>, available_at timestamp
"""
EVENING, MORNING = datetime(2013, 3, 1, 18, tzinfo=UTC), datetime(2013, 3, 2, 6, tzinfo=UTC)
DAY = date(2013, 3, 1)
ROWS = [
    (1, DAY, 10.0, Decimal("1.50"), True, "a", "1", None, EVENING),
    (2, DAY, 20.0, Decimal("1.50"), True, "a", "2", None, EVENING),
    (3, None, 30.0, None, False, "b", "3", None, EVENING),
    (4, DAY, 999.0, None, True, "a", "4", ["rejected"], EVENING),  # counts as a row, its values count nowhere
    (5, DAY, None, Decimal("1.50"), None, "b", None, None, EVENING),
    (6, DAY, None, Decimal("2.50"), True, "b", "6", None, MORNING),
]


def source(**baseline: Any) -> Source:
    """A contract of these columns."""
    columns = {
        "id": "long", "at": "date", "temp": "double", "amount": "decimal(9,2)", "ok": "boolean", "code": "string",
        "many": "string",
    }  # fmt: skip
    made = Source.model_validate({
        "name": "s", "description": "x", "from": {"files": "s/*"}, "key": ["id"],
        "columns": {name: {"type": kind} for name, kind in columns.items()}, "baseline": baseline,
    })  # fmt: skip
    return made.located(Origin("s.yml"))


def values(found: Mapping[Any, Number]) -> dict[str, float]:
    """Numbers by name, rounded."""
    return {" ".join(part for part in key if part): round(number.value, 4) for key, number in found.items()}


def test_every_column_is_measured_by_the_metrics_for_its_type(spark: SparkSession) -> None:
    frame = spark.createDataFrame(ROWS, SCHEMA)
    wanted = plan(source(), frame.schema)
    empty = datetime(2013, 3, 4, 12, tzinfo=UTC)
    first, second, third = measure(frame, wanted, time(0), 7, [EVENING, MORNING, empty])
    assert [(one.batch, one.night) for one in (first, second, third)] == [
        (7, datetime(2013, 3, day, tzinfo=UTC)) for day in (2, 3, 5)
    ]  # fmt: skip
    assert values(first.numbers) == {
        "rows": 5, "rejected": 0.2,
        "id nulls": 0, "id unique": 4,
        "at nulls": 0.2,
        "temp nulls": 0.2, "temp mean": 20, "temp stddev": 8.165, "temp unique": 3,
        "temp quantiles p10": 10, "temp quantiles p50": 20, "temp quantiles p90": 30,
        "amount nulls": 0.4, "amount mean": 1.5, "amount stddev": 0, "amount unique": 1,
        "amount quantiles p10": 1.5, "amount quantiles p50": 1.5, "amount quantiles p90": 1.5,
        "ok nulls": 0.2, "ok unique": 2, "ok shares true": 0.6667, "ok shares false": 0.3333, "ok shares other values": 0,
        "code nulls": 0, "code unique": 2, "code shares a": 0.5, "code shares b": 0.5, "code shares other values": 0,
        "many nulls": 0.2, "many unique": 3, "many shares 1": 0.3333, "many shares 2": 0.3333, "many shares 3": 0.3333,
        "many shares other values": 0,
    }  # fmt: skip
    assert first.numbers["temp", "mean", ""].noise == pytest.approx(8.165 / 3**0.5, abs=1e-3)
    # Of a column without a value there is its share of NULLs to tell; of a night of empty files, that it has no row.
    assert {name for name in values(second.numbers) if name.startswith("temp")} == {"temp nulls"}
    assert values(second.numbers)["temp nulls"] == 1
    assert values(third.numbers) == {"rows": 0}


def test_a_column_of_many_values_has_only_others(spark: SparkSession) -> None:
    rows = [(n, None, None, None, None, None, str(n), None, EVENING) for n in range(metrics.TOP + 1)]
    frame = spark.createDataFrame(rows, SCHEMA)
    chosen = plan(
        source(columns={"many": ["shares"]}, ignore=["id", "at", "temp", "amount", "ok", "code"]), frame.schema
    )
    [found] = measure(frame, chosen, time(0), 1, [])
    assert values(found.numbers) == {"rows": 21, "rejected": 0, "many shares other values": 1}


def test_a_metric_that_answers_nothing_fails_the_run(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = spark.createDataFrame(ROWS[:1], SCHEMA)
    answers: list[dict[str, Number]] = [{}, {"": Number(float("nan"))}]
    for answer in answers:
        broken = replace(metrics.METRICS["mean"], measure=partial(lambda given, _: given, answer))
        with monkeypatch.context() as patched:
            patched.setitem(metrics.METRICS, "mean", broken)
            wanted = plan(source(), frame.schema)
            with pytest.raises(TableError, match="The metric mean of temp was not evaluated"):
                measure(frame, wanted, time(0), 1, [EVENING])


def test_no_column_has_metrics_that_are_not_for_its_type(spark: SparkSession) -> None:
    schema = spark.createDataFrame([], SCHEMA).schema
    with pytest.raises(ContractError, match="mean cannot be measured of column code") as caught:
        plan(source(columns={"code": ["mean"]}), schema)
    assert (caught.value.found, caught.value.expected) == ("string", "one of nulls, unique, shares")
    assert [metric.name for metric in plan(source(columns={"id": ["mean"]}), schema)["id"]] == ["mean"]
    assert list(plan(source(ignore=["id", "at", "temp"]), schema)) == [ROW, "amount", "ok", "code", "many"]


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ({"columns": {"tmp": ["mean"]}}, "did you mean 'temp'?"),
        ({"ignore": ["cod"]}, "did you mean 'code'?"),
        ({"columns": {"temp": ["men"]}}, "did you mean 'mean'?"),
        ({"floors": {"null": "1%"}}, "did you mean 'nulls'?"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_nearest(baseline: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_baseline(source(**baseline))
    assert caught.value.expected == expected
    assert caught.value.where.startswith("s.yml")


def test_a_night_sees_what_became_available_up_to_its_instant() -> None:
    at = datetime(2013, 3, 1, 5, tzinfo=UTC)
    assert night_of(at, time(5)) == at
    assert night_of(at.replace(microsecond=1), time(5)) == datetime(2013, 3, 2, 5, tzinfo=UTC)
    assert night_of(at, time(0)) == datetime(2013, 3, 2, tzinfo=UTC)


def test_rows_are_told_apart_by_night_as_files_are(spark: SparkSession) -> None:
    times = [datetime(2013, 3, 1, 5, tzinfo=UTC), datetime(2013, 3, 1, 5, 0, 0, 1, tzinfo=UTC), EVENING]
    frame = spark.createDataFrame([(1, DAY, 1.0, None, None, None, None, None, when) for when in times], SCHEMA)
    found = measure(frame, plan(source(), frame.schema), time(5), 1, [])
    assert [(one.night, one.numbers[ROW, "rows", ""].value) for one in found] == [
        (night_of(times[0], time(5)), 1), (night_of(times[1], time(5)), 2)
    ]  # fmt: skip
