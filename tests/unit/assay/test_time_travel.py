"""Tables are read as they were, and as they are today only where that cannot be, with a note."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assay.errors import TableError
from assay.tables import Tables
from assay.time_travel import Read, as_of_versions

NAME = "gold.late_inputs"


def values(read: Read) -> list[int]:
    return sorted(row["x"] for row in read(NAME).collect())


def test_a_table_is_read_at_the_version_that_is_meant_or_with_a_note_as_it_is(
    spark: SparkSession, tmp_path: Path
) -> None:
    tables = Tables(spark, str(tmp_path))
    with pytest.raises(TableError, match="does not exist yet"):
        as_of_versions(tables, {NAME: None}, values)
    first = tables.append(NAME, spark.createDataFrame([(1,)], "x int")).version
    tables.append(NAME, spark.createDataFrame([(2,)], "x int"))
    assert as_of_versions(tables, {NAME: first}, values) == ([1], ())
    assert as_of_versions(tables, {NAME: None}, values) == as_of_versions(tables, {}, values) == ([1, 2], ())
    found, notes = as_of_versions(tables, {NAME: 99}, values)
    assert found == [1, 2]
    assert [note.split(":")[0] for note in notes] == [
        "gold.late_inputs at version 99 cannot be read any more, and so is read as it is today"
    ]
