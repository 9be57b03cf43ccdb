"""Feature states of many as_ofs by way of spans of time, which the windows of all of them are put together from.

Each row is made into a state once, with the rows of its entity and span, however many as_ofs see it. That a state is the
same however rows are shared out makes the features equal to those made of rows (gold/aggregates.py).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import FeatureColumn, FeatureTable
from assay.tables import quoted
from gold.aggregates import State

EVENT, AS_OF = "__event_time", "__as_of"
_SPAN, _NIGHT = "__span", "__night"
_FROM, _TO = "__seen_from", "__seen_to"
_EPOCH, _MICRO = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_MOST_GAPS = 16
"""So many nights there may be on a grid for each that is asked for."""


@dataclass(frozen=True)
class Grid:
    """As_ofs at a regular distance, and spans so short that every window begins and ends where one does.

    Night 0 is the first as_of; span 0 begins where its windows end. Distances are in microseconds.
    """

    as_ofs: tuple[datetime, ...]
    night: int
    """From a night to the next; not every night need be an as_of."""
    span: int
    """The length of a span, a part of a night and of every window."""

    @classmethod
    def of(cls, as_ofs: Sequence[datetime], windows: Sequence[timedelta | None]) -> "Grid | None":
        """The widest grid; None for a single as_of, and for as_ofs at no distance that they share."""
        ordered = tuple(sorted(set(as_ofs)))
        night = math.gcd(*[(as_of - ordered[0]) // _MICRO for as_of in ordered])
        if night == 0 or (ordered[-1] - ordered[0]) // _MICRO // night > _MOST_GAPS * len(ordered):
            return None
        return cls(ordered, night, math.gcd(night, *[window // _MICRO for window in windows if window is not None]))

    @property
    def last(self) -> int:
        """The number of the last night."""
        return (self.as_ofs[-1] - self.as_ofs[0]) // _MICRO // self.night

    def instant(self, micros: Column) -> Column:
        """So long after the first as_of."""
        return F.timestamp_micros(F.lit((self.as_ofs[0] - _EPOCH) // _MICRO) + micros)


def of_spans(
    events: DataFrame, table: FeatureTable, grid: Grid, states: Mapping[FeatureColumn, State], *, timed: bool
) -> DataFrame:
    """The parts of every column's state for each entity and as_of.

    Args:
        events: The rows that some as_of may use, with their event time.
        table: The definition.
        grid: The as_ofs.
        states: Column -> its state, of rows whatever their time.
        timed: Whether the event time is one of the source; else it is the time at which a row became available.

    Returns:
        Keys, as_of, and `<column>:<part>`; a row per entity that has an event in the longest window.
    """
    keys = [quoted(key) for key in table.keys]
    spans = (
        _in_spans(events, table, grid, timed=timed)
        .groupBy(*keys, _SPAN, _FROM, _TO)
        .agg(
            *{
                name: each.of_rows.alias(name)
                for column, state in states.items()
                for part, each in state.parts.items()
                for name in [_name(column, part)]
            }.values()
        )
    )
    windows = [column.window for column in states]
    longest = None if None in windows else max(window // _MICRO for window in windows if window is not None)

    def inside(column: FeatureColumn, part: str) -> Column:
        found = F.col(quoted(_name(column, part)))
        if column.window is None:
            return found
        return F.when(F.col(_SPAN) * grid.span >= F.col(_NIGHT) * grid.night - column.window // _MICRO, found)

    return (
        _seen(spans, grid, longest)
        .groupBy(*keys, AS_OF)
        .agg(
            *[
                each.of_parts(inside(column, part)).alias(f"{column.name}:{part}")
                for column, state in states.items()
                for part, each in state.parts.items()
            ]
        )
    )


def _name(column: FeatureColumn, part: str) -> str:
    """A part that the windows of a feature share."""
    return f"{column.feature}:{column.by}:{part}"


def _in_spans(events: DataFrame, table: FeatureTable, grid: Grid, *, timed: bool) -> DataFrame:
    """Each row's span and, where not every as_of sees it that has its span in a window, from when and until when."""
    # Where times are those at which rows became available, a row at the very end of a window is in it.
    since = (table.delay - (grid.as_ofs[0] - _EPOCH)) // _MICRO - (0 if timed else 1)
    at = F.unix_micros(EVENT) + F.lit(since)
    span = ((at - F.pmod(at, F.lit(grid.span))) / grid.span).cast("bigint")
    late = F.col("valid_from") > grid.instant((F.col(_SPAN) + 1) * grid.span)
    replaced = F.col("valid_to") <= F.lit(grid.as_ofs[-1])
    return events.select("*", span.alias(_SPAN)).select(
        "*", F.when(late, F.col("valid_from")).alias(_FROM), F.when(replaced, F.col("valid_to")).alias(_TO)
    )


def _seen(spans: DataFrame, grid: Grid, longest: int | None) -> DataFrame:
    """Every span once for each as_of that sees it and has it in its longest window (None: one without a beginning)."""
    begin = F.greatest(F.lit(0), F.ceil((F.col(_SPAN) + 1) * grid.span / grid.night).cast("bigint"))
    end = F.lit(grid.last)
    if longest is not None:
        end = F.least(end, F.floor((F.col(_SPAN) * grid.span + longest) / grid.night).cast("bigint"))
    seen = spans.where(begin <= end).select("*", F.explode(F.sequence(begin, end)).alias(_NIGHT))
    seen = seen.withColumn(AS_OF, grid.instant(F.col(_NIGHT) * grid.night)).where(
        (F.col(_FROM).isNull() | (F.col(_FROM) <= F.col(AS_OF))) & (F.col(_TO).isNull() | (F.col(_TO) > F.col(AS_OF)))
    )
    return seen if len(grid.as_ofs) == grid.last + 1 else seen.where(F.col(AS_OF).isin(list(grid.as_ofs)))
