"""A bronze batch by its contract: each row accepted or rejected, never both, and every reason named."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.config import Source
from assay.errors import ContractError
from silver.measure import Counts, count, enforce, results
from silver.transform import check_batch, register_functions

NEW_YORK = "America/New_York"
DELIVERED = datetime(2013, 3, 2, 11, tzinfo=UTC)
COLUMNS: dict[str, dict[str, Any]] = {
    "carrier": {"type": "string", "required": True, "pattern": "[0-9A-Z]{2}"},
    "day": {"type": "date", "required": True},
    "leaves": {"type": "hhmm"},
    "delay": {"type": "int", "min": -120, "max": 3000},
}


def contract(**more: Any) -> Source:
    """Delays of carriers, a row per carrier and departure."""
    return Source.model_validate({
        "name": "delays", "description": "", "from": {"files": "delays/*.csv", "available": "file_name"},
        "key": ["carrier", "departure"], "nulls": ["", "NA"], "columns": COLUMNS,
        "derived": {"departure": "local_timestamp(day, leaves)", "is_late": "delay >= 15"}, **more,
    })  # fmt: skip


def bronze(
    spark: SparkSession, *rows: tuple[str | None, ...], corrupt: dict[int, tuple[str, str]] | None = None
) -> DataFrame:
    """Rows of `bronze.delays`, all of one file; corrupt: place -> why, and the text of the record."""
    schema = (
        "carrier string, day string, leaves string, delay string, extra map<string,string>, corrupt string, raw string, "
        "source_file string, source_position bigint, batch int, available_at timestamp, landed_at timestamp"
    )
    made = [
        (*row, None, *(corrupt or {}).get(place, (None, None)), "a.csv", place, 1, DELIVERED, DELIVERED)
        for place, row in enumerate(rows)
    ]
    return spark.createDataFrame(made, schema)


def checked(frame: DataFrame, source: Source) -> list[dict[str, Any]]:
    register_functions(frame.sparkSession, NEW_YORK)
    found = check_batch(frame, source, NEW_YORK)[0].orderBy("source_position")
    return [
        {k: v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for k, v in row.asDict(recursive=True).items()}
        for row in found.collect()
    ]


def reason(
    name: str, column: str | None, value: str | None, message: str, severity: str = "quarantine"
) -> dict[str, str | None]:
    return {"check": name, "column": column, "value": value, "message": message, "severity": severity}


ROWS: tuple[tuple[str | None, ...], ...] = (
    ("UA", "2013-03-01", "2400", "15"),
    ("UA", "2013-03-01", "517", "NA"),
    ("ua", "2013-3-1", "2401", "4000"),
    ("", None, None, "x"),
    (None, None, None, None),
)
CORRUPT = {4: ("3 fields, 4 expected", "UA,1,2")}


def test_check_batch_gives_every_row_its_values_or_every_reason(spark: SparkSession) -> None:
    origin = {"valid_from": DELIVERED, "available_at": DELIVERED, "source_file": "a.csv", "batch": 1, "flags": None}
    nothing: dict[str, Any] = dict.fromkeys(("carrier", "day", "leaves", "delay", "departure", "is_late"))
    accepted = {**nothing, **origin, "carrier": "UA", "day": date(2013, 3, 1), "raw": None, "reasons": None}
    assert checked(bronze(spark, *ROWS, corrupt=CORRUPT), contract()) == [
        {
            **accepted, "source_position": 0, "leaves": 1440, "delay": 15,
            "departure": datetime(2013, 3, 2, 5, tzinfo=UTC), "is_late": True,
        },
        {
            **accepted, "source_position": 1, "leaves": 317, "departure": datetime(2013, 3, 1, 10, 17, tzinfo=UTC),
        },
        {
            **nothing, **origin, "source_position": 2, "carrier": "ua", "delay": 4000, "is_late": True,
            "raw": json.dumps(dict(zip(COLUMNS, ROWS[2], strict=True)), separators=(",", ":")),
            "reasons": [
                reason("pattern", "carrier", "ua", "does not match [0-9A-Z]{2}"),
                reason("type", "day", "2013-3-1", "is not of type date"),
                reason("type", "leaves", "2401", "is not of type hhmm"),
                reason("max", "delay", "4000", "is above 3000"),
                reason("required", "departure", None, "is missing"),
            ],
        },
        {
            **nothing, **origin, "source_position": 3, "raw": '{"carrier":"","delay":"x"}',
            "reasons": [
                reason("required", "carrier", None, "is missing"),
                reason("required", "day", None, "is missing"),
                reason("type", "delay", "x", "is not of type int"),
                reason("required", "departure", None, "is missing"),
            ],
        },
        {
            **nothing, **origin, "source_position": 4, "raw": "UA,1,2",
            "reasons": [reason("record", None, None, "3 fields, 4 expected")],
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("available", "instants"),
    [
        ({"column": "delivered"}, [datetime(2013, 3, 1, 17, tzinfo=UTC), None]),
        ({"after_event": "6h"}, [datetime(2013, 3, 1, 16, 17, tzinfo=UTC), None]),
    ],
)
def test_check_batch_rejects_a_row_that_does_not_say_when_it_became_available(
    spark: SparkSession, available: dict[str, str], instants: list[datetime | None]
) -> None:
    source = contract(
        **{"from": {"files": "delays/*.csv", "available": available}}, event_time="departure", key=["carrier"],
        columns={**COLUMNS, "delivered": {"type": "timestamp"}},
    )  # fmt: skip
    frame = bronze(spark, ("UA", "2013-03-01", "517", "1"), ("UA", "2013-03-01", None, "1")).withColumn(
        "delivered", F.when(F.col("leaves").isNotNull(), "2013-03-01 12:00:00")
    )
    rows = checked(frame, source)
    assert [row["valid_from"] for row in rows] == instants
    assert [row["reasons"] for row in rows] == [None, [reason("available", "valid_from", None, "is unknown")]]


def test_check_batch_takes_a_date_of_availability_as_the_end_of_that_local_day(spark: SparkSession) -> None:
    source = contract(
        **{"from": {"files": "delays/*.csv", "available": {"column": "delivered"}}}, event_time="departure",
        key=["carrier"], columns={**COLUMNS, "delivered": {"type": "date"}},
    )  # fmt: skip
    frame = bronze(spark, ("UA", "2013-03-01", "517", "1")).withColumn("delivered", F.lit("2013-03-01"))
    assert [row["valid_from"] for row in checked(frame, source)] == [datetime(2013, 3, 2, 5, tzinfo=UTC)]


def test_count_adds_up_and_counts_each_reason_with_examples(spark: SparkSession) -> None:
    register_functions(spark, NEW_YORK)
    source = contract()
    frame, applied = check_batch(bronze(spark, *ROWS, corrupt=CORRUPT), source, NEW_YORK)
    counts = count(frame, source)
    assert counts == Counts(
        rows=5, rejected=3, flagged=0,
        missing={"carrier": 2, "day": 3, "leaves": 3, "delay": 3, "departure": 3, "is_late": 3},
        key_range={
            "carrier": ("UA", "UA"), "departure": (datetime(2013, 3, 1, 10, 17), datetime(2013, 3, 2, 5)),  # noqa: DTZ001
        },
        first_valid=DELIVERED,
        failures={
            ("record", None): (1, ()), ("required", "carrier"): (1, ()), ("pattern", "carrier"): (1, ("ua",)),
            ("type", "day"): (1, ("2013-3-1",)), ("required", "day"): (1, ()), ("type", "leaves"): (1, ("2401",)),
            ("type", "delay"): (1, ("x",)), ("max", "delay"): (1, ("4000",)), ("required", "departure"): (2, ()),
        },
    )  # fmt: skip
    found = {result.label: (result.evaluated, result.failed) for result in results(counts, applied, 1, source.key)}
    assert found == {
        "record": (5, 1), "unique": (2, 1), "type:carrier": (4, 0), "required:carrier": (4, 1),
        "pattern:carrier": (4, 1), "type:day": (4, 1), "required:day": (4, 1), "type:leaves": (4, 1),
        "type:delay": (4, 1), "min:delay": (4, 0), "max:delay": (4, 1), "required:departure": (4, 2),
    }  # fmt: skip


def test_a_flagged_row_is_kept_unless_it_breaks_another_check(spark: SparkSession) -> None:
    columns = {**COLUMNS, "delay": {**COLUMNS["delay"], "on_fail": {"max": "flag"}}}
    source = contract(
        columns=columns, checks={"on_time": {"holds": "delay <= 4000 or leaves > 600", "on_fail": "flag"}}
    )
    rows = [
        ("UA", "2013-03-01", "2400", "4000"), ("UA", "2013-03-01", "517", "5000"), ("ua", "2013-03-01", "517", "4000"),
        ("UA", "2013-03-01", "517", "NA"),
    ]  # fmt: skip
    above = reason("max", "delay", "4000", "is above 3000", "flag")
    late = reason("on_time", None, None, "does not hold: delay <= 4000 or leaves > 600", "flag")
    found = checked(bronze(spark, *rows), source)
    assert [row["flags"] for row in found] == [[above], [{**above, "value": "5000"}, late], [above], None]
    assert [row["reasons"] is None for row in found] == [True, True, False, True]
    counts = count(check_batch(bronze(spark, *rows), source, NEW_YORK)[0], source)
    assert (counts.rows, counts.rejected, counts.flagged) == (4, 1, 2)
    assert counts.failures == {
        ("max", "delay"): (3, ("4000", "5000")), ("on_time", None): (1, ()), ("pattern", "carrier"): (1, ("ua",)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("handling", "stops"),
    [("quarantine", False), ("flag", False), ("fail", True), ({"at_most": "49%"}, True), ({"at_most": "50%"}, False),
     ({"severity": "fail", "at_most": "50%"}, False), ({"severity": "flag", "at_most": "10%"}, True)],
)  # fmt: skip
def test_a_batch_stops_where_more_rows_break_a_check_than_the_contract_allows(
    spark: SparkSession, handling: Any, stops: bool
) -> None:
    source = contract(columns={**COLUMNS, "delay": {**COLUMNS["delay"], "on_fail": {"max": handling}}})
    frame, checks = check_batch(
        bronze(spark, ("UA", "2013-03-01", "1", "4000"), ("UA", "2013-03-01", "2", "1")), source, NEW_YORK
    )
    counts = count(frame, source)
    if not stops:
        enforce(source, 7, counts, checks)
        return
    with pytest.raises(ContractError) as raised:
        enforce(source, 7, counts, checks)
    assert raised.value.what == "Batch 7 of source delays breaks its contract: delay is above 3000."
    assert raised.value.found == "1 of 2 rows (50.00%), such as '4000'"


def test_check_batch_says_which_derived_column_cannot_be_computed(spark: SparkSession) -> None:
    with pytest.raises(ContractError) as raised:
        check_batch(bronze(spark), contract(derived={"departure": "dely + 1"}), NEW_YORK)
    assert raised.value.what == "The derived column departure of source delays cannot be computed."
    assert (raised.value.found, raised.value.expected) == ("the column dely", "did you mean 'delay'?")
    with pytest.raises(ContractError) as raised:
        check_batch(bronze(spark), contract(derived={"departure": "day + true"}), NEW_YORK)
    assert raised.value.what == "The derived column departure of source delays cannot be computed."
    assert raised.value.expected == "a Spark SQL expression over carrier, day, leaves, delay"
    with pytest.raises(ContractError, match="cannot be computed"):  # what is derived below it, or bronze's own
        check_batch(bronze(spark), contract(derived={"departure": "later", "later": "day"}), NEW_YORK)
    with pytest.raises(ContractError, match="cannot be computed"):
        check_batch(bronze(spark), contract(derived={"departure": "source_position"}), NEW_YORK)


def test_check_batch_takes_columns_named_like_words_of_its_own(spark: SparkSession) -> None:
    names = ("check", "order", "raw_text", "value", "select")
    source = contract(columns={name: {"type": "int"} for name in names}, key=["check"], derived={})
    frame = bronze(spark, ("1", "2", "3", "x")).select(
        *[F.lit("1").alias(name) for name in names], "*"
    ).drop(*COLUMNS)  # fmt: skip
    assert [row["reasons"] for row in checked(frame, source)] == [None]
    assert timedelta(0) == DELIVERED - checked(frame, source)[0]["valid_from"]
