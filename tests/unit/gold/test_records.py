"""Versions of records that answer questions: counted whole, the newest of them told."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.config import Source
from gold.records import Question, answers

SOURCE = Source.model_validate({
    "name": "flown", "description": "Flights.", "from": {"files": "landing/*.csv", "available": "file_name"},
    "key": ["plane", "day"], "event_time": "at",
    "columns": {
        "plane": {"type": "string", "required": True}, "day": {"type": "int", "required": True},
        "at": {"type": "timestamp"}, "delay": {"type": "int"},
    },
})  # fmt: skip
SCHEMA = """plane string, day int, at timestamp, delay int, valid_from timestamp, valid_to timestamp, source_file string,
            source_position bigint, batch int"""
START = datetime(2013, 3, 1, tzinfo=UTC)


def row(plane: str, day: int, delay: int | None) -> tuple[object, ...]:
    at = START + timedelta(days=day)
    return plane, day, at, delay, at + timedelta(hours=9), None, f"landing/{day}.csv", day + 2, 1


def test_the_newest_are_told_and_all_are_counted(spark: SparkSession) -> None:
    history = spark.createDataFrame([row("N1", 0, 20), row("N1", 1, None), row("N1", 2, 5), row("N2", 3, 99)], SCHEMA)
    counts = {"late": F.coalesce(F.col("delay") > 10, F.lit(False)), "all": F.lit(True)}
    delays = Question(F.col("plane") == "N1", {"delay": F.col("delay")}, counts)
    other = Question(F.col("plane") == "N2", {}, {})
    never = Question(F.col("plane") == "N3", {}, {"late": F.lit(True)})
    late, of_other, nothing = answers(history, SOURCE, [delays, other, never], 2)
    assert (late.records, late.counts) == (3, {"late": 1, "all": 3})
    assert [(record.key, record.taken, record.counts_for) for record in late.newest] == [
        ({"plane": "N1", "day": 2}, {"delay": "5"}, ("all",)),
        ({"plane": "N1", "day": 1}, {"delay": None}, ("all",)),
    ]
    first = late.newest[0]
    assert (first.event_time, first.valid_from, first.valid_to) == (
        START + timedelta(days=2), START + timedelta(days=2, hours=9), None,
    )  # fmt: skip
    assert (first.source_file, first.source_position, first.batch) == ("landing/2.csv", 4, 1)
    assert (of_other.records, [record.key["plane"] for record in of_other.newest]) == (1, ["N2"])
    assert (nothing.records, nothing.counts, nothing.newest) == (0, {"late": 0}, ())


def test_a_version_without_a_part_in_any_feature_is_none(spark: SparkSession) -> None:
    question = Question(F.col("plane") == "N1", {}, {"late": F.coalesce(F.col("delay") > 10, F.lit(False))})
    history = spark.createDataFrame([row("N1", 0, 20), row("N1", 1, None), row("N1", 2, 5)], SCHEMA)
    found = answers(history, SOURCE, [question], 5)[0]
    assert (found.records, [record.key["day"] for record in found.newest]) == (1, [0])
