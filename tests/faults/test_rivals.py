"""Runs that meet others, the leases of the dead, and files that are cleared away under a reader."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Any, Protocol

import pytest
from pyspark.errors import IllegalArgumentException
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from assay import lease
from assay.errors import BusyError, TableError
from assay.explained import explaining
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.lease import LEASES, LONGEST, _born, _gone
from assay.tables import Tables
from jobs.nightly import run_night
from tests.java import ENVIRONMENT
from tests.leases import held

ROOT = Path(__file__).parents[2]
NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
NOW = datetime.now(UTC)


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()), key=repr)


def test_a_nightly_and_a_backfill_during_a_nightly_stop_and_change_nothing(
    new_readings: Callable[[str], Readings],
) -> None:
    made = new_readings("met")
    made.deliver("2013-03-01.csv", "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n")
    told: list[Any] = []

    def at_silver(stage: str) -> None:
        if stage == "silver":
            command = [
                sys.executable,
                str(ROOT / "tests" / "faults" / "rivals.py"),
                str(made.lakehouse.conf_dir),
                "2013-03-02",
            ]
            quick = {"PYTHONPATH": str(ROOT), **ENVIRONMENT}
            done = subprocess.run(command, env={**os.environ, **quick}, capture_output=True, check=True, timeout=300)
            told.extend(json.loads(line) for line in done.stdout.splitlines())

    outcomes = run_night(made.lakehouse, NIGHT, at_silver)
    nightly, backfill, codes = told
    assert codes == [75, 75]
    assert {nightly["error"], backfill["error"]} == {"BusyError"}
    assert nightly["found"].startswith(f"process {os.getpid()} on {gethostname()}, since ")
    assert [outcome.status for outcome in outcomes] == ["done"] * len(outcomes)
    assert rows(made.lakehouse, "ops.runs", "stage") == sorted((outcome.stage,) for outcome in outcomes)
    assert rows(made.lakehouse, "ops.files", "source_file", "batch") == [("landing/readings/2013-03-01.csv", 1)]
    assert rows(made.lakehouse, "bronze.readings", "source_position", "batch") == [(2, 1), (3, 1), (4, 1)]
    assert rows(made.lakehouse, "silver.readings__history", "station", "hour") == [("a", 1), ("b", 1)]
    assert held(made.lakehouse) == []


def claim(pid: int, *, born: str = "", host: str = "", hours: float = 0) -> dict[str, Any]:
    """A lease as it stands in the table."""
    holder = f"0123-{born}" if born else "0123"
    taken_at = (NOW - timedelta(hours=hours)).replace(tzinfo=None)
    return {"stage": "bronze", "holder": holder, "host": host or gethostname(), "pid": pid, "taken_at": taken_at}


def test_a_lease_is_free_once_its_holder_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        born = _born(other.pid)
        assert not _gone(claim(other.pid, born=born))
        assert not _gone(claim(other.pid, born=born, hours=100))  # it is there, however long it takes
        assert not _gone(claim(other.pid))
        assert _gone(claim(other.pid, born="1"))  # another process has its number now
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert _gone(claim(other.pid, born=born))
    assert _gone(claim(os.getpid()))  # of a process that had the number of this one, as in a container
    monkeypatch.setattr(lease, "_held", {"0123"})
    assert not _gone(claim(os.getpid()))
    longest = LONGEST.total_seconds() / 3600
    assert not _gone(claim(1, host="elsewhere", hours=longest - 1))
    assert _gone(claim(1, host="elsewhere", hours=longest + 1))


def test_a_lease_of_another_host_is_taken_over_after_its_end(readings: Readings) -> None:
    lakehouse = readings.lakehouse
    schema = "stage string, holder string, host string, pid bigint, taken_at timestamp"
    lakehouse.tables.create(LEASES, T.StructType.fromDDL(schema), partition_by=["holder"])
    for holder, hours in (("old", 25), ("young", 23)):
        row = {
            "stage": holder,
            "holder": holder,
            "host": "elsewhere",
            "pid": 1,
            "taken_at": NOW - timedelta(hours=hours),
        }
        lakehouse.tables.append(LEASES, local_frame(lakehouse.spark, [row], schema))
    with lease.lease(lakehouse, ["old"]):
        assert [stage for stage, holder in held(lakehouse) if holder != "old"] == ["old", "young"]
    with pytest.raises(BusyError, match="process 1 on elsewhere"), lease.lease(lakehouse, ["young"]):
        pass
    assert held(lakehouse) == [("old", "old"), ("young", "young")]


@pytest.fixture
def changed(spark: SparkSession, tmp_path: Path) -> Tables:
    """A table whose first version's files are no longer used."""
    tables = Tables(spark, str(tmp_path))
    for value in (1, 2):
        tables.replace("gold.numbers", spark.sql(f"select {value} as n, 'x' as slice"), slice_of={"slice": ["x"]})
    return tables


def test_a_reader_goes_on_while_old_files_are_cleared_by_the_rule(changed: Tables) -> None:
    reader = changed.read("gold.numbers", version=0)
    changed.spark.sql(f"VACUUM delta.`{changed.path('gold.numbers')}` RETAIN 168 HOURS")
    assert [row["n"] for row in reader.collect()] == [1]


def test_clearing_more_than_the_rule_is_refused_and_would_stop_a_reader(changed: Tables) -> None:
    reader = changed.read("gold.numbers", version=0)
    now = f"VACUUM delta.`{changed.path('gold.numbers')}` RETAIN 0 HOURS"
    with pytest.raises(IllegalArgumentException, match="retention"):
        changed.spark.sql(now)
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    changed.spark.conf.set(check, "false")
    try:
        changed.spark.sql(now)
    finally:
        changed.spark.conf.unset(check)
    with (
        pytest.raises(TableError, match=r"A file of the table gold\.numbers is gone"),
        explaining(changed.root, "a look"),
    ):
        reader.collect()
    assert [row["n"] for row in changed.read("gold.numbers").collect()] == [2]
