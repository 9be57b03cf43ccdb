"""Raw text to typed values: one function per column type, NULL where the text is not of that type."""

import re
from collections.abc import Callable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from assay.config import Column

Parser = Callable[[SparkColumn, Column, str], SparkColumn]

_DOUBLE = r"^\s*[+-]?(\d+[.]?\d*|[.]\d+)([eE][+-]?\d+)?\s*$"
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
            hour; of one that happens twice, the first is meant.
    """
    kind = "decimal" if column.type.startswith("decimal") else column.type
    return _PARSERS[kind](text, column, column.time_zone or time_zone)


def _string(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    return text


def _cast(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    return text.try_cast(column.type)


def _double(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    value = F.when(text.rlike(_DOUBLE), text.try_cast("double"))
    return F.when(F.abs(value) != float("inf"), value)


def _whole(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    kind = "int" if column.type == "int" else "bigint"
    return F.when(text.rlike(r"^\s*[+-]?\d+\s*$"), text.try_cast(kind))


def _date(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    if column.format:
        return F.try_to_timestamp(text, F.lit(column.format)).cast("date")
    return F.when(text.rlike(r"^\s*\d{4}-\d{2}-\d{2}\s*$"), text.try_cast("date"))


def _timestamp(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    if column.format:
        value = F.try_to_timestamp(text, F.lit(column.format))
        zoned = any(letter in re.sub("'[^']*'", "", column.format) for letter in _ZONE_LETTERS)
        return value if zoned else F.to_utc_timestamp(value, zone)
    value = F.when(text.rlike(r"^\s*\d{4}-\d{2}-\d{2}[T ]\d"), text.try_cast("timestamp"))
    return F.when(text.rlike(_LOCAL), F.to_utc_timestamp(value, zone)).otherwise(value)


def _hhmm(text: SparkColumn, column: Column, zone: str) -> SparkColumn:
    number = F.when(text.rlike(r"^\s*\d{1,4}\s*$"), text.try_cast("int"))
    return F.when((number <= 2400) & (number % 100 < 60), F.floor(number / 100).cast("int") * 60 + number % 100)


_PARSERS: dict[str, Parser] = {
    "string": _string,
    "int": _whole,
    "long": _whole,
    "double": _double,
    "decimal": _cast,
    "boolean": _cast,
    "date": _date,
    "timestamp": _timestamp,
    "hhmm": _hhmm,
}
