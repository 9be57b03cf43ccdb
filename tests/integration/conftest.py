"""Whole lakehouses in a folder: real flights, thinned; and a tiny one that a test fills with literal files."""

import fcntl
import os
import pickle
import secrets
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.tables import SCHEMAS
from jobs.backfill import run_backfill
from jobs.nightly import run_night
from tests.flights import copy_of_flights, new_flights


@dataclass(frozen=True)
class Flights:
    """The lakehouse of the flights after a backfill and two nights."""

    lakehouse: Lakehouse
    landing: Path
    backfilled: datetime
    nights: tuple[datetime, datetime]
    outcomes: list[Outcome]
    """What the stages of the second night did."""


@pytest.fixture(scope="session")
def untouched_flights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """January and half of February landed; features from 1 February; trained on the 13th, scored on two nights.

    Processes that share the tests share it too: one makes it, and no test writes to it.
    """
    here = tmp_path_factory.getbasetemp()
    made = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "flights"
    first, backfilled, *nights = [datetime(2013, 2, day, tzinfo=UTC) for day in (1, 12, 13, 14)]
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder = tmp_path_factory.mktemp("made")
            lakehouse = new_flights(folder)
            run_backfill(lakehouse, first, backfilled)
            run_night(lakehouse, nights[0])
            outcomes = run_night(lakehouse, nights[1])
            (folder / "outcomes").write_bytes(pickle.dumps(outcomes))
            (folder / "where").write_text(lakehouse.root)
            shutil.move(folder, made)
    return made


@pytest.fixture(scope="session")
def flights(untouched_flights: Path, tmp_path_factory: pytest.TempPathFactory) -> Flights:
    """The flights, for all tests of this process."""
    folder = tmp_path_factory.mktemp("flights")
    lakehouse = copy_of_flights(untouched_flights, folder)
    outcomes = pickle.loads((folder / "outcomes").read_bytes())  # noqa: S301 - written above
    backfilled, *nights = [datetime(2013, 2, day, tzinfo=UTC) for day in (12, 13, 14)]
    landing = folder / "warehouse" / "flights" / "landing"
    return Flights(lakehouse, landing, backfilled, (nights[0], nights[1]), outcomes)


@pytest.fixture
def empty_catalog(spark: SparkSession) -> Iterator[None]:
    """The session knows no table by name: those of another lakehouse would be found under the same names."""
    _forget(spark)
    yield
    _forget(spark)


def _forget(spark: SparkSession) -> None:
    for schema in SCHEMAS:
        spark.sql(f"DROP DATABASE IF EXISTS {schema} CASCADE")


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL of this process's own, with a user `reader` that has a password."""

    url: str
    password: str
    psql: tuple[str, ...]
    stop: Callable[[], None]
    start: Callable[[], None]

    def execute(self, statements: str) -> None:
        """Run statements as the owner, in one transaction."""
        subprocess.run([*self.psql, "-c", statements], check=True, capture_output=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server on a port of its own, which asks for passwords, for the whole process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells where it puts its lock
        import pgserver
        from pgserver._commands import POSTGRES_BIN_PATH, pg_ctl

        folder = Path(tempfile.mkdtemp()) / "data"  # pytest closes its own folders to other users
        folder.mkdir()
        server = pgserver.get_server(folder, cleanup_mode=None)
    (folder / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = {"pgdata": folder, "user": server.system_user}

    def stop() -> None:
        pg_ctl(["-w", "-m", "fast", "stop"], **run)

    def start() -> None:
        pg_ctl(["-w", "-o", options, "-l", str(folder / "log"), "start"], **run)

    stop()
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c timezone=Asia/Tokyo -c datestyle=German"
    start()
    psql = (
        str(POSTGRES_BIN_PATH / "psql"),
        "-h",
        str(folder),
        "-p",
        str(port),
        "-U",
        "postgres",
        "-v",
        "ON_ERROR_STOP=1",
    )
    made = Postgres(f"jdbc:postgresql://127.0.0.1:{port}/postgres", "canary-" + secrets.token_hex(8), psql, stop, start)
    made.execute(f"CREATE ROLE reader LOGIN PASSWORD '{made.password}'")
    made.execute("GRANT pg_read_all_data TO reader")
    yield made
    stop()
    shutil.rmtree(folder.parent)
