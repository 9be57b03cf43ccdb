"""One record of a file, and how its values become text."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Record:
    """One record: its place in the file, and either its values by name or why it has none."""

    position: int
    """Line where the record begins (CSV, JSON lines, from 1) or its number (Parquet, from 1)."""

    values: dict[str, str | None]
    corrupt: str | None = None
    raw: str | None = None
    size: int = field(default=0, compare=False)
    """Characters that it takes, roughly."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def as_text(value: Any) -> str | None:
    """A value as text; a nested one as JSON."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return _json_text(value)


def _json_text(value: Any) -> str:
    """A nested value as JSON, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json_text(str(key))}: {_json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)
