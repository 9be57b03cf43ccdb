"""What was added to a Delta table since a version: by its log, its change data feed, or a comparison of two versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.frames import local_frame
from assay.java import as_java, delta_log, java_class, no_option

FEED = "delta.enableChangeDataFeed"
VERSION, COMMITTED, FILE = "__version", "__committed", "__file"
"""Columns that frames of this module have besides the table's: of each row the commit, its time, and the data file."""


@dataclass(frozen=True)
class State:
    """A table at its newest version."""

    id: str
    version: int


@dataclass(frozen=True)
class Commit:
    """One version of a table."""

    version: int
    at: datetime
    operation: str


@dataclass(frozen=True)
class Range:
    """What the log says of some versions."""

    added: Sequence[tuple[int, Any]]
    """Version and entry of each data file that brought rows."""

    removing: Sequence[int]
    """Versions that removed or rewrote rows."""

    fed: bool
    """Whether the change data feed was on throughout."""


def state_of(spark: SparkSession, path: str) -> State | None:
    """A table as it is now; None where there is none."""
    where = java_class(spark, "org.apache.hadoop.fs.Path")(path)
    # A table, or another one, may have come to the path since this process looked.
    java_class(spark, "org.apache.spark.sql.delta.DeltaLog").invalidateCache(spark._jsparkSession, where)
    if not DeltaTable.isDeltaTable(spark, path):
        return None
    nothing = no_option(spark)
    snapshot = delta_log(spark, path).update(False, nothing, nothing)
    return State(str(snapshot.metadata().id()), int(snapshot.version()))


def commits(spark: SparkSession, path: str, newest: int) -> list[Commit]:
    """The newest commits of a table, as many as are asked for, oldest first."""
    found = DeltaTable.forPath(spark, path).history(newest).select("version", "timestamp", "operation").collect()
    return sorted(
        (Commit(row["version"], row["timestamp"].replace(tzinfo=UTC), row["operation"]) for row in found),
        key=lambda commit: commit.version,
    )


def range_of(spark: SparkSession, path: str, after: int, upto: int) -> Range:
    """What the log says of the versions after one, up to another. Files that were only rewritten are left out."""
    log, none = delta_log(spark, path), no_option(spark)
    added, removing = [], []
    fed = _is_fed(log.getSnapshotAt(after, none, none, False).metadata())
    for entry in as_java(spark, log.getChanges(after + 1, upto, none, True)):
        version = int(entry.productElement(0))
        for action in as_java(spark, entry.productElement(1)):
            kind = action.getClass().getSimpleName()
            if kind == "AddFile" and action.dataChange():
                added.append((version, action))
            elif kind == "RemoveFile" and action.dataChange():
                removing.append(version)
            elif kind == "Metadata":
                fed = fed and _is_fed(action)
    return Range(added, sorted(set(removing)), fed)


def whole(spark: SparkSession, path: str, at: Commit) -> DataFrame:
    """All rows of a version, as if its commit had brought them."""
    frame = spark.read.format("delta").option("versionAsOf", at.version).load(path)
    return frame.select(
        "*", F.lit(at.version).alias(VERSION), F.lit(at.at).alias(COMMITTED), F.col("_metadata.file_name").alias(FILE)
    )


def appended(spark: SparkSession, path: str, added: Sequence[tuple[int, Any]], upto: Sequence[Commit]) -> DataFrame:
    """The rows of the data files that some commits brought."""
    files = java_class(spark, "java.util.ArrayList")()
    for _, file in added:
        files.add(file)
    log, none, last = delta_log(spark, path), no_option(spark), upto[-1]
    snapshot = log.getSnapshotAt(last.version, none, none, False)
    found = java_class(spark, "scala.jdk.javaapi.CollectionConverters").asScala(files).toSeq()
    frame = DataFrame(log.createDataFrame(snapshot, found, False, none), spark)
    at = {commit.version: commit.at for commit in upto}
    rows = [
        {FILE: unquote(file.path()).rpartition("/")[2], VERSION: version, COMMITTED: at[version]}
        for version, file in added
    ]
    commit_of = local_frame(spark, rows, f"{FILE} string, {VERSION} bigint, {COMMITTED} timestamp")
    return frame.select("*", F.col("_metadata.file_name").alias(FILE)).join(F.broadcast(commit_of), FILE, how="left")


def fed(spark: SparkSession, path: str, after: int, upto: int) -> DataFrame:
    """The rows that came, new or changed, by the table's change data feed."""
    reader = spark.read.format("delta").option("readChangeFeed", "true")
    changes = reader.option("startingVersion", after + 1).option("endingVersion", upto).load(path)
    return (
        changes.where(F.col("_change_type").isin("insert", "update_postimage"))
        .withColumnsRenamed({"_commit_version": VERSION, "_commit_timestamp": COMMITTED})
        .select("*", F.lit("").alias(FILE))
        .drop("_change_type")
    )


def compared(new: DataFrame, old: DataFrame, at: Commit) -> DataFrame:
    """The rows that one version has and another has not, as often as it has more of them."""
    return new.exceptAll(old).select(
        "*", F.lit(at.version).alias(VERSION), F.lit(at.at).alias(COMMITTED), F.lit("").alias(FILE)
    )


def version_of(spark: SparkSession, path: str, version: int) -> DataFrame:
    """The rows of a version."""
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def _is_fed(metadata: Any) -> bool:
    setting = metadata.configuration().get(FEED)
    return bool(setting.isDefined()) and str(setting.get()).lower() == "true"
