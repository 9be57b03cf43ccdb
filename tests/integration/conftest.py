"""Whole lakehouses in a folder: real flights, thinned; and a tiny one that a test fills with literal files."""

import csv
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
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from assay.copies import point
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.tables import SCHEMAS
from demo.replay import replay
from jobs.backfill import run_backfill
from jobs.nightly import run_night

CONF = Path(__file__).parents[2] / "conf"
ONE_IN = 6
"""Flights whose number is a multiple of this are kept: about 140 a day."""


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
def flights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Flights:
    """January and half of February landed; features from 1 February; trained on the 13th, scored on two nights.

    Where several processes share the tests, one makes it and the others take a copy.
    """
    folder, made = tmp_path_factory.mktemp("flights"), tmp_path_factory.getbasetemp().parent / "flights"
    first, backfilled, *nights = [datetime(2013, 2, day, tzinfo=UTC) for day in (1, 12, 13, 14)]
    with (tmp_path_factory.getbasetemp().parent / "flights.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if "PYTEST_XDIST_WORKER" in os.environ and made.exists():
            shutil.copytree(made, folder, dirs_exist_ok=True)
            outcomes = pickle.loads((folder / "outcomes").read_bytes())  # noqa: S301 - written below
            lakehouse = open_lakehouse(folder / "conf" / "flights")
            point(Path(lakehouse.root) / "mlflow" / "mlflow.db", (made / "where").read_text(), lakehouse.root)
        else:
            lakehouse = _flights(folder)
            run_backfill(lakehouse, first, backfilled)
            run_night(lakehouse, nights[0])
            outcomes = run_night(lakehouse, nights[1])
            (folder / "outcomes").write_bytes(pickle.dumps(outcomes))
            if "PYTEST_XDIST_WORKER" in os.environ:
                (folder / "where").write_text(lakehouse.root)
                shutil.copytree(folder, made)
    landing = folder / "warehouse" / "flights" / "landing"
    return Flights(lakehouse, landing, backfilled, (nights[0], nights[1]), outcomes)


def _flights(folder: Path) -> Lakehouse:
    """Flights delivered, and nothing done."""
    _configure(folder)
    landing = folder / "warehouse" / "flights" / "landing"
    replay(landing, date(2013, 1, 1), date(2013, 2, 14))
    for path in [*landing.glob("schedule/*.csv"), *landing.glob("outcomes/*.csv")]:
        _thin(path)
    return open_lakehouse(folder / "conf" / "flights")


def _configure(folder: Path) -> None:
    """The configuration of the flights, with a model that learns from few days in little time."""
    shutil.copytree(CONF / "flights", folder / "conf" / "flights")
    (folder / "conf" / "env").mkdir()
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    _edit(folder / "conf" / "flights" / "lakehouse.yml", dbt=None)
    model = folder / "conf" / "flights" / "models" / "late_arrival.yml"
    quick = yaml.safe_load(model.read_text())["xgboost"] | {"rounds": 10, "min_child_weight": 5}
    _edit(
        model,
        split={"validation": "2d", "holdout": "2d"},
        train={"every": "7d", "window": "12d"},
        gates={"auc": {"min": 0.01}},
        xgboost=quick,
    )


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))


def _thin(path: Path) -> None:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        rows = [row for row in reader if int(row["flight"]) % ONE_IN == 0]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


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
