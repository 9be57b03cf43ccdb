"""Delta tables on this machine's disk as views in DuckDB: their log read by delta-rs, without Java.

The names are those that Spark's catalog has: each table, `silver.<source>` for the current versions, and `ops.metrics`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from duckdb import DuckDBPyConnection

from assay.ask.kinds import AT, NotQuickError

SCHEMAS = ("bronze", "silver", "gold", "ops")
HISTORY = "__history"
METRICS, RUNS = "ops.metrics", "ops.runs"
FILE = "__file"
"""Column of a file's path, a name that no table of a lakehouse has."""
_METRICS = ("run_id", "stage", "as_of", "status", "started_at")
_METRIC = ("target", "batch", "metric", "label", "value")

READABLE = frozenset({"timestampNtz", "vacuumProtocolCheck"})
"""Features of Delta's protocol, beyond its first version, that a reader of the plain Parquet files respects."""

_TYPES = {
    "string": "VARCHAR", "long": "BIGINT", "integer": "INTEGER", "short": "SMALLINT", "byte": "TINYINT",
    "float": "FLOAT", "double": "DOUBLE", "boolean": "BOOLEAN", "binary": "BLOB", "date": "DATE",
    "timestamp": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP",
}  # fmt: skip
"""Delta's type -> DuckDB's. Instants are without a zone: all of them are UTC, as in Spark's answers."""

_KINDS = {"string", "double", "boolean", "date", "timestamp"}
_WHOLE = {"long", "integer", "short", "byte"}


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    """As Delta names it; of a nested one, what kind of nesting."""
    duckdb: str
    """Its type in DuckDB."""

    @property
    def kind(self) -> str:
        """What `assay.ask.exact` knows of its values."""
        if self.type in _WHOLE:
            return "integer"
        return "decimal" if self.type.startswith("decimal") else self.type if self.type in _KINDS else "other"


@dataclass(frozen=True)
class DeltaFiles:
    """The tables below a folder.

    Args:
        root: The lakehouse's folder.
    """

    root: Path

    def names(self) -> list[str]:
        """Every name that can be asked, in order."""
        logs = [log for schema in SCHEMAS for log in (self.root / schema).glob("*/_delta_log")]
        tables = {f"{log.parent.parent.name}.{log.parent.name}" for log in logs}
        views = {name.removesuffix(HISTORY) for name in tables if name.endswith(HISTORY)}
        return sorted(tables | views | ({METRICS} if RUNS in tables else set()))

    def columns(self, name: str) -> tuple[Column, ...]:
        """The columns of a table or view, in order; NotQuickError where it cannot be read here."""
        base = self._base(name)
        schema = json.loads(self._table(base).schema().to_json())
        columns = tuple(_columns(schema))
        if name != METRICS:
            return columns
        (nested,) = (one["type"]["elementType"] for one in schema["fields"] if one["name"] == "metrics")
        of = {column.name: column for column in (*columns, *_columns(nested))}
        return tuple(of[one] for one in (*_METRICS, *_METRIC))

    def define(self, connection: DuckDBPyConnection, name: str) -> None:
        """Make a table or view known to DuckDB by its name."""
        base = self._base(name)
        files = _select(self._table(base), self.root / base.partition(AT)[0].replace(".", "/"))
        if name == METRICS:
            outer, inner = ", ".join(_METRICS), ", ".join(f"m.{one}" for one in _METRIC)
            files = f"SELECT {outer}, {inner} FROM (SELECT *, unnest(metrics) AS m FROM ({files}))"
        elif base != name:
            files = f"SELECT * FROM ({files}) WHERE valid_to IS NULL"  # made here, of a table's log
        schema, _, table = name.partition(".")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(schema)}.{quoted(table)} AS {files}")

    def _base(self, name: str) -> str:
        """The table, and its version if one is meant, that a name stands for or that a view is made of."""
        table, at, version = name.partition(AT)
        names = self.names()
        if table not in names:
            raise NotQuickError(f"the table {table}")
        is_view = table == METRICS or f"{table}{HISTORY}" in names
        if at and is_view:
            raise NotQuickError(f"a version of {table}, which is a view")
        return f"{RUNS if table == METRICS else f'{table}{HISTORY}' if is_view else table}{at}{version}"

    def _table(self, name: str) -> DeltaTable:
        table, _, version = name.partition(AT)
        try:
            opened = DeltaTable(self.root / table.replace(".", "/"), version=int(version) if version else None)
            _refuse_unless_readable(opened, table)
        except (DeltaError, OSError) as error:
            raise NotQuickError(f"the log of {name}: {str(error).splitlines()[0]}") from error
        return opened


