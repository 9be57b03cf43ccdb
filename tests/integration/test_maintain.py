"""`assay maintain`: fewer files, the same rows, and nothing removed that a run may still need."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Any, Protocol

import pytest

import bronze.stage
import silver.stage
from assay.catalog import tables_of
from assay.cli import main
from assay.errors import BusyError
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.lease import LEASES, SCHEMA
from assay.tables import SCHEMAS
from jobs.nightly import run_night

NIGHTS = [datetime(2013, 3, day, tzinfo=UTC) for day in (2, 3)]
MANY = "ops.files"
"""A table of which each night makes one file more."""

OWN = ("ops.runs", "ops.leases")
"""Tables that the command itself writes into."""


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse
    landing: Path

    def deliver(self, name: str, content: str | bytes) -> None: ...


@pytest.fixture
def nights(readings: Readings) -> Readings:
    """Two nights, each with a row that is taken in and one that is not."""
    for n, night in enumerate(NIGHTS):
        readings.deliver(
            f"{night - timedelta(days=1):%Y-%m-%d}.csv", f"station,hour,temp\na,1,{n}.5\nb,{n},7\nc,{n},99\n"
        )
        bronze.stage.run(readings.lakehouse, night)
        silver.stage.run(readings.lakehouse, night)
    return readings


def files(lakehouse: Lakehouse) -> dict[str, list[str]]:
    """The files of each table's newest version."""
    names = [f"{schema}.{name}" for schema in SCHEMAS for name in tables_of(lakehouse, schema)]
    return {name: lakehouse.tables.read(name).inputFiles() for name in names if name not in OWN}


def contents(lakehouse: Lakehouse) -> dict[str, list[str]]:
    """The rows of each table."""
    return {name: sorted(map(str, lakehouse.tables.read(name).collect())) for name in files(lakehouse)}


def maintained(lakehouse: Lakehouse, capfd: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """The run, as the command tells a machine."""
    capfd.readouterr()
    assert main(["maintain", "--conf-dir", str(lakehouse.conf_dir), "--json", *options]) == 0
    told: dict[str, Any] = json.loads(capfd.readouterr().out)["runs"][0]
    return told


def test_many_files_become_few_old_ones_go_and_every_row_stays(
    nights: Readings, capfd: pytest.CaptureFixture[str]
) -> None:
    lakehouse = nights.lakehouse
    before, many = contents(lakehouse), files(lakehouse)
    folder = Path(lakehouse.tables.path(MANY))
    of_the_dead, of_a_run = folder / "part-dead.snappy.parquet", folder / "part-run.snappy.parquet"
    for path in (of_the_dead, of_a_run):
        path.write_bytes(b"of no version")
    then = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    os.utime(of_the_dead, (then, then))

    told = maintained(lakehouse, capfd, "--retain", "60d")
    few = files(lakehouse)
    assert len(few[MANY]) == 1 < len(many[MANY])
    assert all(len({Path(file).parent for file in few[name]}) == len(few[name]) <= len(many[name]) for name in few)
    assert contents(lakehouse) == before
    assert (told["stage"], told["status"], told["totals"]["removed"]) == ("maintain", "done", 0)
    assert any(note.startswith(f"{MANY}: 1 new for many, 0 removed; ") for note in told["notes"])
    assert of_the_dead.exists()

    told = maintained(lakehouse, capfd)
    assert (of_the_dead.exists(), of_a_run.exists()) == (False, True)
    notes = [note.partition(";")[0] for note in told["notes"] if not note.startswith(OWN)]
    assert notes == [f"{MANY}: 0 new for many, 1 removed"]
    assert all(Path(file.removeprefix("file:")).exists() for file in many[MANY])  # for who reads a version of before
    run_night(lakehouse, NIGHTS[-1])
    assert {name: rows for name, rows in contents(lakehouse).items() if name != "ops.watch"} == {
        name: rows for name, rows in before.items() if name != "ops.watch"
    }


def test_young_versions_are_not_let_go(readings: Readings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maintain", "--conf-dir", str(readings.lakehouse.conf_dir), "--retain", "6d"]) == 2
    assert "found:    6 days" in capsys.readouterr().err


def test_what_is_no_time_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["maintain", "--retain", "forever"])
    assert "argument --retain: 'forever' is not a duration: a whole number and" in capsys.readouterr().err


def test_beside_a_night_it_is_refused(readings: Readings, capsys: pytest.CaptureFixture[str]) -> None:
    lakehouse = readings.lakehouse
    night = {"stage": "silver", "holder": "a night", "host": gethostname(), "pid": os.getppid(), "taken_at": NIGHTS[0]}
    lakehouse.tables.append(LEASES, local_frame(lakehouse.spark, [night], SCHEMA))
    assert main(["maintain", "--conf-dir", str(lakehouse.conf_dir)]) == BusyError.exit_code
    assert "The stage silver is being run by another process." in capsys.readouterr().err
