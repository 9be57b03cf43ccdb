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
        ValueError: The file has no header, or one that names a column twice.
    """
    if kind == "jsonl":
        return None
    if kind == "parquet":
        return list(_parquet(root, path).schema_arrow.names)
    with open_stream(root, path) as stream:
        names = next(csv.reader(_text(stream), strict=True), None)
    if not names:
        raise ValueError("the file has no header")
    names = [name.strip() for name in names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the header names a column twice: {', '.join(twice)}")
    return names


def records(root: str, path: str, kind: str) -> Iterator[Record]:
    """Every record of a file, in order; a record that cannot be read comes with its raw text and the reason."""
    yield from _READERS[kind](root, path)


def _text(stream: pa.NativeFile) -> io.TextIOWrapper:
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
    return text


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
    """Text that Arrow takes: bytes that are no UTF-8 are written as `\\xff`."""
    return text.rstrip("\r\n").encode(errors="surrogateescape").decode(errors="backslashreplace")


def _jsonl(root: str, path: str) -> Iterator[Record]:
    with open_stream(root, path) as stream:
        for number, line in enumerate(_text(stream), start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
            except ValueError as error:
                yield Record(number, {}, f"not JSON: {error}", _printable(line))
                continue
            if not isinstance(value, dict):
                yield Record(number, {}, "not a JSON object", _printable(line))
            elif not _encodable(line):
                yield Record(number, {}, "not UTF-8", _printable(line))
            else:
                yield Record(number, {str(key): _as_text(item) for key, item in value.items()})


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
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
