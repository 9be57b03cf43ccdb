"""All Delta IO: read, append, replace a slice, merge, and check after each commit that it did what was meant.

A table is named as in SQL (`silver.outcomes__history`) and lies in the folder of that name below the lakehouse's root.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from delta.tables import DeltaMergeBuilder, DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from assay.commits import check_newest, commit_info, files_of, rows_of
from assay.counted import Counted, counted
from assay.errors import TableError
from assay.java import delta_log, no_option, silent

logger = logging.getLogger(__name__)

SCHEMAS = ("bronze", "silver", "gold", "ops")
RETENTION, LOG_RETENTION = "delta.deletedFileRetentionDuration", "delta.logRetentionDuration"
"""Properties of a table: how long files stay that its newest version does not use, and how long its log tells of a version."""


@dataclass(frozen=True)
class Commit:
    """What one commit did."""

    table: str
    version: int
    rows: int
    """Rows written (inserted and updated, for a merge)."""


@dataclass(frozen=True)
class Tables:
    """The Delta tables of one lakehouse.

    Args:
        spark: The session that reads and writes.
        root: Folder or URI of the lakehouse in the warehouse.
    """

    spark: SparkSession
    root: str
    written: list[int] = field(default_factory=list, compare=False, repr=False)
    """How many files of rows each commit of this process has written."""

    def path(self, name: str) -> str:
        """Where a table lies; TableError for a name that is none."""
        schema, _, table = name.partition(".")
        if schema not in SCHEMAS or not table.replace("_", "").isalnum():
            raise TableError("This is not a table's name.", found=name, expected="schema.table, as in silver.outcomes")
        return f"{self.root}/{schema}/{table}"

    def exists(self, name: str) -> bool:
        """Whether the table has been written at least once.

        The log is looked at anew: Delta's `isDeltaTable` remembers that there was none when it looked while another process
        wrote the first version.
        """
        return self.version(name) >= 0

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """The table, as of now or as of a Delta version; TableError when there is none."""
        newest = self.version(name)
        if newest < 0:
            raise TableError(
                f"The table {name} does not exist yet.",
                where=self.path(name),
                do="run the stage that writes it first: bronze, silver, features, train, score in this order",
            )
        check_newest(self.spark, self.path(name), newest)
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.path(name))

    def version(self, name: str) -> int:
        """The newest Delta version of a table; -1 where there is none."""
        nothing = no_option(self.spark)
        return int(delta_log(self.spark, self.path(name)).update(False, nothing, nothing).version())

    def append(self, name: str, frame: DataFrame, *, evolve: bool = False, partition_by: Sequence[str] = ()) -> Commit:
        """Add rows.

        Args:
            name: The table; created, partitioned by `partition_by`, when it does not exist.
            frame: The rows.
            evolve: Columns that the table does not have yet may come with them.
            partition_by: The table's partition columns.
        """
        given = counted(frame)
        writer = given.rows.write.format("delta").mode("append").option("mergeSchema", str(evolve).lower())
        writer = writer.option("userMetadata", given.mark)
        if partition_by:
            writer = writer.partitionBy(*partition_by)
        return self._commit(name, lambda: writer.save(self.path(name)), given)

    def replace(
        self,
        name: str,
        frame: DataFrame,
        *,
        slice_of: Mapping[str, Sequence[object]],
        evolve: bool = False,
        empty: bool = False,
    ) -> Commit:
        """Replace exactly the rows of some partitions; what the frame has of other partitions is refused by Delta.

        Args:
            name: The table; created, partitioned by the slice's columns, when it does not exist.
            frame: The rows that the slice shall hold afterwards, possibly none.
            slice_of: Partition column -> the values that make up the slice.
            evolve: Columns that the table does not have yet may be added.
            empty: The slice is known to hold nothing, and the frame to have rows of it alone: they are added, which
                spares Delta two jobs that look for what to remove.
        """
        given = counted(frame)
        writer = given.rows.write.format("delta").mode("overwrite").partitionBy(*slice_of)
        writer = writer.option("userMetadata", given.mark)
        if self.exists(name):
            writer = writer.mode("append") if empty else writer.option("replaceWhere", where_in(slice_of))
            if evolve:
                writer = writer.option("mergeSchema", "true")

        def nothing() -> bool:
            return frame.isEmpty() and (empty or self.read(name).where(where_in(slice_of)).isEmpty())

        return self._commit(name, lambda: writer.save(self.path(name)), given, nothing)

    def append_once(self, name: str, frame: DataFrame, *, application: str, number: int) -> bool:
        """Add rows, unless the application has committed this number or a higher one.

        Returns:
            Whether the rows were added: Delta itself leaves them out without a word.
        """
        before, given = self.version(name), counted(frame)
        writer = given.rows.write.format("delta").mode("append").option("userMetadata", given.mark)
        writer.option("txnAppId", application).option("txnVersion", number).save(self.path(name))
        return self._committed(name, before, given) is not None

    def compact(self, name: str) -> None:
        """Make few files of many small ones; the rows stay as they are."""
        DeltaTable.forPath(self.spark, self.path(name)).optimize().executeCompaction()

    def clear(self, name: str, retain: timedelta) -> None:
        """Remove files that no version of so long a time has used. The table remembers how long: Delta asks it, and not us."""
        path, hour = self.path(name), timedelta(hours=1)
        log = max(retain, timedelta(days=30))  # Delta's default; a version without its log cannot be read
        asked = {RETENTION: f"interval {retain // hour} hours", LOG_RETENTION: f"interval {log // hour} hours"}
        table = DeltaTable.forPath(self.spark, path)
        has = table.detail().collect()[0]["properties"]
        if any(has.get(key) != value for key, value in asked.items()):
            given = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in asked.items())
            self.spark.sql(f"ALTER TABLE delta.{quoted(path)} SET TBLPROPERTIES ({given})")
        with silent(self.spark):  # Delta prints how many
            table.vacuum()

    def delete(self, name: str, *, slice_of: Mapping[str, Sequence[object]]) -> None:
        """Remove some partitions; a commit that only changes the log. They are gone afterwards, or it is an error."""
        DeltaTable.forPath(self.spark, self.path(name)).delete(where_in(slice_of))
        if not self.read(name).where(where_in(slice_of)).isEmpty():
            raise TableError(
                f"Rows that were deleted are still in {name}.", where=self.path(name), found=where_in(slice_of),
                do="run the stage again; if it stays, another program writes this table",
            )  # fmt: skip

    def merge(self, name: str, builder: DeltaMergeBuilder) -> Commit:
        """Run a merge that `merging` began. How many rows it was to insert and update is for the caller to check."""
        return self._commit(name, builder.execute)

    def merging(self, name: str, source: DataFrame, condition: str) -> DeltaMergeBuilder:
        """Begin a merge of `source` into a table; the aliases are `source` and `target`."""
        target = DeltaTable.forPath(self.spark, self.path(name)).alias("target")
        return target.merge(source.alias("source"), condition)

    def create(self, name: str, schema: T.DataType, partition_by: Sequence[str] = (), **properties: str) -> None:
        """Make an empty table unless there is one."""
        if not self.exists(name):
            builder = DeltaTable.createIfNotExists(self.spark).location(self.path(name)).addColumns(schema)
            for key, value in properties.items():
                builder = builder.property(key, value)
            builder.partitionedBy(*partition_by).execute()
            self.version(name)

    def _commit(
        self,
        name: str,
        write: Callable[[], None],
        given: Counted | None = None,
        nothing: Callable[[], bool] = lambda: False,
    ) -> Commit:
        """Write, and see that there is a new version with the rows that were `given`; of `nothing` Delta makes none."""
        before = self.version(name)
        if before >= 0:
            check_newest(self.spark, self.path(name), before)
        write()
        commit = self._committed(name, before, given)
        if commit is None and nothing():
            return Commit(name, self.version(name), 0)
        if commit is None:
            raise TableError(
                f"A write to {name} made no new version.",
                where=self.path(name),
                found=f"version {self.version(name)}",
                expected=f"a version above {before}",
                do="run the stage again; if it stays, another program writes this table",
            )
        logger.debug("%s version %d: %d rows", name, commit.version, commit.rows)
        return commit

    def _committed(self, name: str, before: int, given: Counted | None) -> Commit | None:
        """The commit since a version that wrote what was given, its rows checked; None if there is none."""
        for version in range(before + 1, self.version(name) + 1):
            info = commit_info(self.spark, self.path(name), version)
            if given is None or info.get("userMetadata") == given.mark:
                if given is not None:
                    given.check(name, version, rows_of(info))
                self.written.append(files_of(info))
                return Commit(name, version, rows_of(info))
        return None


def where_in(values: Mapping[str, Sequence[object]]) -> str:
    """A SQL condition that holds for rows whose columns have one of the given values, literals quoted."""
    return " AND ".join(
        f"{quoted(column)} IN ({', '.join(literal(value) for value in allowed)})" for column, allowed in values.items()
    )


def quoted(identifier: str) -> str:
    """An identifier in backticks."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(value: object) -> str:
    """A SQL literal of a str, int, float, bool, date or (UTC) datetime."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"{value!r}D"
        case datetime():
            instant = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return f"TIMESTAMP'{instant.isoformat(sep=' ')}'"
        case date():
            return f"DATE'{value.isoformat()}'"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    raise TableError("This value has no SQL literal.", found=repr(value), expected="text, number, date or timestamp")
