"""Answers of DuckDB, without Java: to a single select that it understands exactly as Spark does."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from assay.ask.answer import Answer, plain
from assay.ask.delta_files import DeltaFiles
from assay.ask.kinds import NotQuickError
from assay.ask.select import check_select
from assay.ask.wording import for_duckdb

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "default_null_order": "nulls_first_on_asc_last_on_desc",  # Spark's
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_AT_ONCE = 1000


def ask(root: Path, statement: str, *, at_most: int | None = None) -> Answer:
    """The answer to a statement over the tables below a folder.

    Raises:
        NotQuickError: Spark may answer otherwise, or DuckDB cannot; the text says why.
    """
    text = for_duckdb(statement)
    files = DeltaFiles(root)
    connection = duckdb.connect(config=_SETTINGS)
    asked: dict[str, Mapping[str, str]] = {}

    def columns_of(name: str) -> Mapping[str, str]:
        if name not in asked:
            asked[name] = {column.name.lower(): column.kind for column in files.columns(name)}
        return asked[name]

    try:
        connection.execute("SET TimeZone = 'UTC'")
        tree = json.loads(_one(connection, "SELECT json_serialize_sql(?)", text))
        if tree["error"] or len(tree["statements"]) != 1:
            raise NotQuickError(f"what DuckDB cannot read: {tree.get('error_message', 'no single statement')}")
        check_select(tree["statements"][0]["node"], columns_of)
        for name in asked:
            files.define(connection, name)
        query = _one(connection, "SELECT json_deserialize_sql(?)", json.dumps(tree))
        cursor = connection.execute(query if at_most is None else f"SELECT * FROM ({query}) LIMIT {at_most:d}")
        columns = [column[0] for column in cursor.description or ()]
        first = cursor.fetchmany(_AT_ONCE)  # what it cannot work out shows here, at the latest for small answers
    except duckdb.Error as error:
        raise NotQuickError(f"what DuckDB cannot work out: {str(error).splitlines()[0]}") from error
    except RuntimeError as error:  # DuckDB's word for Ctrl-C
        raise KeyboardInterrupt from error
    return Answer(columns, _rows(connection, first), "duckdb")


def _rows(connection: duckdb.DuckDBPyConnection, first: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    rows = first
    while rows:
        yield from ([plain(value) for value in row] for row in rows)
        rows = connection.fetchmany(_AT_ONCE)
    connection.close()


def _one(connection: duckdb.DuckDBPyConnection, query: str, argument: str) -> str:
    found = connection.execute(query, [argument]).fetchone()
    return str(found[0]) if found else ""
