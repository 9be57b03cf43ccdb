"""The records of a source's files, read as bronze reads them, in a table of DuckDB."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa

from assay.errors import SourceError
from assay.files import FileInfo
from bronze.readers import format_of, header, records
from bronze.record import Record
from jobs.begin.files import Group

MOST_BYTES = 40_000_000
MOST_ROWS = 500_000
"""Of a source; beyond, a part of the files is looked at, or the first rows."""

_AT_ONCE = 20_000
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Looked:
    """What was read of a source's files. DuckDB has it as the table `rows`: `file`, a number, and `c0`, `c1`, …"""

    group: Group
    read: tuple[FileInfo, ...]
    """The files that were read; `file` is the place of one."""

    columns: dict[str, int]
    """A column's raw name -> its number, in order."""

    held: Mapping[str, int]
    """Raw name -> how many files have the column, of those with a header."""

    headers: int
    """How many files have one; in JSON lines each record brings its own names."""

    rows: int
    unreadable: int
    """Records that bronze will not be able to read, of those read."""

    whole: bool
    """Whether all records of all files were read."""


def look(connection: duckdb.DuckDBPyConnection, folder: Path, group: Group) -> Looked:
    """Read a source's files, or enough of them, into the table `rows`.

    Raises:
        SourceError: A file cannot be read, or is not separated by commas.
    """
    root = str(folder)
    headers = {file.path: _header(root, file) for file in group.files}
    held = Counter(name for names in headers.values() for name in names or ())
    columns = {name: number for number, name in enumerate(held)}
    chosen = _chosen(group.files)
    parts, rows, unreadable, number = [], 0, 0, 0
    for number, file in enumerate(chosen):
        for some in _batches(root, file, MOST_ROWS - rows):
            good = [record.values for record in some if record.corrupt is None]
            rows, unreadable = rows + len(good), unreadable + len(some) - len(good)
            for name in dict.fromkeys(name for values in good for name in values) if headers[file.path] is None else ():
                columns.setdefault(name, len(columns))
            parts.append(_table(good, headers[file.path] or list(columns), columns, number))
        if rows >= MOST_ROWS:
            break
    columns.pop("", None)
    _keep(connection, columns, parts)
    if not columns or not rows:
        raise SourceError(
            f"The files of {group.name} have no record.", where=group.glob, found=f"{unreadable} that cannot be read",
            expected="a header and at least one record", do="remove the files, or wait until there are some",
        )  # fmt: skip
    with_header = sum(names is not None for names in headers.values())
    whole = len(chosen) == len(group.files) and rows < MOST_ROWS
    return Looked(group, tuple(chosen[: number + 1]), columns, held, with_header, rows, unreadable, whole)


def _keep(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, int], parts: Sequence[pa.Table]) -> None:
    """Make the table `rows`, in which each column is there."""
    texts = {f"c{number}": pa.array([], pa.string()) for number in columns.values()}
    empty = pa.table({"file": pa.array([], pa.int32())} | texts)
    connection.register("read", pa.concat_tables([empty, *parts], promote_options="default"))
    connection.execute("CREATE OR REPLACE TABLE rows AS SELECT * FROM read")
    connection.unregister("read")


def _header(root: str, file: FileInfo) -> list[str] | None:
    """The names of a file's columns, None where records bring their own; each name is known to be there once."""
    try:
        names = header(root, file.path, format_of(file.path, None) or "")
    except (ValueError, OSError, EOFError) as error:
        raise _unreadable(file, error) from error
    for separator, called in _OTHER_SEPARATORS.items():
        if names is not None and len(names) == 1 and separator in names[0]:
            raise SourceError(
                f"A file is separated by {called}.", where=file.path, found=names[0][:100], expected="commas",
                do="have it delivered with commas, or as Parquet or JSON lines",
            )  # fmt: skip
    return names


def _chosen(files: Sequence[FileInfo]) -> list[FileInfo]:
    """All files, or of too many bytes some, evenly spread over all, the newest among them."""
    step = max(1, -(-sum(file.bytes for file in files) // MOST_BYTES))
    return list(files[::-1][::step][::-1])


def _batches(root: str, file: FileInfo, most: int) -> Iterator[list[Record]]:
    found = islice(records(root, file.path, format_of(file.path, None) or ""), most)
    try:
        while some := list(islice(found, _AT_ONCE)):
            yield some
    except (ValueError, OSError, EOFError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: FileInfo, error: Exception) -> SourceError:
    return SourceError(
        "A file cannot be read.", where=file.path, found=str(error).splitlines()[0] if str(error) else repr(error),
        do="have it delivered anew, or take it out of the folder",
    )  # fmt: skip


def _table(
    values: Sequence[dict[str, str | None]], names: Sequence[str], columns: dict[str, int], number: int
) -> pa.Table:
    """Records as columns of text; those of a file with a header have all its names, in its order."""
    rows = [tuple(map(row.get, names)) for row in values]
    texts = zip(*rows, strict=True) if rows else [() for _ in names]
    made = {
        f"c{columns[name]}": pa.array(column, pa.string()) for name, column in zip(names, texts, strict=True) if name
    }
    return pa.table({"file": pa.array([number] * len(values), pa.int32())} | made)
