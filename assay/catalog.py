"""The lakehouse's tables by their SQL names, and questions asked of them."""

from pathlib import Path
from typing import Any

from pyarrow import fs
from pyspark.errors import PySparkException

from assay.csv_export import write_csv
from assay.errors import TableError
from assay.files import file_system
from assay.lakehouse import Lakehouse
from assay.ledger import RUNS
from assay.tables import SCHEMAS, literal, quoted

HISTORY = "__history"
_REGISTERED = "assay.catalog.root"
"""The session's own note of whose names it holds."""


def register(lakehouse: Lakehouse) -> list[str]:
    """Make every table known to the session's catalog by name; returns the names.

    `silver.<source>` is a view of the current versions, `ops.metrics` a view of the ledger's numbers.
    """
    spark = lakehouse.spark
    _forget_others(lakehouse)
    names = []
    for schema in SCHEMAS:
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {quoted(schema)}")
        for table in _tables(lakehouse, schema):
            name = f"{schema}.{table}"
            place = literal(lakehouse.tables.path(name))
            spark.sql(f"CREATE TABLE IF NOT EXISTS {quoted(schema)}.{quoted(table)} USING delta LOCATION {place}")
            names.append(name)
    for name in [name for name in names if name.endswith(HISTORY)]:
        schema, _, table = name.partition(".")
        current = table.removesuffix(HISTORY)
        spark.sql(
            f"CREATE OR REPLACE VIEW {quoted(schema)}.{quoted(current)} AS "
            f"SELECT * FROM {quoted(schema)}.{quoted(table)} WHERE valid_to IS NULL"
        )
        names.append(f"{schema}.{current}")
    if RUNS in names:
        spark.sql(
            "CREATE OR REPLACE VIEW ops.metrics AS SELECT run_id, stage, as_of, status, started_at, m.* "
            "FROM ops.runs LATERAL VIEW inline(metrics) m AS target, batch, metric, label, value"
        )
        names.append("ops.metrics")
    return sorted(names)


def _forget_others(lakehouse: Lakehouse) -> None:
    """Drop the names of another lakehouse that this session has registered before; its data stays."""
    spark = lakehouse.spark
    if spark.conf.get(_REGISTERED, lakehouse.root) != lakehouse.root:
        for schema in filter(spark.catalog.databaseExists, SCHEMAS):
            for table in spark.catalog.listTables(schema):
                kind = "VIEW" if table.tableType == "VIEW" else "TABLE"
                spark.sql(f"DROP {kind} IF EXISTS {quoted(schema)}.{quoted(table.name)}")
    spark.conf.set(_REGISTERED, lakehouse.root)


def export(lakehouse: Lakehouse, query: str, path: Path) -> int:
    """Write all rows of an answer to a CSV file; returns how many.

    Raises:
        TableError: Spark does not understand the query.
    """
    names = register(lakehouse)
    try:
        return write_csv(lakehouse.spark.sql(query), path)
    except PySparkException as error:
        raise _unanswered(error, names) from error


def ask(lakehouse: Lakehouse, query: str, limit: int) -> tuple[list[str], list[list[Any]], bool]:
    """Column names, at most `limit` rows, and whether there are more.

    Raises:
        TableError: Spark does not understand the query.
    """
    names = register(lakehouse)
    try:
        frame = lakehouse.spark.sql(query)
        rows = frame.limit(limit + 1).collect()
    except PySparkException as error:
        raise _unanswered(error, names) from error
    return frame.columns, [list(row) for row in rows[:limit]], len(rows) > limit


def _unanswered(error: PySparkException, names: list[str]) -> TableError:
    return TableError(
        "The query cannot be answered.",
        found=str(error).partition(" SQLSTATE")[0].splitlines()[0],
        expected="SQL over " + (", ".join(names) if names else "tables, of which there are none yet"),
    )


def as_text(columns: list[str], rows: list[list[Any]]) -> str:
    """A table for the terminal, numbers to the right."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[at]) for row in texts)]) for at, name in enumerate(columns)]
    numeric = [all(isinstance(row[at], (int, float)) or row[at] is None for row in rows) for at in range(len(columns))]

    def line(cells: list[str]) -> str:
        return "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()

    return "\n".join([line(columns), "  ".join("-" * width for width in widths), *(line(row) for row in texts)])


def _text(value: object) -> str:
    if value is None:
        return "NULL"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tables(lakehouse: Lakehouse, schema: str) -> list[str]:
    """Names of the Delta tables in a schema's folder."""
    system, base = file_system(lakehouse.root)
    infos = system.get_file_info(fs.FileSelector(f"{base}/{schema}", allow_not_found=True))
    folders = [info.base_name for info in infos if info.type == fs.FileType.Directory]
    return sorted(name for name in folders if lakehouse.tables.exists(f"{schema}.{name}"))
