"""A source's contract: where records come from, key, times, columns and checks."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from assay.config.base import Config, Document, Identifier
from assay.config.checks import Handling, RowCheck, per_check
from assay.times import Duration, TimeZone

RESERVED = {
    "source_file", "source_position", "batch", "available_at", "landed_at", "valid_from", "valid_to",
    "corrupt", "raw", "extra", "reasons", "flags", "_flags", "as_of", "is_new", "fate", "changes",
}  # fmt: skip
"""Column names that assay adds to bronze, silver and quarantine."""

_DECIMAL = re.compile(r"^decimal\((\d{1,2}),\s?(\d{1,2})\)$")
SIMPLE_TYPES = ("string", "int", "long", "double", "boolean", "date", "timestamp", "hhmm")


def _column_type(text: str) -> str:
    if text in SIMPLE_TYPES:
        return text
    match = _DECIMAL.match(text)
    if match and 1 <= int(match[1]) <= 38 and int(match[2]) <= int(match[1]):
        return f"decimal({match[1]},{match[2]})"
    raise ValueError(f"{text!r} is not a column type; known: {', '.join(SIMPLE_TYPES)}, decimal(p,s)")


ColumnType = Annotated[str, AfterValidator(_column_type)]


class AvailableColumn(Config):
    """The record itself says when it became available."""

    column: Identifier
    """A column of type timestamp, or date: then the end of that day, local time."""


class AvailableAfterEvent(Config):
    """A record becomes available a fixed delay after its event time."""

    after_event: Duration
    """The delay, such as 6h."""


class Files(Config):
    """Files in a folder, landed once each."""

    files: str
    """A glob relative to the lakehouse's landing root: `landing/outcomes/*.csv`."""

    format: Literal["csv", "jsonl", "parquet"] | None = None
    """By default read from the file name's ending (`.csv`, `.jsonl`, `.json`, `.parquet`, each also `.gz`)."""

    available: Literal["modified", "file_name"] | AvailableColumn | AvailableAfterEvent = "modified"
    """When a record could first be known: when the file was written, the local time in its name
    (`2013-03-01T06-00.csv`), a column, or a delay after its event time."""

    on_changed: Literal["version", "fail"] = "version"
    """When a file that was landed comes again under its name with other content: land it too, its records being
    corrections, or stop."""

    on_new_column: Literal["keep", "ignore", "fail"] = "keep"
    """When a record has a column that the contract does not name: keep it in bronze's `extra`, leave it out, or stop."""

    @field_validator("files")
    @classmethod
    def _confined(cls, glob: str) -> str:
        if glob.startswith("/") or ".." in glob.split("/") or "\0" in glob or "://" in glob:
            raise ValueError(f"{glob!r} leaves the landing root; give a path below it, without ..")
        return glob


class Column(Config):
    """One column: its type and what must hold for its values."""

    type: ColumnType
    """string, int, long, double, boolean, date, timestamp, decimal(p,s), or hhmm (0 to 2400, read as minutes
    after midnight)."""

    description: str = ""
    """What the column means, for people."""

    unit: str = ""
    """Unit of the value, for people: minutes, miles, °F."""

    raw: str | None = Field(default=None, alias="from")
    """The column's name in the raw record, where it differs."""

    optional: bool = False
    """The raw record may lack this column altogether; its value is then NULL."""

    required: bool = False
    """NULL sends the row to quarantine."""

    min: float | None = None
    """Least value allowed, of a number."""

    max: float | None = None
    """Greatest value allowed, of a number."""

    allowed: tuple[str | int | float | bool, ...] | None = None
    """The only values allowed."""

    pattern: str | None = None
    """A regular expression that the whole raw text must match."""

    format: str | None = None
    """Spark's datetime pattern, for date and timestamp."""

    time_zone: TimeZone | None = None
    """Zone of timestamps that carry none; the lakehouse's by default."""

    on_fail: Annotated[dict[str, Handling], BeforeValidator(per_check)] = {}
    """What happens where a check fails: `flag` for all of the column's, or by name, as in `{max: flag, type: fail}`."""

    def handling(self, check: str) -> Handling:
        """What happens where one of the column's checks fails."""
        return self.on_fail.get(check) or self.on_fail.get("all") or Handling()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.min is not None or self.max is not None) and self.type in ("string", "boolean", "date", "timestamp"):
            raise ValueError(f"min and max are for numbers, not for type {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if self.type != "boolean" and any(isinstance(value, bool) for value in self.allowed or ()):
            raise ValueError("allowed has a truth value: put quotes around yes, no, on, off, true, false")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern is not a regular expression: {error}") from error
        return self


class Derived(Config):
    """A column computed from the others by a SQL expression."""

    expr: str
    """A Spark SQL scalar expression over the contract's columns and the derived columns above it."""

    description: str = ""
    """What the column means, for people."""

    unit: str = ""
    """Unit of the value, for people."""

    required: bool = False
    """NULL sends the row to quarantine."""


class Source(Document):
    """A contract: one kind of incoming record."""

    name: Identifier
    """The file's name without `.yml`."""

    description: str
    """What a record is, and the grain: one row per what."""

    come_from: Files = Field(alias="from")
    """Where records come from."""

    key: tuple[Identifier, ...]
    """The columns that identify a record; a later delivery of the same key is a correction."""

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
        for name in self.key:
            if name not in names:
                raise ValueError(f"key column {name!r} is neither a column nor derived")
        if self.event_time is not None and self.event_time not in names:
            raise ValueError(f"event_time {self.event_time!r} is neither a column nor derived")
        if not self.key:
            raise ValueError("key needs at least one column")
        available = self.come_from.available
        if isinstance(available, AvailableColumn) and available.column not in self.columns:
            raise ValueError(f"available.column {available.column!r} is not a column")
        if isinstance(available, AvailableAfterEvent) and self.event_time is None:
            raise ValueError("available.after_event needs event_time")
        return self

    @property
    def raw_names(self) -> dict[str, str]:
        """Contract column -> name in the raw record."""
        return {name: column.raw or name for name, column in self.columns.items()}
