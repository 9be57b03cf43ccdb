"""SIGKILL at every commit of bronze and silver: a rerun gives the tables of an undisturbed run."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

import bronze.stage
import silver.stage
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.lease import _gone, _not_given_back, _seen
from tests.java import ENVIRONMENT

ROOT = Path(__file__).parents[2]
NIGHT, NEXT = datetime(2013, 3, 2, tzinfo=UTC), datetime(2013, 3, 3, tzinfo=UTC)
MORNING = "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n"
CORRECTED = "station,hour,temp\na,1,11.5\nb,1,7\nb,2,70\nb,3\nc,1,5\n"
VOLATILE = {"landed_at", "run_id", "modified_at", "as_of"}
TABLES = ("bronze.readings", "silver.readings__history", "silver.readings__quarantine", "ops.files")
COMMITS = 11
"""Of a night of one source: two leases taken and given back, batch, files, history, quarantine, results, two ledger rows."""


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def contents(lakehouse: Lakehouse) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables but the ledger, without what tells when and by which run they were written."""
    found = {}
    for name in TABLES:
        table = lakehouse.tables.read(name)
        kept = [column for column in table.columns if column not in VOLATILE]
        found[name] = sorted((tuple(row) for row in table.select(*kept).collect()), key=repr)
    return found


def told(lakehouse: Lakehouse) -> dict[tuple[str, str], float]:
    """What the ledger says was made, whatever run says it: table and key, with the rows that it has."""
    runs = lakehouse.tables.read("ops.runs").orderBy("started_at").collect()
    rows = {
        (m["target"], m["batch"]): m["value"]
        for run in runs
        for m in run["metrics"]
        if (run["stage"], m["metric"]) in (("bronze", "records"), ("silver", "landed"))
    }
    made = [(target["table"], target["key"], target["target"]) for run in runs for target in run["targets"]]
    return {(table, key): rows[target, int(key.removeprefix("batch "))] for table, key, target in made}


def undisturbed_contents(one_night: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a night that nobody kills makes: every bronze row is in exactly one of silver's history and quarantine."""
    lakehouse = run_both(copy_of(one_night, "undisturbed"))
    place = ["source_file", "source_position", "batch"]
    landed, kept, rejected = (
        [tuple(row) for row in lakehouse.tables.read(name).select(*place).collect()] for name in TABLES[:3]
    )
    assert sorted(kept + rejected) == sorted(landed)
    assert len(set(landed)) == len(landed)
    return contents(lakehouse)


@pytest.fixture
def one_night(new_readings: Callable[[str], Readings]) -> Path:
    """The configuration of a lakehouse with one night done and the files of the next delivered."""
    made = new_readings("one_night")
    made.deliver("2013-03-01.csv", MORNING)
    bronze.stage.run(made.lakehouse, NIGHT)
    silver.stage.run(made.lakehouse, NIGHT)
    made.deliver("2013-03-02.csv", CORRECTED)
    return made.lakehouse.conf_dir


def copy_of(conf_dir: Path, name: str) -> Path:
    """A lakehouse just like it, in a folder of its own."""
    base = conf_dir.parents[1]
    shutil.copytree(base, base.parent / name)
    return base.parent / name / conf_dir.relative_to(base)


def run_and_kill(conf_dir: Path) -> None:
    command = [sys.executable, str(ROOT / "tests" / "faults" / "night.py"), NEXT.isoformat(), str(conf_dir)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), **ENVIRONMENT}, start_new_session=True,
        check=False, capture_output=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def run_both(conf_dir: Path) -> Lakehouse:
    lakehouse = open_lakehouse(conf_dir)
    bronze.stage.run(lakehouse, NEXT)
    silver.stage.run(lakehouse, NEXT)
    return lakehouse


def test_a_night_killed_after_any_commit_is_finished_by_the_next_run(one_night: Path) -> None:
    undisturbed = undisturbed_contents(one_night)
    run_and_kill(one_night)
    base = one_night.parents[1]
    killed = [Path(f"{base}_killed_after_{commit}") / one_night.relative_to(base) for commit in range(COMMITS + 1)]
    assert len(list(base.parent.glob("*_killed_after_*"))) == len(killed)
    whole = open_lakehouse(killed.pop())
    assert contents(whole) == undisturbed
    for commit, conf_dir in enumerate(killed):
        lakehouse = run_both(conf_dir)
        assert contents(lakehouse) == undisturbed, f"killed after commit {commit}"
        assert told(lakehouse) == told(whole), f"killed after commit {commit}"
        assert all(_gone(row) for row in _not_given_back(_seen(lakehouse).rows))
