"""A feature table as of given times, from the history of its source. Pure: a frame in, a frame out, no Spark job."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Feature, FeatureColumn, FeatureTable
from assay.errors import FeatureError
from assay.tables import quoted
from gold.aggregates import AGGREGATES, Values

EVENT = "__event_time"


def compute(history: DataFrame, table: FeatureTable, event_time: str | None, as_ofs: Sequence[datetime]) -> DataFrame:
    """The feature rows of each as_of.

    A row of the history counts for an as_of if it was the valid version then (`valid_from <= as_of < valid_to`) and
    its event time lies in the window `[as_of - delay - w, as_of - delay)`. One code path serves one night and many.

    Args:
        history: `silver.<source>__history`.
        table: The definition.
        event_time: The source's event time column; None means the time at which a row became available.
        as_ofs: Times to compute for, UTC.

    Returns:
        Keys, `event_timestamp` (the as_of) and the features; a row per entity that has an event in the longest
        window. Rows with a NULL in the key belong to no entity.
    """
    spark = history.sparkSession
    longest = _longest(table)
    at = F.col(quoted(event_time)) if event_time else F.col("valid_from")
    events = history.select("*", at.cast("timestamp").alias(EVENT)).where(
        " AND ".join(f"{quoted(key)} IS NOT NULL" for key in table.keys)
    )
    before = F.col(EVENT) < F.lit(max(as_ofs) - table.delay)
    if not event_time:
        before = F.col(EVENT) <= F.lit(max(as_ofs) - table.delay)
    events = events.where(before)
    if longest is not None:
        events = events.where(F.col(EVENT) >= F.lit(min(as_ofs) - table.delay - longest))
    times = F.broadcast(spark.createDataFrame([(as_of,) for as_of in as_ofs], "event_timestamp timestamp"))
    seen = events.join(times, _visible(table, longest, event_time), "inner")
    types = _types(events, table)
    return seen.groupBy(*[quoted(key) for key in table.keys], "event_timestamp").agg(
        *[
            AGGREGATES[table.features[column.feature].aggregate](
                _values(table.features[column.feature], column, table, types[column.feature])
            ).alias(column.name)
            for column in table.output
        ]
    )


def _longest(table: FeatureTable) -> timedelta | None:
    windows = [column.window for column in table.output]
    return None if None in windows else max(window for window in windows if window is not None)


def _visible(table: FeatureTable, longest: timedelta | None, event_time: str | None) -> Column:
    """Whether a row is the valid version as of the as_of, and in the longest window."""
    as_of = F.col("event_timestamp")
    visible = (F.col("valid_from") <= as_of) & (F.col("valid_to").isNull() | (F.col("valid_to") > as_of))
    if event_time is None:
        return visible
    visible &= F.col(EVENT) < as_of - F.lit(table.delay)
    if longest is not None:
        visible &= F.col(EVENT) >= as_of - F.lit(table.delay) - F.lit(longest)
    return visible


def _values(feature: Feature, column: FeatureColumn, table: FeatureTable, type_: T.DataType) -> Values:
    inside = F.lit(True)
    if column.window is not None:
        inside = F.col(EVENT) >= F.col("event_timestamp") - F.lit(table.delay) - F.lit(column.window)
    if feature.where is not None:
        inside &= F.expr(feature.where)
    value = F.lit(1) if feature.argument == "*" else F.expr(feature.argument)
    order = F.struct(EVENT, "valid_from", "source_file", "source_position")
    return Values(F.when(inside, value), type_, order)


def _types(events: DataFrame, table: FeatureTable) -> dict[str, T.DataType]:
    """The type of each feature's argument; FeatureError for an expression that the source cannot give."""
    types: dict[str, T.DataType] = {}
    for name, feature in table.features.items():
        expression = "1" if feature.argument == "*" else feature.argument
        try:
            columns = [F.expr(expression), *([F.expr(feature.where)] if feature.where else [])]
            types[name] = events.select(*columns).schema[0].dataType
        except Exception as error:
            known = [column for column in events.columns if column != EVENT]
            raise FeatureError(
                f"The feature {name} of {table.name} cannot be computed.",
                where=table.at("features", name),
                found=f"{expression}: {str(error).splitlines()[0]}",
                expected="a SQL expression over " + ", ".join(known),
            ) from error
    return types
