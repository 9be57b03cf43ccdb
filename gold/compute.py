"""A feature table as of given times, from the history of its source. Pure: a frame in, a frame out, no Spark job."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Feature, FeatureColumn, FeatureTable
from assay.errors import FeatureError
from assay.sql_expression import NotAllowedError, row_expression
from assay.tables import literal, quoted
from gold.aggregates import AGGREGATES, State, Values
from gold.spans import AS_OF, EVENT, Grid, of_spans


def compute(history: DataFrame, table: FeatureTable, event_time: str | None, as_ofs: Sequence[datetime]) -> DataFrame:
    """The feature rows of each as_of.

    A row of the history counts for an as_of if it was the valid version then (`valid_from <= as_of < valid_to`) and
    its event time lies in the window `[as_of - delay - w, as_of - delay)`. Where the event time is the time at which a
    row became available, it is `(as_of - delay - w, as_of - delay]`: what is available as of a time counts then, and
    once.

    Of one as_of the features are made of its rows. Of several the rows are made into states of short spans of time
    first, which the windows are put together from: what a row costs does not grow with the as_ofs that see it.
    States are equal however rows are shared out, and so are the features.

    Args:
        history: `silver.<source>__history`.
        table: The definition.
        event_time: The source's event time column; None means the time at which a row became available.
        as_ofs: Times to compute for, UTC.

    Returns:
        Keys, `event_timestamp` (the as_of) and the features; a row per entity that has an event in the longest
        window. Rows with a NULL in the key belong to no entity.
    """
    at = F.col(quoted(event_time)) if event_time else F.col("valid_from")
    events = history.select("*", at.cast("timestamp").alias(EVENT)).where(
        " AND ".join(f"{quoted(key)} IS NOT NULL" for key in table.keys)
    )
    events = events.where(inside(longest(table), table, event_time, min(as_ofs), max(as_ofs)))
    types = _types(events, table)
    for name, kind in types.items():
        AGGREGATES[table.features[name].aggregate].check(table, name, kind)
    ages = any(AGGREGATES[table.features[name].aggregate].ages for name in types)
    grid = None if ages else Grid.of(as_ofs, [column.window for column in table.aggregated])
    states = {
        column: AGGREGATES[table.features[column.feature].aggregate].state(
            _values(column, table, types[column.feature], None if grid else inside(column.window, table, event_time))
        )
        for column in table.aggregated
    }
    if grid is None:
        parts = _of_rows(events, table, event_time, as_ofs, states)
    else:
        parts = of_spans(events, table, grid, states, timed=event_time is not None)
    finished = parts.select(
        *[quoted(key) for key in table.keys],
        AS_OF,
        *[
            state.finish({part: F.col(quoted(f"{column.name}:{part}")) for part in state.parts}).alias(column.name)
            for column, state in states.items()
        ],
    )
    return _with_expressions(finished, table).withColumnRenamed(AS_OF, "event_timestamp")


def _of_rows(
    events: DataFrame,
    table: FeatureTable,
    event_time: str | None,
    as_ofs: Sequence[datetime],
    states: Mapping[FeatureColumn, State],
) -> DataFrame:
    """The parts of every column's state for each entity and as_of, from the rows in its window."""
    nights = F.array(*[F.expr(literal(as_of)) for as_of in sorted(set(as_ofs))])
    as_of = F.col(AS_OF)
    visible = (F.col("valid_from") <= as_of) & (F.col("valid_to").isNull() | (F.col("valid_to") > as_of))
    seen = events.select("*", F.explode(nights).alias(AS_OF)).where(visible & inside(longest(table), table, event_time))
    return seen.groupBy(*map(quoted, table.keys), AS_OF).agg(
        *[
            made.of_rows.alias(f"{column.name}:{part}")
            for column, state in states.items()
            for part, made in state.parts.items()
        ]
    )


def _with_expressions(features: DataFrame, table: FeatureTable) -> DataFrame:
    """The features that are worked out from others, each from those before it."""
    known: list[str] = []
    for column in table.output:
        feature = table.features[column.feature]
        if feature.is_expression:
            try:
                features = features.withColumn(column.name, row_expression(feature.argument, known))
            except Exception as error:
                raise FeatureError(
                    f"The feature {column.name} of {table.name} cannot be computed.",
                    where=table.at("features", column.feature),
                    found=f"{feature.argument}: {str(error).splitlines()[0]}",
                    expected="a SQL expression over the features before it: " + (", ".join(known) or "none"),
                ) from error
        known.append(column.name)
    return features.select(*[quoted(key) for key in table.keys], AS_OF, *[quoted(name) for name in known])


