"""Raw text as typed values: what is of a type, what is not, and what a local time means where clocks change."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.config import Column
from silver.parse import are_plain, text_of, typed
from silver.transform import register_functions

NEW_YORK = "America/New_York"


def parsed(spark: SparkSession, cases: Sequence[tuple[Column, str | None]]) -> list[Any]:
    """Each text as the type of its column, in a lakehouse in New York; one Spark job for all."""
    columns = list({id(column): column for column, _ in cases}.values())
    frame = spark.createDataFrame([(n, text) for n, (_, text) in enumerate(cases)], "place int, text string")
    values = [typed(F.col("text"), column, NEW_YORK).alias(str(n)) for n, column in enumerate(columns)]
    rows = frame.orderBy("place").select(*values).collect()
    found = [
        row[next(n for n, each in enumerate(columns) if each is column)]
        for row, (column, _) in zip(rows, cases, strict=True)
    ]
    return [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in found]


def utc(*parts: int) -> datetime:
    """An instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


SIMPLE: dict[str, dict[str | None, Any]] = {
    "string": {"x": "x", " x ": " x ", "": "", None: None},
    "int": {
        "5": 5, "-5": -5, "+5": 5, " 517": 517, "007": 7, "2147483647": 2147483647, "2147483648": None, "5.0": None,
        "1e3": None, "5x": None, "": None, " ": None, None: None,
        "-0": 0, "5\u0000": None, "\u001f5": None,  # what Spark's cast alone would cut off
    },
    "long": {"2147483648": 2147483648, "9223372036854775808": None, "1L": None, "1.5": None, None: None},
    "double": {
        "1.5": 1.5, "-2": -2.0, " 3 ": 3.0, "1e3": 1000.0, ".5": 0.5, "NaN": None, "nan": None, "Infinity": None,
        "-Infinity": None, "inf": None, "1e400": None, "1,5": None, "x": None, "": None, None: None,
        "1" + "0" * 199: 1e199, "1" + "0" * 308: 1e308, "1" + "0" * 309: None, "0" * 250 + "1": 1.0, "+7.": 7.0, "-.5e1": -5.0,
        "1d": None, "1.5D": None, "2f": None, "0x1p3": None,  # numbers in Java only
    },
    "decimal(5,2)": {
        "1.5": Decimal("1.50"), "-999.99": Decimal("-999.99"), "1000": None, "NaN": None, "x": None, None: None,
        "1.500": Decimal("1.50"), "1.505": None, "1.5000000000001": None, ".25": Decimal("0.25"), "7.": Decimal("7.00"),
        "12e-1": Decimal("1.20"), "12e-3": None, " 1 ": Decimal("1.00"),  # what it has no places for is not rounded away
    },
    "boolean": {"true": True, "FALSE": False, "1": True, "0": False, "maybe": None, "": None, None: None},
    "date": {
        "2013-03-01": date(2013, 3, 1), " 2013-03-01 ": date(2013, 3, 1), "2012-02-29": date(2012, 2, 29),
        "2013-02-29": None, "2013-3-1": None, "2013-03": None, "2013": None, "2013-03-01T00:00": None,
        "03/01/2013": None, "20130301": None, "x": None, None: None,
    },
    "hhmm": {
        "0": 0, "5": 5, "59": 59, "60": None, "100": 60, "2359": 1439, "2360": None, "2400": 1440, "2401": None,
        "-1": None, "x": None, " 517": 317, "0517": 317, "00517": None, "5:17": None, "517.0": None, None: None,
    },
}  # fmt: skip


def test_typed_reads_texts_of_the_type_and_nothing_else(spark: SparkSession) -> None:
    cases = [(column, text) for kind, texts in SIMPLE.items() for column in [Column(type=kind)] for text in texts]
    found = iter(parsed(spark, cases))
    assert {kind: {text: next(found) for text in texts} for kind, texts in SIMPLE.items()} == SIMPLE


def test_typed_reads_plain_texts_as_it_reads_others(spark: SparkSession) -> None:
    columns = [Column(type=kind) for kind in SIMPLE]
    random = Random(0)  # noqa: S311  # no secret
    drawn = ["".join(random.choices("0123456789.-", k=random.randint(0, 12))) for _ in range(4000)]
    days = [
        f"{random.choice(('', '-', '1'))}2013-{random.randint(1, 13):0{random.randint(1, 2)}d}-07" for _ in range(200)
    ]
    odd = [text for texts in SIMPLE.values() for text in texts]
    frame = spark.createDataFrame([(text,) for text in drawn + days + odd], "text string")
    plain = are_plain((column, F.col("text")) for column in columns)
    both = [(typed(F.col("text"), each, NEW_YORK, plain), typed(F.col("text"), each, NEW_YORK)) for each in columns]
    differ = [F.count_if(~one.eqNullSafe(other)).alias(kind) for kind, (one, other) in zip(SIMPLE, both, strict=True)]
    found = frame.agg(F.count_if(plain).alias("plain"), *differ).collect()[0].asDict()
    assert found.pop("plain") > 4000
    assert found == dict.fromkeys(SIMPLE, 0)


def test_the_second_of_two_times_is_meant_where_the_contract_says_so(spark: SparkSession) -> None:
    column = Column(type="timestamp", fold="second")
    texts = {
        "2013-11-03 01:30:00": utc(2013, 11, 3, 6, 30),
        "2013-11-03 00:59:59": utc(2013, 11, 3, 4, 59, 59),
        "2013-11-03 02:00:00": utc(2013, 11, 3, 7),
        "2013-03-10 02:30:00": utc(2013, 3, 10, 7, 30),
        "2013-11-03 01:30:00-04:00": utc(2013, 11, 3, 5, 30),
        "x": None,
    }
    assert dict(zip(texts, parsed(spark, [(column, text) for text in texts]), strict=True)) == texts


