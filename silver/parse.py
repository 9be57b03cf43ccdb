"""Raw text to typed values: one function per column type, NULL where the text is not of that type.

Spark's casts take more than a contract does: `1d` for a double, control characters around a number. Patterns find that, and
take longer than the casts. So one pattern looks at all numbers and dates of a row at once (`are_plain`); of a row that has
nothing in them but digits, points and minus signs, the casts are right, or a look at a length and a place decides.
"""

import re
from collections.abc import Callable, Iterable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from assay.config import Column

Parser = Callable[[SparkColumn, Column, str, SparkColumn], SparkColumn]

# Possessive quantifiers (`*+`): what was matched is not tried again in another way.
_WHOLE = r"^\s*+[+-]?+\d++\s*+$"
_DOUBLE = r"^\s*+[+-]?+(?:\d++(?:[.]\d*+)?+|[.]\d++)(?:[eE][+-]?+\d++)?+\s*+$"
_LOCAL = r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{1,2}(:\d{1,2}(:\d{1,2}([.]\d*)?)?)?\s*$"
_DAY = r"^\s*\d{4}-\d{2}-\d{2}[T ]\d"
_ZONE_LETTERS = "VzOXxZ"

_PLAIN = r"\A[,-9]*\z"
"""Digits, points, minus signs, and commas and slashes, which no cast takes: a single range is found out fastest."""

_OF_DIGITS = ("int", "long", "double", "decimal", "date", "hhmm")
"""Types whose texts are mostly plain."""

_SURELY_FINITE = 200
"""A double of at most so many digits is neither infinite nor nothing."""


def text_of(name: str, nulls: tuple[str, ...]) -> SparkColumn:
    """The raw text of a column, NULL where it is one of the texts that mean NULL."""
    return F.when(~F.col(name).isin(list(nulls)), F.col(name))


def are_plain(texts: Iterable[tuple[Column, SparkColumn]]) -> SparkColumn:
    """Whether all numbers and dates of a row are written in digits, points and minus signs alone; never NULL."""
    wanted = [text for column, text in texts if _kind(column) in _OF_DIGITS and not column.format]
    return F.concat_ws(".", *wanted).rlike(_PLAIN) if wanted else F.lit(True)


def typed(text: SparkColumn, column: Column, time_zone: str, plain: SparkColumn | None = None) -> SparkColumn:
    """A raw text as its contract's type.

    Args:
        text: The raw text.
        column: The contract's column.
        time_zone: Zone of timestamps that carry none. A local time that daylight saving skips is moved forward by the
            hour; of one that happens twice, the first is meant, unless the contract says the second.
        plain: What `are_plain` says of the row; by default every text is looked at.
    """
    return _PARSERS[_kind(column)](
        text, column, column.time_zone or time_zone, F.lit(False) if plain is None else plain
    )


def _kind(column: Column) -> str:
    return "decimal" if column.type.startswith("decimal") else column.type


def _string(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    return text


def _cast(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    return text.try_cast(column.type)


def _decimal(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    """A decimal with no more places than its type has: Spark's cast would round the others away."""
    precision, scale = (int(part) for part in column.type[len("decimal(") : -1].split(","))
    more = min(scale + 6, 38 - (precision - scale))
    value, point = text.try_cast(column.type), F.instr(text, ".")
    fits = (point == 0) | (F.octet_length(text) - point <= scale)
    exact = text.rlike(rf"^\s*[+-]?(\d+([.]\d{{0,{scale}}}0*)?|[.]\d{{1,{scale or 1}}}0*)\s*$")
    same = text.rlike("[eE]") & (value == text.try_cast(f"decimal(38,{more})"))
    return F.when((plain & fits) | exact | same, value)


def _double(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    value = text.try_cast("double")
    finite = plain & (F.octet_length(text) <= _SURELY_FINITE)
    return F.when(finite, value).when(text.rlike(_DOUBLE) & (F.abs(value) != float("inf")), value)


def _whole(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    return F.when(plain | text.rlike(_WHOLE), text.try_cast("int" if column.type == "int" else "bigint"))


def _date(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    if column.format:
        return F.try_to_timestamp(text, F.lit(column.format)).cast("date")
    four_two_two = plain & (F.octet_length(text) == 10) & (F.instr(text, "-") == 5)
    return F.when(four_two_two | text.rlike(r"^\s*\d{4}-\d{2}-\d{2}\s*$"), text.try_cast("date"))


def _timestamp(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    if column.format:
        value = F.try_to_timestamp(text, F.lit(column.format))
        return value if _zoned(column.format) else _instant(value, column, zone)
    value = text.try_cast("timestamp")
    return F.when(text.rlike(_LOCAL), _instant(value, column, zone)).when(text.rlike(_DAY), value)


def _instant(local: SparkColumn, column: Column, zone: str) -> SparkColumn:
    """The instant of a wall-clock time."""
    if column.fold != "second":
        return F.to_utc_timestamp(local, zone)
    before, after = instants(local, zone)
    twice = happens_twice(local, zone)
    return F.when(twice, F.greatest(before, after)).otherwise(F.to_utc_timestamp(local, zone))


def instants(local: SparkColumn, zone: str) -> tuple[SparkColumn, SparkColumn]:
    """A wall-clock time by the clock of the day before, and by that of the day after."""
    day = F.expr("INTERVAL 1 DAY")

    def by_the_clock_of(moment: SparkColumn) -> SparkColumn:
        return local - (F.from_utc_timestamp(moment, zone) - moment)

    return by_the_clock_of(local - day), by_the_clock_of(local + day)


def happens_twice(local: SparkColumn, zone: str) -> SparkColumn:
    """Whether a wall-clock time is shown at two instants, the clock having been set back."""
    first, second = instants(local, zone)
    shown = [F.from_utc_timestamp(moment, zone) == local for moment in (first, second)]
    return (first != second) & shown[0] & shown[1]


def is_skipped(local: SparkColumn, zone: str) -> SparkColumn:
    """Whether a wall-clock time is never shown, the clock having been set forward."""
    return F.from_utc_timestamp(F.to_utc_timestamp(local, zone), zone) != local


def local_time(text: SparkColumn, column: Column) -> SparkColumn:
    """The wall-clock time that a text shows, as a timestamp that has no zone in truth; NULL where it names a zone."""
    if column.format:
        value = F.try_to_timestamp(text, F.lit(column.format))
        return F.lit(None).cast("timestamp") if _zoned(column.format) else value
    return F.when(text.rlike(_LOCAL), text.try_cast("timestamp"))


def _zoned(pattern: str) -> bool:
    return any(letter in re.sub("'[^']*'", "", pattern) for letter in _ZONE_LETTERS)


def _hhmm(text: SparkColumn, column: Column, zone: str, plain: SparkColumn) -> SparkColumn:
    four = plain & (F.octet_length(text) <= 4) & ~text.startswith("-")
    number = F.when(four | text.rlike(r"^\s*\d{1,4}\s*$"), text.try_cast("int"))
    return F.when((number <= 2400) & (number % 100 < 60), F.floor(number / 100).cast("int") * 60 + number % 100)


_PARSERS: dict[str, Parser] = {
    "string": _string,
    "int": _whole,
    "long": _whole,
    "double": _double,
    "decimal": _decimal,
    "boolean": _cast,
    "date": _date,
    "timestamp": _timestamp,
    "hhmm": _hhmm,
}
