"""Records of one file, raw values kept as text: CSV by header name, JSON lines, Parquet; each may be gzipped.

These run inside Spark tasks, one file at a time, in bounded memory.
"""

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.files import file_system

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""A file name's ending -> how the file is read."""

csv.field_size_limit(16_000_000)


@dataclass(frozen=True)
class Record:
    """One record: its place in the file, and either its values by name or why it has none."""

    position: int
    """Line where the record begins (CSV, JSON lines, from 1) or its number (Parquet, from 1)."""

    values: dict[str, str | None]
    corrupt: str | None = None
    raw: str | None = None


def format_of(path: str, given: str | None) -> str | None:
    """How a file is read, from the contract or its name's ending; None when neither says it."""
    name = path.lower().removesuffix(".gz")
    return given or next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), None)


def open_stream(root: str, path: str) -> pa.NativeFile:
    """The file's bytes, unpacked if its name ends in `.gz`."""
    system, base = file_system(root)
    return system.open_input_stream(f"{base}/{path}", compression="gzip" if path.lower().endswith(".gz") else None)


def header(root: str, path: str, kind: str) -> list[str] | None:
    """The names of a file's columns; None where each record brings its own (JSON lines).

    Raises:
        ValueError: The file has no header, one that cannot be read, or one that names a column twice.
    """
    if kind == "jsonl":
        return None
    names = list(_parquet(root, path).schema_arrow.names) if kind == "parquet" else _csv_header(root, path)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the header names a column twice: {', '.join(twice)}")
    return names


def _csv_header(root: str, path: str) -> list[str]:
    with open_stream(root, path) as stream:
        lines = _Lines(_text(stream))
        try:
            names = next(csv.reader(lines, strict=True), None)
        except csv.Error as error:
            raise ValueError(f"the header is not CSV: {error}") from error
    if not names:
        raise ValueError("the file has no header")
    if lines.undecodable():
        raise ValueError("the header is not UTF-8")
    return [name.strip() for name in names]


def names_used(root: str, path: str) -> list[str]:
    """The names that the records of a JSON lines file have, in order."""
    return sorted({name for record in _jsonl(root, path) for name in record.values})


def records(root: str, path: str, kind: str) -> Iterator[Record]:
    """Every record of a file, in order; a record that cannot be read comes with its raw text and the reason."""
    yield from _READERS[kind](root, path)


def _text(stream: pa.NativeFile) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")


def _csv(root: str, path: str) -> Iterator[Record]:
    names = header(root, path, "csv") or []
    with open_stream(root, path) as stream:
        lines = _Lines(_text(stream))
        reader = csv.reader(lines, strict=True)
        while True:
            lines.begin()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _corrupt(lines, f"not CSV: {error}")
                continue
            if lines.first == 1 or not fields:
                continue
            if lines.undecodable():
                yield _corrupt(lines, "not UTF-8")
            elif len(fields) != len(names):
                yield _corrupt(lines, f"{len(fields)} fields where the header has {len(names)}")
            else:
                yield Record(lines.first, dict(zip(names, fields, strict=True)))


class _Lines:
    """Lines of a text, remembering those of the current record and the number of its first."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._number = 0
        self.first = 1
        self.current: list[str] = []

    def begin(self) -> None:
        """A new record begins with the next line."""
        self.current.clear()
        self.first = self._number + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._text)
        if self._number == 0:
            line = line.removeprefix(codecs.BOM_UTF8.decode())
        self._number += 1
        self.current.append(line)
        return line

    def undecodable(self) -> bool:
        """Whether the record has bytes that are no UTF-8."""
        return any(not line.isascii() and not _encodable(line) for line in self.current)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _corrupt(lines: _Lines, why: str) -> Record:
    return Record(lines.first, {}, why, _printable("".join(lines.current)))


def _printable(text: str) -> str:
    """Text that Arrow takes: bytes that are no UTF-8 are written in hexadecimal."""
    return text.rstrip("\r\n").encode(errors="surrogateescape").decode(errors="backslashreplace")


def _jsonl(root: str, path: str) -> Iterator[Record]:
    with open_stream(root, path) as stream:
        lines = _Lines(_text(stream))
        for number, line in enumerate(lines, start=1):
            lines.begin()
            if not line.strip():
                continue
            try:
                values = _json_object(line)
            except (ValueError, RecursionError) as error:
                yield Record(number, {}, str(error), _printable(line))
            else:
                yield Record(number, values)


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def _json_object(line: str) -> dict[str, str | None]:
    """A line's values by name; ValueError says why it has none."""
    if not _encodable(line):
        raise ValueError("not UTF-8")
    try:
        found = json.loads(
            line, parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_pairs
        )
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # one kind of error for every bad line
    values = {name: _as_text(value) for name, value in found.items()}
    if not all(_encodable(text) for pair in values.items() for text in pair if text is not None):
        raise ValueError("not Unicode: half of a surrogate pair")
    return values


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("an object names a key twice")
    return result


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return _json_text(value)


def _json_text(value: Any) -> str:
    """A nested value as JSON, numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json_text(str(key))}: {_json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _parquet(root: str, path: str) -> pq.ParquetFile:
    system, base = file_system(root)
    return pq.ParquetFile(system.open_input_file(f"{base}/{path}"))


def _parquet_records(root: str, path: str) -> Iterator[Record]:
    position = 0
    for batch in _parquet(root, path).iter_batches(batch_size=10_000):
        for row in batch.to_pylist():
            position += 1
            yield Record(position, {name: _as_text(_plain(value)) for name, value in row.items()})


def _plain(value: Any) -> Any:
    """Dates, times and decimals as their usual text; bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool, list, dict)) else str(value)


_READERS: dict[str, Callable[[str, str], Iterator[Record]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet_records,
}