TIMESTAMPS = {
    "2013-03-01 12:00:00": utc(2013, 3, 1, 17),  # winter: five hours behind
    "2013-07-01T12:00": utc(2013, 7, 1, 16),  # summer: four
    "2013-03-01 12:00:00.25": utc(2013, 3, 1, 17, 0, 0, 250000),
    "2013-03-01T12:00:00Z": utc(2013, 3, 1, 12),
    "2013-03-01 12:00:00+02:00": utc(2013, 3, 1, 10),
    "2013-03-01T12:00:00-0500": utc(2013, 3, 1, 17),
    "2013-03-01 12:00:00 UTC": utc(2013, 3, 1, 12),
    "2013-03-01 12:00:00 Europe/Berlin": utc(2013, 3, 1, 11),
    "2013-03-10 01:59:59": utc(2013, 3, 10, 6, 59, 59),
    "2013-03-10 02:30:00": utc(2013, 3, 10, 7, 30),  # skipped: read as 03:30
    "2013-03-10 03:00:00": utc(2013, 3, 10, 7),
    "2013-11-03 00:59:59": utc(2013, 11, 3, 4, 59, 59),
    "2013-11-03 01:30:00": utc(2013, 11, 3, 5, 30),  # happens twice: the first is meant
    "2013-11-03 02:00:00": utc(2013, 11, 3, 7),
    "2013-02-29 12:00:00": None,
    "2013-03-01 25:00:00": None,
    "2013-03-01": None,  # a day is no instant
    "12:00": None,
    "1362135600": None,
    "x": None,
}


def test_typed_reads_timestamps_in_their_own_zone_or_the_contracts(spark: SparkSession) -> None:
    column = Column(type="timestamp")
    found = parsed(spark, [(column, text) for text in TIMESTAMPS])
    assert dict(zip(TIMESTAMPS, found, strict=True)) == TIMESTAMPS


def test_typed_reads_times_by_the_columns_zone_and_format(spark: SparkSession) -> None:
    def column(**settings: str) -> Column:
        return Column(**{"type": "timestamp", **settings})

    tokyo, days = column(time_zone="Asia/Tokyo"), column(type="date", format="dd/MM/yyyy")
    slashes = column(format="dd/MM/yyyy HH:mm")
    cases = [
        (tokyo, "2013-03-01 12:00:00", utc(2013, 3, 1, 3)),  # before the lakehouse's
        (tokyo, "2013-03-01 12:00:00Z", utc(2013, 3, 1, 12)),
        (slashes, "01/03/2013 12:00", utc(2013, 3, 1, 17)),
        (slashes, "31/02/2013 12:00", None),
        (slashes, "2013-03-01 12:00", None),
        (column(format="HH:mm dd-MM-yyyy"), "12:00 01-03-2013", utc(2013, 3, 1, 17)),  # ends like a zone, is a year
        (column(format="yyyy-MM-dd"), "2013-03-10", utc(2013, 3, 10, 5)),  # ends like a zone, is a day
        (column(format="dd/MM/yyyy HH:mm XXX"), "01/03/2013 12:00 +02:00", utc(2013, 3, 1, 10)),
        (column(format="yyyy-MM-dd'Z'HH:mm"), "2013-03-01Z12:00", utc(2013, 3, 1, 17)),  # a quoted letter is no zone
        (days, "01/03/2013", date(2013, 3, 1)),
        (days, "31/02/2013", None),
        (days, "1/3/2013", None),
        (days, "2013-03-01", None),
        (days, None, None),
    ]
    assert parsed(spark, [case[:2] for case in cases]) == [case[2] for case in cases]


def test_local_timestamp_is_the_instant_of_a_wall_clock(spark: SparkSession) -> None:
    register_functions(spark, NEW_YORK)
    cases = [
        (date(2013, 3, 9), 1440, utc(2013, 3, 10, 5)),  # the next midnight
        (date(2013, 3, 10), 0, utc(2013, 3, 10, 5)),
        (date(2013, 3, 10), 119, utc(2013, 3, 10, 6, 59)),
        (date(2013, 3, 10), 150, utc(2013, 3, 10, 7, 30)),  # 02:30 is skipped: 03:30
        (date(2013, 3, 10), 180, utc(2013, 3, 10, 7)),
        (date(2013, 3, 10), 1440, utc(2013, 3, 11, 4)),
        (date(2013, 11, 3), 90, utc(2013, 11, 3, 5, 30)),  # 01:30 happens twice: the first
        (date(2013, 11, 3), 120, utc(2013, 11, 3, 7)),
        (date(2013, 11, 3), 1440, utc(2013, 11, 4, 5)),
        (None, 90, None),
        (date(2013, 11, 3), None, None),
    ]
    frame = spark.createDataFrame(
        list(enumerate(cases)), "place int, c struct<day date, minutes int, instant timestamp>"
    )
    rows = frame.orderBy("place").select(F.expr("local_timestamp(c.day, c.minutes)").alias("found")).collect()
    found = [row["found"] and row["found"].replace(tzinfo=UTC) for row in rows]
    assert found == [instant for _, _, instant in cases]


def test_text_of_is_null_where_the_text_means_null_exactly(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("x",), ("NA",), ("",), (" NA",), ("na",), (None,)], "a string")
    found = frame.select(text_of("a", ("", "NA")).alias("some"), text_of("a", ()).alias("none")).collect()
    assert [tuple(row) for row in found] == [
        ("x", "x"), (None, "NA"), (None, ""), (" NA", " NA"), ("na", "na"), (None, None),
    ]  # fmt: skip