def needed(
    history: DataFrame, tables: Sequence[FeatureTable], event_time: str | None, as_ofs: Sequence[datetime]
) -> DataFrame:
    """The rows of a source's history that some feature tables can use for given as_ofs."""
    at = (F.col(quoted(event_time)) if event_time else F.col("valid_from")).cast("timestamp")
    used = reduce(or_, [inside(longest(table), table, event_time, min(as_ofs), max(as_ofs), at=at) for table in tables])
    return history.where(used)


def longest(table: FeatureTable) -> timedelta | None:
    """The longest window; None where one has no lower end."""
    windows = [column.window for column in table.aggregated]
    return None if None in windows else max(window for window in windows if window is not None)


def inside(
    window: timedelta | None,
    table: FeatureTable,
    event_time: str | None,
    first: datetime | None = None,
    last: datetime | None = None,
    *,
    at: Column | None = None,
) -> Column:
    """Whether an event lies in a window (None: no lower end) of the as_of, or of one between two given ones."""
    at = F.col(EVENT) if at is None else at
    end = F.lit(last or F.col(AS_OF)) - F.lit(table.delay)
    ended = at < end if event_time else at <= end
    if window is None:
        return ended
    start = F.lit(first or F.col(AS_OF)) - F.lit(table.delay) - F.lit(window)
    return ended & (at >= start if event_time else at > start)


def _values(column: FeatureColumn, table: FeatureTable, type_: T.DataType, window: Column | None) -> Values:
    """What a column takes of the rows, in a window or in all."""
    feature = table.features[column.feature]
    value, condition = taken(column, table)
    wanted = condition if window is None else window & condition
    order = F.struct(EVENT, "valid_from", "source_file", "source_position")
    return Values(F.when(wanted, value), type_, order, F.col(EVENT), F.col(AS_OF), feature)


def taken(column: FeatureColumn, table: FeatureTable) -> tuple[Column, Column]:
    """What a column takes of a row, and whether it takes it, whatever its time."""
    feature = table.features[column.feature]
    condition = F.lit(True) if feature.where is None else F.expr(feature.where)
    if feature.by is not None:
        condition &= F.col(quoted(next(iter(feature.by)))) == F.lit(column.by)
    return F.lit(1) if feature.argument == "*" else F.expr(feature.argument), condition


def _types(events: DataFrame, table: FeatureTable) -> dict[str, T.DataType]:
    """The type of each feature's argument; FeatureError for an expression that the source cannot give."""
    known = [column for column in events.columns if column != EVENT]
    features = {name: feature for name, feature in table.features.items() if not feature.is_expression}
    for name, feature in features.items():
        check_allowed(table, name, feature, known)
    try:
        schema = events.select(*[column for feature in features.values() for column in _columns(feature)]).schema
    except Exception:  # noqa: BLE001  # which one it was is found below
        return {name: _type(events, table, name) for name in features}
    return dict(zip(features, [field.dataType for field in schema][::3], strict=True))


def check_allowed(table: FeatureTable, name: str, feature: Feature, known: Sequence[str]) -> None:
    """Raise FeatureError for an argument or a condition that is no expression over a source's columns."""
    for text in ("true" if feature.argument == "*" else feature.argument, feature.where or "true"):
        try:
            row_expression(text, known)
        except NotAllowedError as error:
            raise FeatureError(
                f"The feature {name} of {table.name} cannot be computed.", where=table.at("features", name),
                found=error.found, expected=error.expected,
            ) from error  # fmt: skip


def _type(events: DataFrame, table: FeatureTable, name: str) -> T.DataType:
    feature = table.features[name]
    try:
        return events.select(*_columns(feature)).schema[0].dataType
    except Exception as error:
        known = [column for column in events.columns if column != EVENT]
        raise FeatureError(
            f"The feature {name} of {table.name} cannot be computed.",
            where=table.at("features", name),
            found=f"{feature.argument}: {str(error).splitlines()[0]}",
            expected="a SQL expression over " + ", ".join(known),
        ) from error


def _columns(feature: Feature) -> list[Column]:
    """What a feature takes from a row: its argument, its condition, and its category."""
    category = F.lit(None)
    for column, categories in (feature.by or {}).items():
        category = F.col(quoted(column)).isin(list(categories))
    value = F.lit(1) if feature.argument == "*" else F.expr(feature.argument)
    return [value, F.expr(feature.where or "true"), category]
