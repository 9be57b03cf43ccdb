"""`assay sql-server` as a tool meets it: Hive's own JDBC driver asks a server that is a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from assay.java import java_class
from assay.lakehouse import Lakehouse, open_lakehouse
from tests.java import ENVIRONMENT

PASSWORD = "canary-of-the-server"  # known to this test alone
PATIENCE = 60
"""Seconds until what comes every second has come, however busy the machine."""
LOGIN = 'warehouse: warehouse\nsql_server: {user: analyst, password: "${ASSAY_SQL_PASSWORD}"}\n'


@dataclass(frozen=True)
class Server:
    """A server that runs, and what it serves."""

    lakehouse: Lakehouse
    process: "subprocess.Popen[str]"
    url: str
    started_in: Path
    connect: Callable[[str, str], Any]


def configure(folder: Path) -> None:
    """A lakehouse without sources, and an environment with a user."""
    (folder / "conf" / "env").mkdir(parents=True)
    (folder / "conf" / "env" / "local.yml").write_text(LOGIN)
    (folder / "conf" / "tiny").mkdir()
    (folder / "conf" / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: Numbers.\n")


@pytest.fixture(scope="module")
def server(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serves a table of gold, one of silver with its history, and one of bronze."""
    folder = tmp_path_factory.mktemp("served")
    configure(folder)
    started_in = folder / "elsewhere"
    started_in.mkdir()
    environment = {**os.environ, **ENVIRONMENT, "ASSAY_SQL_PASSWORD": PASSWORD, "TMPDIR": str(started_in)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_SQL_PASSWORD", PASSWORD)
        lakehouse = open_lakehouse(folder / "conf" / "tiny")
    lakehouse.tables.append("gold.numbers", spark.sql("select id, concat('n', id) as name from range(3)"))
    versions = "select * from values (1, null), (2, timestamp'2013-01-01') as t(id, valid_to)"
    lakehouse.tables.append("silver.readings__history", spark.sql(versions))
    command = [sys.executable, "-m", "assay.cli", "sql-server", "--conf-dir", str(lakehouse.conf_dir)]
    driver = java_class(spark, "org.apache.hive.jdbc.HiveDriver")()

    def connect(user: str, password: str) -> Any:
        given = java_class(spark, "java.util.Properties")()
        given.setProperty("user", user)
        given.setProperty("password", password)
        return driver.connect(url, given)

    with subprocess.Popen(
        [*command, "--port", "0", "--refresh", "1s"], cwd=started_in, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = process.stdout.readline().strip()
        assert told.startswith("serving tiny at jdbc:hive2://127.0.0.1:"), told
        url = told.rpartition(" ")[2]
        try:
            yield Server(lakehouse, process, url, started_in, connect)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def ask(server: Server) -> Callable[[str], list[tuple[str | None, ...]]]:
    """Asks over one connection; gives the rows, values as text."""
    statement = server.connect("analyst", PASSWORD).createStatement()

    def answer(query: str) -> list[tuple[str | None, ...]]:
        if not statement.execute(query):
            return []
        found = statement.getResultSet()
        columns = range(1, found.getMetaData().getColumnCount() + 1)
        rows = []
        while found.next():
            rows.append(tuple(found.getString(column) for column in columns))
        return rows

    return answer


Ask = Callable[[str], list[tuple[str | None, ...]]]


def test_tables_are_asked_by_name(ask: Ask) -> None:
    query = "select n.name, r.id from gold.numbers n left join silver.readings r on n.id = r.id order by n.id"
    assert ask(query) == [("n0", None), ("n1", "1"), ("n2", None)]


def test_new_rows_and_new_tables_are_seen_and_older_versions_stay(
    server: Server, spark: SparkSession, ask: Ask
) -> None:
    tables = server.lakehouse.tables
    assert ask("select count(*) from gold.numbers") == [("3",)]
    tables.append("gold.numbers", spark.sql("select 3L as id, 'n3' as name"))
    assert ask("select count(*) from gold.numbers") == [("4",)]
    assert ask("select count(*) from gold.numbers version as of 0") == [("3",)]
    tables.append("gold.later", spark.range(1))
    end = time.monotonic() + PATIENCE
    while ("gold", "later", "false") not in ask("show tables in gold"):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert ask("select * from gold.later") == [("0",)]


def test_a_tool_is_told_what_there_is(server: Server) -> None:
    told = server.connect("analyst", PASSWORD).getMetaData()
    assert not told.getPrimaryKeys(None, "gold", "numbers").next()
    found = told.getColumns(None, "gold", "numbers", None)
    columns = []
    while found.next():
        columns.append((found.getString("TABLE_SCHEM"), found.getString("COLUMN_NAME"), found.getString("TYPE_NAME")))
    assert columns == [("gold", "id", "BIGINT"), ("gold", "name", "STRING")]


@pytest.mark.parametrize(
    "statement",
    [
        "show schemas", "show catalogs", "show tables in gold", "show columns in gold.numbers", "show views in silver", "use gold",
        "describe gold.numbers", "describe gold.numbers id", "describe schema gold", "describe history gold.numbers",
        "describe query select 1", "describe function sum", "show functions like 'sum'", "explain select 1",
        "select current_database(), current_schema()", "select * from spark_catalog.gold.numbers tablesample (1 rows)",
        "with n as (select 1 as x) select * from n union all select * from values (2) order by x limit 1 offset 1",
        "select id, sum(id) over w, e from gold.numbers lateral view explode(array(1)) t as e window w as (order by id)",
        "select * from (select id, name from gold.numbers) pivot (max(name) for id in (1, 2))",
        "select count(*) from gold.numbers where id in (select id from silver.readings) group by cube(id) having true",
    ],
)  # fmt: skip
def test_who_reads_may_ask(statement: str, ask: Ask) -> None:
    assert ask(statement) or statement == "use gold"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("insert into gold.numbers select * from gold.numbers", "InsertIntoStatement"),
        ("insert overwrite directory '/tmp/no' using csv select 1", "InsertIntoDir"),
        ("drop table gold.numbers", "DropTable"),
        ("delete from gold.numbers", "DeleteFromTable"),
        ("create view gold.v as select 1", "CreateView"),
        ("create table gold.t using delta as select 1", "CreateTableAsSelect"),
        ("vacuum gold.numbers", "VacuumTableCommand"),
        ("optimize gold.numbers", "OptimizeTableCommand"),
        ("add jar '/tmp/no.jar'", "AddJarsCommand"),
        ("set spark.sql.shuffle.partitions=3", "SetCommand"),
        ("explain delete from gold.numbers", "DeleteFromTable"),
        ("execute immediate 'drop table gold.numbers'", "ExecuteImmediate"),
        ("begin select 1; drop table gold.numbers; end", "CompoundBody"),
        ("select (select max(x) from (select transform(id) using 'cat' as (x) from gold.numbers))", "ScriptTransformation"),
        ("select reflect('java.lang.System', 'exit', 1)", "the function reflect"),
        ("select id from gold.numbers where java_method('java.lang.System', 'getenv', 'HOME') > ''", "java_method"),
        ("select '${env:ASSAY_SQL_PASSWORD}'", "${ in a statement"),
        ("select * from csv.`/etc/passwd`", "the schema csv"),
        ("select * from delta.`/tmp/other` version as of 0", "the schema delta"),
        ("describe history delta.`/tmp/other`", "the schema delta"),
        ("describe json.`/etc/passwd`", "the schema json"),
        ("select * from other.gold.numbers", "the schema other.gold"),
        ("use other", "the schema other"),
        ("select * from table_changes_by_path('/tmp/other', 0)", "UnresolvedTableValuedFunction"),
        ("select * from identifier('csv.' || '`/etc/passwd`')", "PlanWithUnresolvedIdentifier"),
    ],
)  # fmt: skip
def test_who_reads_changes_nothing_and_reads_nothing_else(statement: str, found: str, ask: Ask) -> None:
    with pytest.raises(Py4JJavaError) as refused:
        ask(statement)
    told = str(refused.value.java_exception.getMessage())
    assert "This server answers questions to the lakehouse's tables. Refused: " in told, told.splitlines()[0]
    assert found in told.partition("Refused: ")[2].splitlines()[0]


@pytest.mark.parametrize(("user", "password"), [("analyst", "wrong"), ("other", PASSWORD), ("anonymous", "anonymous")])
def test_nobody_else_is_let_in(user: str, password: str, server: Server) -> None:
    with pytest.raises(Py4JJavaError, match="Error validating the login"):
        server.connect(user, password)


def test_sigterm_ends_it_and_leaves_nothing_behind(server: Server, ask: Ask) -> None:
    assert ask("select 1") == [("1",)]
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    assert [path.name for path in server.started_in.rglob("*")] == []
