"""`assay sql-server`: the lakehouse's tables for tools that speak JDBC or ODBC."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from assay.catalog import register
from assay.cli import parser, run
from assay.control import stoppable
from assay.errors import StoppedError
from assay.explained import first_lines
from assay.lakehouse import Lakehouse
from assay.sql_server.server import check_address, serving
from jobs.common import duration, open_from

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Serve the tables by JDBC and ODBC, to read, to whom the environment's file names; until ended."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--host", default="127.0.0.1", help="the address to listen at, one of this machine's own")
    options.add_argument("--port", type=int, default=10000, help="the port; 0 for a free one")
    options.add_argument(
        "--refresh", type=duration, default="30s", help="how often to look for tables and columns that are new"
    )
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    login = lakehouse.environment.sql_server
    if login is None:
        raise lakehouse.environment.error(
            "This environment names no user of the SQL server.", "sql_server",
            do='add sql_server: {user: analyst, password: "${ASSAY_SQL_PASSWORD}"}',
        )  # fmt: skip
    check_address(given.host, given.port)
    with TemporaryDirectory(prefix="assay-sql-server-") as scratch:
        served = _apart(lakehouse, scratch)
        register(served)
        with serving(served.spark, login, given.host, given.port, Path(scratch)) as port:
            url = f"jdbc:hive2://{'[::1]' if given.host == '::1' else given.host}:{port}/"
            told = json.dumps({"url": url, "user": login.user}) if given.json else f"serving {served.name} at {url}"
            with stoppable(served.control), suppress(StoppedError):
                print(told, flush=True)  # noqa: T201  # a command's answer
                _look_for_tables(served, given.refresh)
        served.spark.stop()


def _apart(lakehouse: Lakehouse, scratch: str) -> Lakehouse:
    """The lakehouse, for a session that writes nothing where it was started and gives long answers in parts."""
    defaults = {
        "spark.sql.warehouse.dir": scratch,
        "spark.sql.thriftServer.incrementalCollect": True,
        "spark.databricks.delta.catalog.update.enabled": True,  # tools list columns from the catalog, not from Delta's log
    }
    environment = lakehouse.environment
    spark = environment.spark.model_copy(update={"conf": {**defaults, **environment.spark.conf}})
    return replace(lakehouse, environment=environment.model_copy(update={"spark": spark}))


def _look_for_tables(lakehouse: Lakehouse, every: timedelta) -> None:
    """Make tables known that were not there before, until the process is told to stop."""
    while True:
        lakehouse.control.sleep(every)
        try:
            register(lakehouse)
        except (Py4JJavaError, PySparkException, OSError) as error:  # a store that is away comes back
            logger.warning("new tables were not looked for: %s", first_lines(error))


if __name__ == "__main__":
    raise SystemExit(run(main))
