"""Feature states of many as_ofs by way of spans of time, which the windows of all of them are put together from.

Each row is made into a state once, with the rows of its entity and span, however many as_ofs see it. Spans are put together
into tiles of 4, 16, 64 and so on, as the blocks of a segment tree are, so that a long window is made of few tiles. Windows of
one as_of share what lies in several of them: no tile reaches over the begin of any. That a state is the same however rows are
shared out makes the features equal to those made of rows (gold/aggregates.py).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import FeatureColumn, FeatureTable
from assay.frames import local_frame
from assay.tables import quoted
from gold.aggregates import Part, State

EVENT, AS_OF = "__event_time", "__as_of"
_SPAN, _NIGHT, _SECTION = "__span", "__night", "__section"
_LEVEL, _TILE, _PLACE = "__level", "__tile", "__place"
_FROM, _TO = "__seen_from", "__seen_to"
_EPOCH, _MICRO = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_TOGETHER = 4
"""So many tiles are one of the next level. Those of level 0 are spans."""
_BEFORE, _ALONE = -1, -2
"""Levels: of all spans before the begin of any window that has one, and of a span that not every as_of sees."""
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

    @property
    def spans(self) -> int:
        """How many spans a night has."""
        return self.night // self.span

    def instant(self, micros: Column) -> Column:
        """So long after the first as_of."""
        return F.timestamp_micros(F.lit((self.as_ofs[0] - _EPOCH) // _MICRO) + micros)


@dataclass(frozen=True)
class Sections:
    """What lies between the begins of two windows of an as_of, newest first; and the tiles that each is made of.

    Tiles are counted from the begin of the first as_of's longest window on.
    """

    grid: Grid
    windows: tuple[timedelta, ...]
    """Those that have a begin, shortest first. Section n lies in all of them from the n-th on."""
    endless: bool
    """Whether there is a window without a begin. It has a section more: what lies before all others."""

    @classmethod
    def of(cls, grid: Grid, windows: Iterable[timedelta | None]) -> "Sections":
        """The sections that some windows need."""
        asked = set(windows)
        return cls(grid, tuple(sorted(window for window in asked if window is not None)), endless=None in asked)

    @property
    def bounds(self) -> list[int]:
        """So many spans before the end of its windows each section of an as_of ends, and the last one begins."""
        return [0, *[window // _MICRO // self.grid.span for window in self.windows]]

    def last_of(self, window: timedelta | None) -> int:
        """The number of the last section that lies in a window."""
        return len(self.windows) if window is None else self.windows.index(window)

    def places(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """(level, number of a tile) -> the nights that it is part of, and in which section."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for as_of in self.grid.as_ofs:
            night = (as_of - self.grid.as_ofs[0]) // _MICRO // self.grid.night
            ends = [self.bounds[-1] - bound + night * self.grid.spans for bound in self.bounds]
            for section, (end, begin) in enumerate(pairwise([*ends, *([0] if self.endless else [])])):
                for tile in tiles(begin, end):
                    found[tile].append((night, section))
            if self.endless:
                found[_BEFORE, 0].append((night, len(self.windows)))
        return found


def tiles(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The fewest tiles, as level and number, that the spans from one on and before another are made of."""
    while begin < end:
        level, length = 0, 1
        while begin % (length * _TOGETHER) == 0 and begin + length * _TOGETHER <= end:
            level, length = level + 1, length * _TOGETHER
        yield level, begin // length
        begin += length


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
    parts = {_name(column, part): each for column, state in states.items() for part, each in state.parts.items()}
    sections = Sections.of(grid, [column.window for column in states])
    spans = _in_spans(events, table, grid, timed=timed).groupBy(*keys, _SPAN, _FROM, _TO)
    made = spans.agg(*[each.of_rows.alias(name) for name, each in parts.items()]).repartition(*keys)
    seen = _seen(_in_tiles(made, keys, parts, sections), sections).groupBy(*keys, AS_OF, _SECTION).agg(*_merged(parts))

    def inside(column: FeatureColumn, part: str) -> Column:
        return F.when(F.col(_SECTION) <= sections.last_of(column.window), F.col(quoted(_name(column, part))))

    return seen.groupBy(*keys, AS_OF).agg(
        *[
            each.of_parts(inside(column, part)).alias(f"{column.name}:{part}")
            for column, state in states.items()
            for part, each in state.parts.items()
        ]
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


def _in_tiles(spans: DataFrame, keys: Sequence[str], parts: Mapping[str, Part], sections: Sections) -> DataFrame:
    """Spans put together into tiles, each with its places; those that not every as_of sees stay alone."""
    places = sections.places()
    number = F.col(_SPAN) + F.lit(sections.bounds[-1])

    def tile(level: int, number: Column) -> Column:
        return F.struct(F.lit(level).alias(_LEVEL), number.cast("bigint").alias(_TILE))

    levels = range(1 + max(level for level, _ in places))
    of = (
        F.when(F.col(_FROM).isNotNull() | F.col(_TO).isNotNull(), F.array(tile(_ALONE, F.col(_SPAN))))
        .when(number < 0, F.array(tile(_BEFORE, F.lit(0))))
        .otherwise(F.array(*[tile(level, F.floor(number / _TOGETHER**level)) for level in levels]))
    )
    made = spans.select("*", F.inline(of)).groupBy(*keys, _LEVEL, _TILE, _FROM, _TO).agg(*_merged(parts))
    rows: list[dict[str, object]] = [
        {_LEVEL: level, _TILE: number, _PLACE: [{_NIGHT: night, _SECTION: section} for night, section in found]}
        for (level, number), found in places.items()
    ]
    schema = f"{_LEVEL} int, {_TILE} bigint, {_PLACE} array<struct<{_NIGHT}: bigint, {_SECTION}: int>>"
    return made.join(F.broadcast(local_frame(spans.sparkSession, rows, schema)), [_LEVEL, _TILE], "left")


def _merged(parts: Mapping[str, Part]) -> list[Column]:
    return [each.of_parts(F.col(quoted(name))).alias(name) for name, each in parts.items()]


def _seen(tiles: DataFrame, sections: Sections) -> DataFrame:
    """Every tile once for each as_of that it is part of, with the section in which."""
    grid, bounds = sections.grid, sections.bounds
    span, spans, last = F.col(_TILE), F.lit(grid.spans), F.lit(grid.last)
    begin = F.greatest(F.lit(0), F.ceil((span + 1) / spans).cast("bigint"))
    end = last if sections.endless else F.least(last, F.floor((span + bounds[-1]) / spans).cast("bigint"))

    def place(night: Column) -> Column:
        before = night * spans - span
        return F.struct(
            night.alias(_NIGHT),
            sum((F.when(before > bound, 1).otherwise(0) for bound in bounds[1:]), F.lit(0)).alias(_SECTION),
        )

    alone = F.when(begin <= end, F.transform(F.sequence(begin, end), place))
    seen = tiles.select("*", F.inline(F.when(F.col(_LEVEL) == _ALONE, alone).otherwise(F.col(_PLACE))))
    seen = seen.withColumn(AS_OF, grid.instant(F.col(_NIGHT) * grid.night)).where(
        (F.col(_FROM).isNull() | (F.col(_FROM) <= F.col(AS_OF))) & (F.col(_TO).isNull() | (F.col(_TO) > F.col(AS_OF)))
    )
    return seen if len(grid.as_ofs) == grid.last + 1 else seen.where(F.col(AS_OF).isin(list(grid.as_ofs)))
