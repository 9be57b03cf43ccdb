"""A source's contract: where records come from, key, times, columns and checks."""

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from assay.config.base import Document, Identifier
from assay.config.baseline import OptionalBaseline
from assay.config.checks import Freshness, Reference, RowCheck
from assay.config.column import Column, Derived
from assay.config.origins import AvailableAfterEvent, AvailableColumn, ComeFrom
from assay.config.suites import UserSuite

RESERVED = {
    "source_file", "source_position", "batch", "available_at", "landed_at", "valid_from", "valid_to",
    "corrupt", "raw", "extra", "reasons", "flags", "_flags", "as_of", "is_new", "fate", "changes", "record_hash",
}  # fmt: skip
"""Column names that assay adds to bronze, silver and quarantine."""


class Source(Document):
    """A contract: one kind of incoming record."""

    name: Identifier
    """The file's name without `.yml`."""

    description: str
    """What a record is, and the grain: one row per what."""

    come_from: ComeFrom = Field(alias="from")

    key: tuple[Identifier, ...]
    """The columns that identify a record; a later delivery of the same key is a correction."""

    history: Literal["versions", "events", "snapshot"] = "versions"
    """What a later record of a key is. versions: a correction. events: nothing, for what happened once stays: the first
    record counts. snapshot: a correction; and a key that is not among the records of one available time is gone from
    then on, unless a record of that time was refused."""

    sequence: Identifier | None = None
    """The column that orders the versions of a key, such as a version number: a record that became available later
    and has a lower one is out of date and changes nothing. By default the later one counts."""

    event_time: Identifier | None = None
    """The column that says when it happened; by default the time it became available."""

    nulls: tuple[str, ...] = ("",)
    """Raw texts that mean NULL."""

    columns: dict[Identifier, Column]
    """The raw columns."""

    derived: dict[Identifier, Derived] = {}
    """Columns computed from them, in order."""

    checks: dict[Identifier, RowCheck] = {}
    """Conditions between the columns of a row, by name."""

    references: dict[Identifier, Reference] = {}
    """Foreign keys: other sources that a row refers to, by name."""

    freshness: Freshness | None = None
    """How old the newest event may be: `36h`."""

    expectations: tuple[UserSuite, ...] = ()
    """Great Expectations suites of your own, run on the accepted rows of every batch before silver is written."""

    baseline: OptionalBaseline = None
    """Stop a batch that is unlike the nights before: `baseline: {}`. Off where it is not written."""

    @field_validator("derived", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: {"expr": item} if isinstance(item, str) else item for name, item in value.items()}
        return value

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = {*self.columns, *self.derived}
        if both := set(self.columns) & set(self.derived):
            raise ValueError(f"{', '.join(sorted(both))}: both a column and derived")
        if len(names) > len({name.lower() for name in names}):
            raise ValueError("columns that differ only in upper and lower case are one column in SQL")
        if taken := {name for name in names if name.lower() in RESERVED}:
            raise ValueError(f"{', '.join(sorted(taken))}: reserved for assay's own columns")
        if not self.key:
            raise ValueError("key needs at least one column")
        if twice := sorted(set(self.references) & set(self.checks)):
            raise ValueError(f"{twice[0]} is the name of a check and of a reference")
        for setting, name in self._named():
            if name not in names:
                raise ValueError(f"{setting} {name!r} is neither a column nor derived")
        return self

    def _named(self) -> Iterator[tuple[str, str]]:
        """What other settings call columns."""
        yield from (("key column", name) for name in self.key)
        yield from (("event_time", name) for name in (self.event_time,) if name is not None)
        yield from (("sequence", name) for name in (self.sequence,) if name is not None)
        for reference in self.references.values():
            yield from (("references' column", name) for name in reference.columns)

    @model_validator(mode="after")
    def _times(self) -> Self:
        available = self.come_from.available
        if isinstance(available, AvailableColumn) and available.column not in self.columns:
            raise ValueError(f"available.column {available.column!r} is not a column")
        if self.event_time is None and (isinstance(available, AvailableAfterEvent) or self.freshness is not None):
            raise ValueError(f"{'available.after_event' if self.freshness is None else 'freshness'} needs event_time")
        if self.sequence is not None and self.history != "versions":
            raise ValueError(f"sequence orders versions; a history of {self.history} has its own order")
        if self.history == "snapshot" and available not in ("file_name", "modified"):
            raise ValueError("history: snapshot needs one available time for a whole file: file_name or modified")
        return self

    @property
    def raw_names(self) -> dict[str, str]:
        """Contract column -> name in the raw record."""
        return {name: column.raw or name for name, column in self.columns.items()}
