"""What Delta wrote into a commit about itself."""

import json
from collections.abc import Mapping
from math import inf
from typing import Any

from pyspark.sql import SparkSession

from assay.errors import TableError
from assay.java import java_class

_sound: dict[str, int] = {}
"""Table -> the version whose commit was looked at last."""


def commit_info(spark: SparkSession, path: str, version: int) -> dict[str, Any]:
    """A commit's operationMetrics (numOutputRows, …), userMetadata, …; nothing where it says nothing.

    Args:
        spark: The session.
        path: The table's folder or URI.
        version: The commit's version.

    Raises:
        TableError: The commit's file is cut off: Delta would read it as one that changed less.
    """
    name = f"{path}/_delta_log/{version:020d}.json"
    file = java_class(spark, "org.apache.hadoop.fs.Path")(name)
    stream = file.getFileSystem(spark._jsc.hadoopConfiguration()).open(file)
    try:
        text = str(java_class(spark, "org.apache.commons.io.IOUtils").toString(stream, "UTF-8"))
    finally:
        stream.close()
    lines = [line for line in text.split("\n") if line]  # a value may hold what else ends a line
    info: dict[str, Any] = next(
        (json.loads(line)["commitInfo"] for line in lines if line.startswith('{"commitInfo"')), {}
    )
    if not lines or (info.get("operation") == "WRITE" and _rows_added(lines) < rows_of(info)):
        raise TableError(
            "The log of a table is cut off at its last commit.", where=name,
            found=f"{len(lines)} lines, which name {_rows_added(lines):g} rows", expected=f"{rows_of(info)} rows",
            do="bring the file back from a copy of the warehouse and run the same command again; nothing was changed. "
            "docs/reliability.md says what to do without a copy",
        )  # fmt: skip
    return dict(info)


def _rows_added(lines: list[str]) -> float:
    """The rows in the files that a commit adds; any number where a file does not say."""
    stats = [json.loads(line)["add"].get("stats") for line in lines if line.startswith('{"add"')]
    return sum(json.loads(stat).get("numRecords", inf) if stat else inf for stat in stats)


def check_newest(spark: SparkSession, path: str, version: int) -> None:
    """TableError where the newest commit of a table is cut off; looked at once for each version."""
    if _sound.get(path) != version:
        commit_info(spark, path, version)
        _sound[path] = version


def files_of(commit: Mapping[str, Any]) -> int:
    """How many files of rows a commit says that it has written."""
    metrics = commit.get("operationMetrics", {})
    return int(metrics.get("numTargetFilesAdded" if commit.get("operation") == "MERGE" else "numFiles", 0))


def rows_of(commit: Mapping[str, Any]) -> int:
    """How many rows a commit says that it has written; of a merge, inserted and updated."""
    metrics = commit.get("operationMetrics", {})
    if commit.get("operation") == "MERGE":
        return int(metrics["numTargetRowsInserted"]) + int(metrics["numTargetRowsUpdated"])
    return int(metrics.get("numOutputRows", 0))
