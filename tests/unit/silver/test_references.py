"""Foreign keys: an orphan is a row whose key no record had when the row became available."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.config import Source
from silver.references import found, with_referenced

BASE = datetime(2013, 3, 1, tzinfo=UTC)
FLIGHTS = Source.model_validate({
    "name": "flights", "description": "", "from": {"files": "x/*.csv"}, "key": ["id"],
    "columns": {"id": {"type": "int"}, "tail": {"type": "string"}, "fleet": {"type": "int"}},
    "references": {"plane": {"source": "planes", "columns": {"tail": "tailnum", "fleet": "fleet"}}},
})  # fmt: skip


def at(hour: int | None) -> datetime | None:
    return None if hour is None else BASE + timedelta(hours=hour)


def test_a_row_refers_to_what_was_known_when_it_came_or_to_nothing(spark: SparkSession) -> None:
    planes = spark.createDataFrame(
        [
            ("N1", 1, at(2), at(4), "version"), ("N1", 1, at(4), None, "version"), ("N1", 1, at(5), at(5), "unchanged"),
            ("N2", 1, at(0), at(3), "version"),  # gone at 3
        ],
        "tailnum string, fleet int, valid_from timestamp, valid_to timestamp, fate string",
    )  # fmt: skip
    cases = [
        ("N1", 1, 1, False), ("N1", 1, 2, True), ("N1", 1, 4, True), ("N1", 1, 9, True), ("N1", 2, 9, False),
        ("N2", 1, 2, True), ("N2", 1, 3, False), (None, 1, 2, True), ("N3", None, 2, True), ("N3", 1, 2, False),
    ]  # fmt: skip
    rows = spark.createDataFrame(
        [(n, tail, fleet, at(hour)) for n, (tail, fleet, hour, _) in enumerate(cases)],
        "id int, tail string, fleet int, available_at timestamp",
    )
    joined = with_referenced(rows, FLIGHTS, F.col("available_at"), {"planes": planes})
    answers = joined.orderBy("id").select("id", found("plane", ["tail", "fleet"]).alias("found")).collect()
    assert [(row["id"], row["found"]) for row in answers] == [(n, case[3]) for n, case in enumerate(cases)]


def test_of_a_source_that_has_no_history_every_row_is_an_orphan_but_one_that_refers_to_nothing(
    spark: SparkSession,
) -> None:
    rows = spark.createDataFrame(
        [(1, "N1", 1, BASE), (2, None, 1, BASE)], "id int, tail string, fleet int, at timestamp"
    )
    joined = with_referenced(rows, FLIGHTS, F.col("at"), {})
    assert [row[0] for row in joined.orderBy("id").select(found("plane", ["tail", "fleet"])).collect()] == [False, True]
