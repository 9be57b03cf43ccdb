"""Records of one file, raw values kept as text: CSV by header name, JSON lines, Parquet; each may be gzipped.

These run inside Spark tasks, one file at a time, in bounded memory.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from assay.files import file_system
from bronze.lines import MAX_RECORD, Lines, TooLongError, encodable
from bronze.parquet import open_parquet, parquet_records
from bronze.record import Number, Record, as_text

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""A file name's ending -> how the file is read."""

csv.field_size_limit(MAX_RECORD)


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
    names = list(open_parquet(root, path).schema_arrow.names) if kind == "parquet" else _csv_header(root, path)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the header names a column twice: {', '.join(twice)}")
    return names


def _csv_header(root: str, path: str) -> list[str]:
    with open_stream(root, path) as stream:
        lines = Lines(_text(stream))
        try:
            names = next(csv.reader(lines, strict=True), None)
        except csv.Error as error:
            raise ValueError(f"the header is not CSV: {error}") from error
        except TooLongError as error:
            raise ValueError(f"the header is {error}") from error
    if not names:
        raise ValueError("the file has no header")
    if why := lines.unreadable():
        raise ValueError(f"the header {why if why.startswith('has') else f'is {why}'}")
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
        lines = Lines(_text(stream))
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
            except TooLongError as error:
                yield _corrupt(lines, str(error))
                continue
            if lines.first == 1 or not fields:
                continue
            if why := lines.unreadable():
                yield _corrupt(lines, why)
            elif len(fields) != len(names):
                yield _corrupt(lines, f"{len(fields)} fields where the header has {len(names)}")
            else:
                yield Record(lines.first, dict(zip(names, fields, strict=True)), size=lines.size)


def _corrupt(lines: Lines, why: str) -> Record:
    return Record(lines.first, {}, why, lines.raw(), lines.size)


def _jsonl(root: str, path: str) -> Iterator[Record]:
    with open_stream(root, path) as stream:
        lines = Lines(_text(stream))
        while True:
            lines.begin()
            try:
                line = next(lines)
                values = _json_object(line) if line.strip() else None
            except StopIteration:
                return
            except (ValueError, RecursionError) as error:
                yield _corrupt(lines, str(error))
                continue
            if values is not None:
                yield Record(lines.first, values, size=lines.size)


def _json_object(line: str) -> dict[str, str | None]:
    """A line's values by name; ValueError says why it has none."""
    if not encodable(line):
        raise ValueError("not UTF-8")
    try:
        found = json.loads(line, parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_pairs)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # one kind of error for every bad line
    values = {name: as_text(value) for name, value in found.items()}
    texts = [text for pair in values.items() for text in pair if text is not None]
    if not all(encodable(text) for text in texts):
        raise ValueError("not Unicode: half of a surrogate pair")
    if any("\0" in text for text in texts):
        raise ValueError("has a NUL character")
    return values


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("an object names a key twice")
    return result


_READERS: dict[str, Callable[[str, str], Iterator[Record]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": parquet_records,
}