def _refuse_unless_readable(table: DeltaTable, name: str) -> None:
    asked = set(table.protocol().reader_features or ())
    mapped = table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none"
    if mapped or asked - READABLE:
        found = ", ".join(sorted(asked - READABLE)) or "columnMapping"
        raise NotQuickError(f"{name}, which has {found}")


def _columns(struct: Mapping[str, Any]) -> Iterator[Column]:
    for field in struct["fields"]:
        given = field["type"]
        yield Column(field["name"], given if isinstance(given, str) else given["type"], _duckdb(given))


def _duckdb(given: str | Mapping[str, Any]) -> str:
    if isinstance(given, str):
        if given.startswith("decimal("):
            return given
        if given not in _TYPES:
            raise NotQuickError(f"the type {given}")
        return _TYPES[given]
    match given["type"]:
        case "array":
            return f"{_duckdb(given['elementType'])}[]"
        case "map":
            return f"MAP({_duckdb(given['keyType'])}, {_duckdb(given['valueType'])})"
        case "struct":
            return f"STRUCT({', '.join(f'{quoted(one.name)} {one.duckdb}' for one in _columns(given))})"
    raise NotQuickError(f"the type {given['type']}")


def _select(table: DeltaTable, folder: Path) -> str:
    """The rows of a table's files, the columns in the table's order; values of partitions come from the log."""
    columns = list(_columns(json.loads(table.schema().to_json())))
    actions = table.get_add_actions()
    paths = [_file(folder, path) for path in actions.column("path").to_pylist()]
    if not paths:
        nothing = ", ".join(f"CAST(NULL AS {column.duckdb}) AS {quoted(column.name)}" for column in columns)
        return f"SELECT {nothing} WHERE false"  # types and quoted names
    by = table.metadata().partition_columns
    listed = ", ".join(
        f"CAST({'part' if column.name in by else 'file'}.{quoted(column.name)} AS {column.duckdb}) AS {quoted(column.name)}"
        for column in columns
    )
    files = (
        f"read_parquet([{', '.join(map(text, paths))}], union_by_name=true, filename='{FILE}', hive_partitioning=false)"
    )
    if not by:
        return f"SELECT {listed} FROM {files} AS file"  # quoted names and paths
    values = [[part[name] for name in by] for part in actions.column("partition").to_pylist()]
    rows = ", ".join(
        f"({', '.join([text(path), *(_value(value) for value in part)])})"
        for path, part in zip(paths, values, strict=True)
    )
    names = ", ".join([FILE, *map(quoted, by)])
    return f"SELECT {listed} FROM {files} AS file JOIN (VALUES {rows}) AS part ({names}) USING ({FILE})"


def _file(folder: Path, path: str) -> str:
    """A file by its path in the log; NotQuickError for one that lies elsewhere, or has a sign that stands for others."""
    place = str(folder / unquote(path))
    if "://" in path or path.startswith("/") or set(place) & set("*?["):
        raise NotQuickError(f"a file at {place}")
    return place


def _value(value: object) -> str:
    return "NULL" if value is None else text(value.hex() if isinstance(value, bytes) else str(value))


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in quotes."""
    return "'" + value.replace("'", "''") + "'"
