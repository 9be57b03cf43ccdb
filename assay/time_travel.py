"""Questions to tables as they were, which are answered by what they are today where Delta no longer has the version."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from assay.errors import TableError
from assay.explained import first_lines
from assay.tables import Tables

Answer = TypeVar("Answer")
Read = Callable[[str], DataFrame]
UNREADABLE = (PySparkException, Py4JError, TableError)
"""What reading a version raises whose log or files are gone."""


def as_of_versions(
    tables: Tables, versions: Mapping[str, int | None], question: Callable[[Read], Answer]
) -> tuple[Answer, tuple[str, ...]]:
    """The answer to a question, and a note where it is of the tables as they are today.

    Args:
        tables: The tables.
        versions: Table -> the Delta version that is meant; None, and a table that is not among them, is the newest.
        question: Gets what reads a table by its name, and runs whatever it asks of Spark.
    """
    try:
        return question(lambda name: tables.read(name, versions.get(name))), ()
    except UNREADABLE as error:
        told = ", ".join(f"{name} at version {version}" for name, version in versions.items() if version is not None)
        if not told:
            raise
        answer = question(tables.read)
        return answer, (f"{told} cannot be read any more, and so is read as it is today: {first_lines(error)}",)
