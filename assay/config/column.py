"""A contract's columns: what a value is, and what must hold for it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from assay.config.base import Config
from assay.config.checks import Handling, per_check
from assay.times import DURATION_PATTERN, TimeZone, parse_duration

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


_TIMES = ("date", "timestamp")
_SETTINGS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("min", "numbers", lambda kind: kind not in ("string", "boolean", *_TIMES)),
    ("max", "numbers", lambda kind: kind not in ("string", "boolean", *_TIMES)),
    ("length", "strings", lambda kind: kind == "string"),
    ("allowed_file", "strings", lambda kind: kind == "string"),
    ("gap", "timestamps", lambda kind: kind == "timestamp"),
    ("fold", "timestamps", lambda kind: kind == "timestamp"),
    ("not_in_future", "dates and timestamps", lambda kind: kind in _TIMES),
    ("monotone", "what has an order", lambda kind: kind != "boolean"),
)
"""A setting, the columns that it is for, in words, and whether a column's type is one of them."""


class Length(Config):
    """How many characters a text has."""

    min: int = Field(default=0, ge=0)
    """At least."""

    max: int | None = Field(default=None, ge=0)
    """At most; by default any number."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


def _exact_length(value: Any) -> Any:
    """`3` for exactly three."""
    return {"min": value, "max": value} if isinstance(value, int) and not isinstance(value, bool) else value


def _leeway(value: Any) -> timedelta | None:
    """`true` for none at all, `false` for no limit, or a duration."""
    if value is None or isinstance(value, bool):
        return timedelta(0) if value else None
    return parse_duration(value)


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

    allowed_file: str | None = None
    """A file with the only values allowed, one on a line, beside `lakehouse.yml` or below. At most 1000: of more, make
    a source and refer to it."""

    length: Annotated[Length | None, BeforeValidator(_exact_length)] = None
    """How many characters a string has: `3`, or `{min: 2, max: 6}`."""

    pattern: str | None = None
    """A regular expression that the whole raw text must match."""

    format: str | None = None
    """Spark's datetime pattern, for date and timestamp."""

    time_zone: TimeZone | None = None
    """Zone of timestamps that carry none; the lakehouse's by default."""

    gap: Literal["forward", "refuse"] = "forward"
    """A local time that daylight saving skips is read as if the clock had not been set, or refused."""

    fold: Literal["first", "second", "refuse"] = "first"
    """A local time that daylight saving brings twice is the first of the two, the second, or refused."""

    not_in_future: Annotated[
        timedelta | None,
        BeforeValidator(_leeway),
        WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": DURATION_PATTERN}]}),
    ] = None
    """A date or time may not lie after the moment the record was delivered: `true`, or by how much it may, as in `5m`."""

    monotone: Literal["increasing", "strictly_increasing"] | None = None
    """In the order of a file's records, no value is below all before it; strictly: each is above them."""

    on_fail: Annotated[dict[str, Handling], BeforeValidator(per_check)] = {}
    """What happens where a check fails: `flag` for all of the column's, or by name, as in `{max: flag, type: fail}`."""

    def handling(self, check: str) -> Handling:
        """What happens where one of the column's checks fails."""
        return self.on_fail.get(check) or self.on_fail.get("all") or Handling()

    @model_validator(mode="after")
    def _settings_of_the_type(self) -> Self:
        for setting, what, fits in _SETTINGS:
            if getattr(self, setting) != type(self).model_fields[setting].default and not fits(self.type):
                raise ValueError(f"{setting} is for {what}, not for type {self.type}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if self.allowed is not None and self.allowed_file is not None:
            raise ValueError("allowed and allowed_file are given; one of them says it")
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
