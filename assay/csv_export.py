"""Rows to a CSV file that a spreadsheet can open: row by row, and no value is taken for a formula."""

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Row

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a text begins that a spreadsheet would work out."""


def write_csv(rows: DataFrame, path: Path) -> int:
    """Write a frame as UTF-8 with a header; returns the number of rows.

    The file is written whole or not at all. The rows come one partition at a time. A text that a spreadsheet would take
    for a formula gets an apostrophe before it; the tables keep it as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    written = 0
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([escaped(name) for name in rows.columns])
            for row in rows.toLocalIterator():
                writer.writerow([escaped(value) for value in row])
                written += 1
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return written


def escaped(value: object) -> object:
    """A value as a CSV cell: NULL empty, times in UTC, nested values as JSON, formulas with an apostrophe before them."""
    text = _text(value)
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text


def _text(value: object) -> object:
    match value:
        case None:
            return ""
        case datetime():
            return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case bytes() | bytearray():
            return bytes(value).hex()
        case Row() | list() | dict():
            return json.dumps(_nested(value), default=str, ensure_ascii=False)
    return value


def _nested(value: Any) -> Any:
    match value:
        case Row():
            return {name: _nested(item) for name, item in value.asDict().items()}
        case dict():
            return {str(name): _nested(item) for name, item in value.items()}
        case list():
            return [_nested(item) for item in value]
        case datetime() | date() | bytes() | bytearray():
            return _text(value)
    return value
