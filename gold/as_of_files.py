"""The as-of join by DuckDB, inside Spark tasks that read the tables' files where they lie: only the spine is moved.

The spine is shared out by ranges of its times, and each task reads of every table what those times can use.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cache

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from gold.as_of_task import Files, answers, groups
from gold.side import Side, key_as_in

FEW = 100_000
"""Rows of a spine that one task answers, which spares sharing them out."""
_FEATURES = ["timestampNtz", "vacuumProtocolCheck", "v2Checkpoint"]
"""Of the reader features of Delta tables those that change nothing in how their Parquet files read."""
_INTEGERS = (T.ByteType(), T.ShortType(), T.IntegerType(), T.LongType())
_KEYS = (*_INTEGERS, T.StringType(), T.BooleanType(), T.DateType())
"""Types in which DuckDB and Spark take the same values for equal, besides decimals."""
_ORDERED = (*_KEYS, T.FloatType(), T.DoubleType(), T.BinaryType(), T.TimestampType(), T.TimestampNTZType())
"""Types that both put in the same order, besides decimals."""


class NotByFilesError(Exception):
    """Why a join cannot be done by files."""


def join_by_files(spine: DataFrame, time: str, sides: Sequence[Side], rows: int | None) -> DataFrame:
    """The join, as `as_of_join` defines it.

    Raises:
        NotByFilesError: The tasks cannot read the tables' files, or DuckDB would order or compare otherwise than Spark.
    """
    _check_types(sides)
    files = [_files(spine.sparkSession, side) for side in sides]
    features = T.StructType([
        T.StructField(name, side.type_of(column)) for side in sides for name, column in side.features.items()
    ])  # fmt: skip
    names = spine.columns
    asked = spine.toDF(*[f"s{at}" for at in range(len(names))])
    keys = [
        key_as_in(side, asked, key, f"s{names.index(key)}").alias(f"k{number}_{at}")
        for number, side in enumerate(sides)
        for at, key in enumerate(side.keys)
    ]
    moment = F.col(f"s{names.index(time)}")
    asked = _shared_out(asked.select("*", *keys, F.unix_micros(moment).alias("time")), rows)
    answered = to_arrow_schema(features, timezone=spine.sparkSession.conf.get("spark.sql.session.timeZone"))
    width = len(names)

    def answer(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for group in groups(batches):
            found = (
                answers(group.select(range(width, group.num_columns)), files)
                .rename_columns(answered.names)
                .cast(answered)
            )
            yield from pa.table([*group.columns[:width], *found.columns], schema.names).to_batches()

    schema = T.StructType([*spine.schema.fields, *features.fields])
    return asked.mapInArrow(answer, schema)


def _check_types(sides: Sequence[Side]) -> None:
    if not sides:
        raise NotByFilesError("nothing is asked")
    for side in sides:
        times = [side.time, *([side.created] if side.created else [])]
        if side.from_creation:
            raise NotByFilesError("what counts from its creation on is not in the order of its event time")
        if other := [name for name in times if side.type_of(name) != T.TimestampType()]:
            raise NotByFilesError(f"{other[0]} is no timestamp")
        for names, kinds in ((side.keys.values(), _KEYS), (side.features.values(), _ORDERED)):
            types = {name: side.type_of(name) for name in names}
            if other := [
                name for name, kind in types.items() if not (kind in kinds or isinstance(kind, T.DecimalType))
            ]:
                raise NotByFilesError(f"{other[0]} is of type {types[other[0]].simpleString()}")


def _files(spark: SparkSession, side: Side) -> Files:
    """A side's table at its newest version, if tasks can read its files."""
    if side.folder is None:
        raise NotByFilesError("the rows are not those of one Delta table")
    folder = re.sub("^file:/+", "/", side.folder)
    if not folder.startswith("/"):  # an object store: Hadoop's settings and keys are not delta-rs's
        raise NotByFilesError(f"{folder} is on no file system")
    if not ((spark.sparkContext.master or "").startswith("local") or _workers_read(spark, folder)):
        raise NotByFilesError("the workers do not read the table's files")
    return Files(
        folder,
        _version(folder),
        tuple(side.keys.values()),
        side.time,
        side.created,
        None if side.ttl is None else side.ttl // timedelta(microseconds=1),
        tuple(side.features.values()),
        None if side.empty is None else tuple(map(side.empty.get, side.features)),
    )


def _version(folder: str) -> int:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(folder)
        protocol, mapped = table.protocol(), table.metadata().configuration.get("delta.columnMapping.mode", "none")
    except (DeltaError, OSError) as error:
        raise NotByFilesError(f"{folder} cannot be read here: {error}") from error
    if other := sorted({*(protocol.reader_features or [])} - {*_FEATURES}):
        raise NotByFilesError(f"{folder} has {', '.join(other)}")
    if mapped != "none":
        raise NotByFilesError(f"{folder} has columns of other names in its files")
    return table.version()


@cache
def _workers_read(spark: SparkSession, folder: str) -> bool:
    """Whether the slots of a cluster can read a table's files: asked once for each table."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            try:
                from deltalake import DeltaTable

                can = DeltaTable(folder).to_pyarrow_dataset().head(1) is not None
            except Exception:  # noqa: BLE001  # whatever is the matter there
                can = False
            yield pa.RecordBatch.from_arrays([pa.array([can] * batch.num_rows)], ["can"])

    slots = spark.sparkContext.defaultParallelism
    return all(row["can"] for row in spark.range(slots, numPartitions=slots).mapInArrow(read, "can boolean").collect())


def _shared_out(asked: DataFrame, rows: int | None) -> DataFrame:
    """The spine in tasks of one range of times each, in order of time, as rows of about one time read the same files."""
    if rows is not None and rows <= FEW:
        return asked.coalesce(1).sortWithinPartitions("time")
    tasks = asked.sparkSession.sparkContext.defaultParallelism
    return asked.repartitionByRange(tasks, "time").sortWithinPartitions("time")
