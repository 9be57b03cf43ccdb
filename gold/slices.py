"""Tables that are written in slices, as assay's feature tables are: what slices they have, and what absence in one means.

A feature table has a row for each entity that had an event in a window of the night. An entity without one is not unknown:
its count is 0. Feast's objects say so by tags, so that whoever asks Feast is told the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import FeatureTable
from assay.frames import local_frame, only_row
from assay.sql_expression import NotAllowedError, row_expression
from assay.tables import quoted
from gold.aggregates import AGGREGATES
from gold.side import Side

SLICES, EMPTY = "assay.slices", "assay.empty"
"""Tags: of a feature view whose table is written in slices, and of a field: its empty value as text, where it is not NULL."""


def empty_values(spark: SparkSession, table: FeatureTable, schema: T.StructType) -> dict[str, str]:
    """What a feature table's columns read as for an entity without an event: column -> value as text, where not NULL.

    An aggregate has its registered value, and an expression what it makes of those of the features before it: NULL where
    it cannot tell, as of a division by none.
    """
    found: dict[str, Column] = {}
    told: dict[str, str] = {}
    for column in table.output:
        if column.name not in schema.names:
            continue
        feature = table.features[column.feature]
        if feature.is_expression:
            value = _told(spark, feature.argument, found)
        else:
            empty = AGGREGATES[feature.aggregate].empty
            value = None if empty is None else str(empty)
        if value is not None:
            told[column.name] = value
        found[column.name] = F.lit(value).cast(schema[column.name].dataType).alias(column.name)
    return told


def _told(spark: SparkSession, expression: str, columns: Mapping[str, Column]) -> str | None:
    """What an expression says of some values, as text; None where it fails, or needs a column that is not built yet."""
    one = local_frame(spark, [{"__one": 1}], "__one int").select(*columns.values())
    try:
        told: str | None = only_row(one.select(row_expression(expression, columns).cast("string").alias("told")))[
            "told"
        ]
    except (PySparkException, NotAllowedError):
        return None
    return told


@dataclass(frozen=True)
class Slice:
    """One time of a table that is written in slices."""

    time: int
    """Microseconds since 1970, UTC."""
    whole: bool
    """Whether the slice has the columns that have an empty value: one that was added to the table later it has not."""
    known: int
    """From when on it counts, in microseconds too."""


def slices_of(sides: Sequence[Side]) -> list[list[Slice]]:
    """The slices of each side that is written in them, none of the others: one query for all of them."""
    found: list[list[Slice]] = [[] for _ in sides]
    sliced = [
        _slices(side).select("*", F.lit(at).alias("side")) for at, side in enumerate(sides) if side.empty is not None
    ]
    if sliced:
        for row in reduce(DataFrame.unionByName, sliced).orderBy("time").collect():
            found[row["side"]].append(Slice(row["time"], row["whole"], row["known"]))
    return found


def _slices(side: Side) -> DataFrame:
    """A row per slice of a table, as `Slice` has it."""
    time = F.unix_micros(F.col(quoted(side.time)).cast("timestamp"))
    created = F.col(quoted(side.created)).cast("timestamp") if side.created and side.from_creation else F.lit(None)
    columns = [F.col(quoted(side.features[name])) for name in side.empty or () if name in side.features]
    return (
        side.rows.groupBy(time.alias("time"))
        .agg(
            reduce(and_, [F.count(column) > 0 for column in columns], F.lit(True)).alias("whole"),
            F.unix_micros(F.min(created.cast("timestamp"))).alias("created"),
        )
        .select("time", "whole", F.greatest("time", "created").alias("known"))
    )
