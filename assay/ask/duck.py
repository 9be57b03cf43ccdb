"""Answers of DuckDB, without Java: to a single select that it understands exactly as Spark does."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
        query = query if at_most is None else f"SELECT * FROM ({query}) LIMIT {at_most:d}"
        columns, first = _begin(connection, query)  # what it cannot work out shows here, or for large answers later
    except duckdb.Error as error:
        raise NotQuickError(f"what DuckDB cannot work out: {str(error).splitlines()[0]}") from error
    except RuntimeError as error:  # DuckDB's word for Ctrl-C
        raise KeyboardInterrupt from error
    return Answer(columns, _rows(connection, first), "duckdb")


def _begin(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns of a query's answer and its first rows; Ctrl-C interrupts it.

    DuckDB itself looks for Ctrl-C between tasks only, and a task whose rows are all filtered out does not end before
    the query does: it runs in a thread, and this one waits for the key.
    """

    def beginning() -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = connection.execute(query)
        return [column[0] for column in cursor.description or ()], cursor.fetchmany(_AT_ONCE)

    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(beginning)
        try:
            return begun.result()
        except KeyboardInterrupt:
            while not begun.done():
                connection.interrupt()  # again and again: a query that has not begun does not remember it
                time.sleep(0.02)
            raise


def _rows(connection: duckdb.DuckDBPyConnection, first: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    rows = first
    while rows:
        yield from ([plain(value) for value in row] for row in rows)
        rows = connection.fetchmany(_AT_ONCE)
    connection.close()


def _one(connection: duckdb.DuckDBPyConnection, query: str, argument: str) -> str:
    found = connection.execute(query, [argument]).fetchone()
    return str(found[0]) if found else ""
