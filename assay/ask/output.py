"""Answers on the terminal and in files: as a table, CSV, JSON or Parquet."""

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from assay.ask.answer import as_json
from assay.ask.question import ask
from assay.csv_export import write_csv
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse
from assay.text_table import text_table
from assay.whole_file import whole

FORMATS = ("table", "csv", "json", "parquet")
SHOWN = 100
"""Rows of a table, or of JSON, that are printed unless another number is asked for."""


def show(lakehouse: Lakehouse, statement: str, *, format: str, limit: int | None, engine: str) -> None:  # noqa: A002
    """Print an answer: all rows as CSV, else at most `limit` of them and whether there are more."""
    if format == "parquet":
        raise ConfigError(
            "Parquet is for a file, not for the terminal.", where="--format", do="name one: --output FILE"
        )
    most = SHOWN if limit is None and format != "csv" else limit
    answer = ask(lakehouse, statement, engine=engine, at_most=None if most is None else most + 1)
    if format == "csv":
        write_csv(answer.columns, islice(answer.rows, most), sys.stdout)
        return
    rows = list(answer.rows)
    more = most is not None and len(rows) > most
    if format == "json":
        _write_json(answer.columns, rows[:most], sys.stdout, more=more)
        return
    print(text_table(answer.columns, rows[:most]))  # noqa: T201  # a command's answer
    count = len(rows[:most])
    print(f"{count} row{'' if count == 1 else 's'}" + (f", more exist: --limit {most}" if more else ""))  # noqa: T201


def write(lakehouse: Lakehouse, statement: str, path: Path, *, format: str, limit: int | None, engine: str) -> int:  # noqa: A002
    """Write an answer to a file, whole or not at all; returns the number of rows."""
    if format == "parquet":
        return _write_parquet(lakehouse, statement, path, limit=limit, engine=engine)
    answer = ask(lakehouse, statement, engine=engine, at_most=limit)
    with whole(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        if format == "csv":
            return write_csv(answer.columns, answer.rows, file)
        rows = list(answer.rows)
        if format == "json":
            _write_json(answer.columns, rows, file, more=False)
        else:
            file.write(text_table(answer.columns, rows) + "\n")
        return len(rows)


def _write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], file: TextIO, *, more: bool) -> None:
    told = {"columns": list(columns), "rows": [as_json(row) for row in rows], "more": more}
    print(json.dumps(told, ensure_ascii=False), file=file)


def _write_parquet(lakehouse: Lakehouse, statement: str, path: Path, *, limit: int | None, engine: str) -> int:
    """Spark's answer, since a file of Parquet has types, which DuckDB names otherwise."""
    if engine == "duckdb":
        raise ConfigError("Parquet is written of Spark's answers.", where="--engine", found=engine, expected="spark")
    from pyarrow import parquet

    from assay import catalog

    table = catalog.as_arrow(lakehouse, statement)
    table = table if limit is None else table.slice(0, limit)
    with whole(path) as partial:
        parquet.write_table(table, partial)
    return int(table.num_rows)


def format_of(given: str | None, output: str | None) -> str:
    """The format that is meant: the one that is named, else that of the file's ending, else a table.

    Raises:
        ConfigError: The file's ending tells none.
    """
    if given or not output:
        return given or "table"
    ending = Path(output).suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise ConfigError(
            "The file's ending tells no format.", where="--output", found=output,
            expected=f"an ending .csv, .json or .parquet, or --format with one of {', '.join(FORMATS)}",
        )  # fmt: skip
    return ending
