"""Rows to a CSV file that a spreadsheet can open: row by row, and no value is taken for a formula."""

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TextIO

from assay.ask.answer import plain

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a text begins that a spreadsheet would work out."""


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], file: TextIO) -> int:
    """Write a header and rows, one after the other; returns the number of rows.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; the tables keep it as it is.
    """
    writer = csv.writer(file)
    writer.writerow([escaped(name) for name in columns])
    written = 0
    for row in rows:
        writer.writerow([escaped(value) for value in row])
        written += 1
    return written


def escaped(value: object) -> object:
    """A value as a CSV cell: NULL empty, times in UTC, nested values as JSON, formulas with an apostrophe before them."""
    text = _text(plain(value))
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text


def _text(value: object) -> object:
    match value:
        case None:
            return ""
        case datetime():
            return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | dict():
            return json.dumps(_nested(value), default=str, ensure_ascii=False)
    return value


def _nested(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _nested(item) for name, item in value.items()}
        case list():
            return [_nested(item) for item in value]
        case datetime() | date() | bytes():
            return _text(value)
    return value
