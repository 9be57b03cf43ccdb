"""CSV files: no text in them is a formula, and nothing else is changed."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from assay.csv_export import escaped, write_csv


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert escaped(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "", "'=x", " a", -1, 2.5, True])
def test_other_values_stay(value: object) -> None:
    assert escaped(value) == value


def test_nulls_times_and_nested_values_are_text() -> None:
    at = datetime(2013, 3, 1, 6)  # noqa: DTZ001  # as Spark gives it: UTC
    assert escaped(None) == ""
    assert escaped(at) == "2013-03-01T06:00:00Z"
    assert escaped([Row(check="max", at=at)]) == '[{"check": "max", "at": "2013-03-01T06:00:00Z"}]'
    assert escaped({"a": b"\x00"}) == '{"a": "00"}'


def test_a_file_holds_what_the_frame_holds(spark: SparkSession, tmp_path: Path) -> None:
    rows = [(1, '=HYPERLINK("http://x")', None), (2, 'a "b",\nc', datetime(2013, 3, 1, tzinfo=UTC))]
    frame = spark.createDataFrame(rows, "id int, text string, at timestamp").orderBy("id")
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        assert write_csv(frame.columns, frame.toLocalIterator(), file) == 2
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["id", "text", "at"], ["1", "'=HYPERLINK(\"http://x\")", ""], ["2", 'a "b",\nc', "2013-03-01T00:00:00Z"],
        ]  # fmt: skip
