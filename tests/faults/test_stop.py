"""SIGTERM and SIGINT end a nightly cleanly: on record, no lease left, and the next run goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from assay.lakehouse import Lakehouse
from assay.runs import recent
from jobs.nightly import run_night
from tests.java import ENVIRONMENT
from tests.leases import held

ROOT = Path(__file__).parents[2]
NIGHT = datetime(2013, 3, 2, tzinfo=UTC)


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def start(lakehouse: Lakehouse, kind: str) -> "subprocess.Popen[str]":
    """A nightly of its own, in a process group of its own."""
    command = [sys.executable, str(ROOT / "tests/faults/stopped.py"), str(lakehouse.conf_dir), "2013-03-02", kind]
    quick = {"PYTHONPATH": str(ROOT), **ENVIRONMENT}
    return subprocess.Popen(
        command, env={**os.environ, **quick}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )  # fmt: skip


def until_begun(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert any(line == "begun\n" for line in process.stdout)


def test_a_nightly_that_is_told_to_stop_ends_cleanly_and_the_next_run_goes_on(
    new_readings: Callable[[str], Readings],
) -> None:
    made = {kind: new_readings(kind) for kind in ("spark", "python")}
    for one in made.values():
        one.deliver("2013-03-01.csv", "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n")
    nights = {kind: start(one.lakehouse, kind) for kind, one in made.items()}
    until_begun(nights["spark"])
    os.killpg(nights["spark"].pid, signal.SIGTERM)  # Java is told too, as a platform does
    until_begun(nights["python"])
    nights["python"].send_signal(signal.SIGINT)
    said = {kind: process.communicate(timeout=300)[1] for kind, process in nights.items()}
    assert [process.returncode for process in nights.values()] == [143, 130], said
    for kind, name in (("spark", "SIGTERM"), ("python", "SIGINT")):
        lakehouse = made[kind].lakehouse
        assert f"assay: Stopped by {name}.\n" in said[kind]
        found = recent(lakehouse, limit=9)
        assert [(run.stage, run.status) for run in found] == [
            ("features", "stopped"), ("silver", "done"), ("bronze", "done"),
        ]  # fmt: skip
        assert held(lakehouse) == []
    outcomes = run_night(made["spark"].lakehouse, NIGHT)
    assert [(outcome.stage, outcome.status) for outcome in outcomes] == [
        (stage, "done") for stage in ("bronze", "silver", "features", "watch", "report")
    ]
    assert [outcome.targets for outcome in outcomes[:2]] == [[], []]
