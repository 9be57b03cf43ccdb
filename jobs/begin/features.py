"""The feature table that is proposed for a source of events: what its numbers have been lately, per entity."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.times import format_duration
from jobs.begin.columns import Column
from jobs.begin.keys import is_called_a_key
from jobs.begin.names import identifier, in_sql
from jobs.begin.source import Proposed
from jobs.begin.yaml_text import comment, decide, document, entries, entry

MOST_FEATURES = 4
_WINDOWS = (1, 7, 28)
_CALENDAR = re.compile(r"(?:^|_)(?:year|month|week|day|hour|minute)(?:_|$)", re.IGNORECASE)
"""Numbers that tell when, and measure nothing."""

_RECORDS = 5
"""An entity has on average so many records, at least."""


@dataclass(frozen=True)
class Table:
    """A feature table that is proposed."""

    source: Proposed
    entity: Column
    numbers: tuple[Column, ...]
    """Numbers of which the mean is taken, and truth values of which the share is."""

    @property
    def name(self) -> str:
        """The feature table's name."""
        return identifier(f"{self.entity.name}_{self.source.name}")

    @property
    def output_count(self) -> str:
        """The feature that counts an entity's records."""
        return identifier(self.source.name, {column.name.lower() for column in self.source.columns})


def table_of(source: Proposed) -> Table | None:
    """The feature table of a source; None where it has no events, or nothing that they belong to, or no numbers."""
    times = source.times
    if times.event is None or times.ahead:
        return None
    entities = [column for column in source.columns if _may_be_entity(column)]
    numbers = [column for column in source.columns if _may_be_number(column, source)]
    if not entities or not numbers:
        return None
    entity = max(
        entities, key=lambda column: (is_called_a_key(column) or column.name in source.key_names, -column.number)
    )
    return Table(source, entity, tuple(_spread(numbers)))


def feature_table(table: Table) -> str:
    """The text of `features/<name>.yml`."""
    source, entity, times = table.source, table.entity, table.source.times
    windows = [f"{window}d" for window in _WINDOWS if window <= max(7, times.days)]
    features: dict[str, Any] = {table.output_count: {"count": "*", "description": f"Records of {source.name}"}}
    for column in table.numbers:
        how, told = ("rate", "Share of records with") if column.type == "boolean" else ("mean", "Mean of")
        features[column.name] = {how: in_sql(column.name), "description": f"{told} {column.name}"}
    lines = [
        *comment("Proposed by `assay init`."),
        *decide(f"is it about {entity.name}? It has {entity.distinct:,} values in {entity.rows:,} records. Other columns may tell more."),
        entry("description", f"{source.name} of each {entity.name} lately. One row per {entity.name} and night."),
        entry("entity", {entity.name: [entity.name]}),
        entry("source", source.name),
    ]  # fmt: skip
    if times.delay:
        lines += decide("how long before a night do the newest records lie that it knows? Windows end there.")
        lines.append(entry("delay", format_duration(times.delay)))
    return document([
        *lines,
        entry("windows", windows),
        *decide("which of them mean something? The reference lists the other aggregates."),
        "features:",
        *entries(features),
    ])  # fmt: skip


def _may_be_entity(column: Column) -> bool:
    """Whether records belong to what its values name: many of them to each."""
    return (
        column.type in ("string", "int", "long")
        and column.always
        and (column.type == "string" or is_called_a_key(column))
        and 2 <= column.distinct <= column.rows // _RECORDS
    )


def _may_be_number(column: Column, source: Proposed) -> bool:
    """Whether it measures something."""
    tells = is_called_a_key(column) or _CALENDAR.search(column.name)
    measures = column.is_number and not tells and column.least != column.most
    return (measures or column.type == "boolean") and column.name not in source.key_names


def _spread(numbers: Sequence[Column]) -> list[Column]:
    """Those that are likeliest to tell something: truth values, numbers below zero or with places, many different ones."""

    def rank(column: Column) -> tuple[bool, bool, int]:
        return column.type != "boolean", not (column.type == "double" or (column.least or 0) < 0), -column.distinct

    return sorted(sorted(numbers, key=rank)[:MOST_FEATURES], key=lambda column: column.number)
