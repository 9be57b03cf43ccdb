"""Small frames of the driver's, frames that several queries read, the row of an aggregate, and a hash of rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from assay.tables import quoted


def local_frame(spark: SparkSession, rows: Sequence[Mapping[str, object]], schema: str) -> DataFrame:
    """A frame of a few rows of the driver. They come by way of Arrow: of a Python list Spark would make a job."""
    fields = cast("T.StructType", T.StructType.fromDDL(schema))
    table: Any = pa.Table.from_pylist([dict(row) for row in rows], schema=to_arrow_schema(fields, timezone="UTC"))
    frame: DataFrame = spark.createDataFrame(table, fields)
    return frame


@contextmanager
def held(frame: DataFrame) -> Iterator[DataFrame]:
    """A frame's rows, worked out once for several queries and kept in memory and on disk until the end of the block.

    They are kept as rows. Spark's cache would keep columns: of a million rows of 25 columns it took 4 seconds to make them
    and to make rows of them again, where this takes less than one. Nor is the plan kept, which Spark's cache compares with
    every later query's. Of a cluster that loses a machine with such rows, the stage fails, and is run again.
    """
    kept = frame.localCheckpoint(eager=False)
    try:
        yield kept
    finally:
        cast("Any", kept)._jdf.queryExecution().logical().rdd().unpersist(False)


def only_row(frame: DataFrame) -> Row:
    """The single row of an aggregate without groups."""
    return frame.collect()[0]


def together(columns: Sequence[str]) -> Column:
    """An aggregate: a hash of all rows' values in some columns, in whatever order.

    Where no values are there twice, as many other rows have the same hash only if their values are the same.
    """
    return F.bit_xor(F.xxhash64(*map(quoted, columns)))
