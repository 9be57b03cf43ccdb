"""Raw text to typed values: one function per column type, NULL where the text is not of that type."""

import re
from collections.abc import Callable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from assay.config import Column

Parser = Callable[[SparkColumn, Column, str], SparkColumn]

# Possessive quantifiers (`*+`): what was matched is not tried again in another way.
_WHOLE = r"^\s*+[+-]?+\d++\s*+$"
_DOUBLE = r"^\s*+[+-]?+(?:\d++(?:[.]\d*+)?+|[.]\d++)(?:[eE][+-]?+\d++)?+\s*+$"
_SHORT = r"^[+-]?+(?:\d{1,200}+(?:[.]\d*+)?+|[.]\d++)$"
"""A number that is written without exponent, and that no double is too small for."""
_LOCAL = r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{1,2}(:\d{1,2}(:\d{1,2}([.]\d*)?)?)?\s*$"
_ZONE_LETTERS = "VzOXxZ"


def text_of(name: str, nulls: tuple[str, ...]) -> SparkColumn:
    """The raw text of a column, NULL where it is one of the texts that mean NULL."""
    return F.when(~F.col(name).isin(list(nulls)), F.col(name))


def typed(text: SparkColumn, column: Column, time_zone: str) -> SparkColumn:
    """A raw text as its contract's type.

    Args:
        text: The raw text.
        column: The contract's column.
        time_zone: Zone of timestamps that carry none. A local time that daylight saving skips is moved forward by the
            hour; of one that happens twice, the first is meant, unless the contract says the second.
    """
    kind = "decimal" if column.type.startswith("decimal") else column.type
    return _PARSERS[kind](text, column, column.time_zone or time_zone)


def _string(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    return text


def _cast(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    return text.try_cast(column.type)


def _is_shown(value: SparkColumn, text: SparkColumn) -> SparkColumn:
    """Whether a text is a number just as Spark shows it, as most are: cheaper to find out than by a pattern."""
    return F.coalesce(value.cast("string") == text, F.lit(False))


def _decimal(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    """A decimal with no more places than its type has: Spark's cast would round the others away."""
    precision, scale = (int(part) for part in column.type[len("decimal(") : -1].split(","))
    more = min(scale + 6, 38 - (precision - scale))
    value = text.try_cast(column.type)
    plain = _is_shown(value, text) | text.rlike(rf"^\s*[+-]?(\d+([.]\d{{0,{scale}}}0*)?|[.]\d{{1,{scale or 1}}}0*)\s*$")
    return F.when(plain | (text.rlike("[eE]") & (value == text.try_cast(f"decimal(38,{more})"))), value)


def _double(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    value = text.try_cast("double")
    return F.when(text.rlike(_SHORT), value).when(text.rlike(_DOUBLE) & (F.abs(value) != float("inf")), value)


def _whole(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    value = text.try_cast("int" if column.type == "int" else "bigint")
    return F.when(_is_shown(value, text) | text.rlike(_WHOLE), value)


def _date(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    if column.format:
        return F.try_to_timestamp(text, F.lit(column.format)).cast("date")
    return F.when(text.rlike(r"^\s*\d{4}-\d{2}-\d{2}\s*$"), text.try_cast("date"))


def _timestamp(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    if column.format:
        value = F.try_to_timestamp(text, F.lit(column.format))
        return value if _zoned(column.format) else _instant(value, column, zone)
    value = F.when(text.rlike(r"^\s*\d{4}-\d{2}-\d{2}[T ]\d"), text.try_cast("timestamp"))
    return F.when(text.rlike(_LOCAL), _instant(value, column, zone)).otherwise(value)


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


def _hhmm(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    number = F.when(text.rlike(r"^\s*\d{1,4}\s*$"), text.try_cast("int"))
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
