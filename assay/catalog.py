"""The lakehouse's tables by their SQL names in Spark, and its answers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyarrow import fs
from pyspark.errors import PySparkException

from assay.ask.answer import Answer, plain
from assay.errors import TableError
from assay.explained import explaining, first_lines
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

    Raises:
        TableError: The catalog is a metastore in which a name means a table of another lakehouse.
    """
    with explaining(lakehouse.root, "giving the tables their names"):
        return _register(lakehouse)


def _register(lakehouse: Lakehouse) -> list[str]:
    spark, shared = lakehouse.spark, is_shared(lakehouse)
    if not shared:
        _forget_others(lakehouse)
    names = []
    for schema in SCHEMAS:
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {quoted(schema)}")
        known = {row["tableName"] for row in spark.sql(f"SHOW TABLES IN {quoted(schema)}").collect()} if shared else ()
        for table in tables_of(lakehouse, schema):
            name = f"{schema}.{table}"
            if table in known:
                _check_same(lakehouse, schema, table)
            else:
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


def is_shared(lakehouse: Lakehouse) -> bool:
    """Whether names are kept in a Hive metastore, where other programs find them, and not for the session alone."""
    return str(lakehouse.spark.conf.get("spark.sql.catalogImplementation")) == "hive"


def _check_same(lakehouse: Lakehouse, schema: str, table: str) -> None:
    """TableError where a name of the metastore means a table that is elsewhere."""
    java: Any = lakehouse.spark._jvm
    identifier = java.org.apache.spark.sql.catalyst.TableIdentifier(table, java.scala.Option.apply(schema))
    catalog: Any = lakehouse.spark._jsparkSession.sessionState().catalog()
    found = catalog.getTableMetadata(identifier).location().toString()
    place = java.org.apache.hadoop.fs.Path(lakehouse.tables.path(f"{schema}.{table}"))
    settings: Any = lakehouse.spark.sparkContext._jsc.hadoopConfiguration()
    expected = place.getFileSystem(settings).makeQualified(place).toString()
    if found != expected:
        raise TableError(
            "The Hive metastore knows a table of another lakehouse by this name.", where=f"{schema}.{table}", found=found,
            expected=expected, do="give each lakehouse a metastore of its own; or, if the lakehouse was moved, "
            f"drop the name there: DROP TABLE {schema}.{table}, which leaves the files",
        )  # fmt: skip


def _forget_others(lakehouse: Lakehouse) -> None:
    """Drop the names of another lakehouse that this session has registered before; its data stays."""
    spark = lakehouse.spark
    if spark.conf.get(_REGISTERED, lakehouse.root) != lakehouse.root:
        for schema in filter(spark.catalog.databaseExists, SCHEMAS):
            for table in spark.catalog.listTables(schema):
                kind = "VIEW" if table.tableType == "VIEW" else "TABLE"
                spark.sql(f"DROP {kind} IF EXISTS {quoted(schema)}.{quoted(table.name)}")
    spark.conf.set(_REGISTERED, lakehouse.root)


def ask(lakehouse: Lakehouse, query: str, *, at_most: int | None = None) -> Answer:
    """Spark's answer to a statement.

    Args:
        lakehouse: Whose tables are known by name.
        query: One statement of Spark's SQL.
        at_most: So many rows and no more; all of them, one partition at a time, where there is no number.

    Raises:
        TableError: Spark does not understand the statement, or cannot work it out.
    """
    names = register(lakehouse)
    with _told(names):
        frame = lakehouse.spark.sql(query)
        first = None if at_most is None else frame.limit(at_most).collect()

    def rows() -> Iterator[list[Any]]:
        with _told(names):
            for row in frame.toLocalIterator() if first is None else first:
                yield [plain(value) for value in row]

    return Answer(frame.columns, rows(), "spark")


def as_arrow(lakehouse: Lakehouse, query: str) -> pa.Table:
    """Spark's answer to a statement, whole, with its types.

    Raises:
        TableError: As of `ask`.
    """
    with _told(register(lakehouse)):
        return lakehouse.spark.sql(query).toArrow()


@contextmanager
def _told(names: list[str]) -> Iterator[None]:
    """What Spark says against a statement, in a few words."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:  # of rows that come one partition at a time, Java's own
        said = re.search(r"\[[A-Z_.]+\] .*", str(error))
        raise TableError(
            "The query cannot be answered.",
            found=(said[0] if said else first_lines(error)).partition(" SQLSTATE")[0],
            expected="SQL over " + (", ".join(names) if names else "tables, of which there are none yet"),
        ) from error


def tables_of(lakehouse: Lakehouse, schema: str) -> list[str]:
    """Names of the Delta tables in a schema's folder."""
    system, base = file_system(lakehouse.root)
    infos = system.get_file_info(fs.FileSelector(f"{base}/{schema}", allow_not_found=True))
    folders = [info.base_name for info in infos if info.type == fs.FileType.Directory]
    return sorted(name for name in folders if lakehouse.tables.exists(f"{schema}.{name}"))
