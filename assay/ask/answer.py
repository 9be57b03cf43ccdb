"""An answer to a question: its columns, and its rows one after the other."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What an engine has answered; the rows can be read once.

    Values are Python's: instants without a zone, in UTC; structs and maps as dicts, lists as lists.
    """

    columns: Sequence[str]
    rows: Iterator[Sequence[Any]]
    engine: str
    """`spark` or `duckdb`."""


def plain(value: Any) -> Any:
    """A value as both engines' answers have it: Spark's rows as dicts, its byte arrays as bytes."""
    if isinstance(value, tuple) and hasattr(value, "asDict"):
        return {name: plain(item) for name, item in zip(value.__fields__, value, strict=True)}  # type: ignore[attr-defined]
    match value:
        case dict():
            return {plain(key): plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case bytearray():
            return bytes(value)
    return value


def as_json(value: Any) -> Any:
    """A plain value as JSON has it: times and decimals as text, bytes in hex, what is no number as text."""
    match value:
        case dict():
            return {str(key): as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [as_json(item) for item in value]
        case bytes():
            return value.hex()
        case float() if not math.isfinite(value):
            return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def as_text(value: Any) -> str:
    """A plain value as a terminal shows it: NULL in capitals, nested ones as JSON."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.10g}"
        case dict() | list():
            return json.dumps(as_json(value), ensure_ascii=False)
        case bytes():
            return value.hex()
    return str(value)
