"""SIGKILL between any two stages of a night, and at any moment of a week: the tables of an undisturbed week."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from assay.ask import duck
from assay.copies import point
from assay.lakehouse import Lakehouse, open_lakehouse
from jobs.nightly import run_night
from tests.flights import copy_of_flights, deliver, edit
from tests.java import ENVIRONMENT

ROOT = Path(__file__).parents[2]
NIGHTS = [datetime.fromisoformat(f"2013-02-{day}T00:00Z") for day in range(15, 22)]
TRAINS = NIGHTS[-2]
"""A week after the first training. The outcomes of the day before come a day late, of which people are told."""
BOUNDARIES = ("bronze", "silver", "features", "train of late_arrival", "score of late_arrival", "watch", "report")
"""The stages of that night after which it is cut off."""
VOLATILE = {
    "run_id", "landed_at", "modified_at", "created_timestamp", "written_at", "recorded_at", "judged_at", "trained_at", "at",
    "seconds", "about", "who", "why",  # clocks, and the machine
    "feature_versions", "inputs_version", "features", "version", "recipe",  # a night that is run again has more commits
}  # fmt: skip
NOT_COMPARED = {"ops.runs", "ops.leases", "ops.alerts"}
"""What tells how often it was tried."""


def contents(lakehouse: Lakehouse) -> dict[str, Counter[str]]:
    """The rows of all tables, without what tells when, how often and how fast they were written, numbers to twelve digits."""
    root, found = Path(lakehouse.root), {}
    names = [".".join(log.parent.relative_to(root).parts) for log in root.glob("*/*/_delta_log")]
    for name in sorted({*names} - NOT_COMPARED):
        where = "where monitor <> 'duration'" if name == "ops.watch" else ""
        answer = duck.ask(root, f"select * from {name} {where}")
        kept = [place for place, column in enumerate(answer.columns) if column not in VOLATILE]
        found[name] = Counter(repr([rounded(row[place]) for place in kept]) for row in answer.rows)
    return found


def rounded(value: object) -> object:
    """A mean that the watch has taken depends, in its last digits, on which file each row lies in."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def told(lakehouse: Lakehouse) -> Counter[tuple[str, str]]:
    """What was sent, and how often: which message, and what happened to which problem."""
    sent = lakehouse.conf_dir.parents[1] / "sent.jsonl"
    messages = [json.loads(line) for line in sent.read_text().splitlines()] if sent.exists() else []
    alerts = [one for message in messages for one in message["alerts"] if one["monitor"] != "duration"]
    return Counter((one["id"], f"{one['monitor']} {one['problem']} {one['event']}") for one in alerts)


def configured(conf_dir: Path) -> Lakehouse:
    """The lakehouse of a folder that was copied, whose alerts go to a file in it."""
    folder = conf_dir.parents[1]
    channel = {"command": ["sh", "-c", 'cat >> "$0"; echo >> "$0"', str(folder / "sent.jsonl")]}
    settings = {"warehouse": "warehouse", "alerts": {"channels": {"file": channel}}}
    (folder / "conf" / "env" / "local.yml").write_text(yaml.safe_dump(settings))
    return open_lakehouse(conf_dir)


def copy_of(week: Path, name: str, *, of: str = "") -> Lakehouse:
    """A copy of the week's lakehouse, or one that the week has left, with MLflow's files its own."""
    to = week.with_name(name)
    shutil.copytree(f"{week}{of and '_'}{of}", to)
    lakehouse = configured(to / "conf" / "flights")
    old = str(week / Path(lakehouse.root).relative_to(to))
    point(Path(lakehouse.root) / "mlflow" / "mlflow.db", old, lakehouse.root)
    return lakehouse


def run_and_kill(*arguments: object) -> None:
    command = [sys.executable, str(ROOT / "tests" / "faults" / "week.py"), *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), **ENVIRONMENT}, start_new_session=True,
        check=False, capture_output=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.fixture(scope="module")
def week(untouched_flights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lakehouse whose week is done; and beside it the same before each night, and what was left at each boundary
    of the night that trains.
    """
    folder = tmp_path_factory.mktemp("killed") / "week"
    folder.mkdir()
    lakehouse = configured(copy_of_flights(untouched_flights, folder).conf_dir)
    edit(lakehouse.conf_dir / "models" / "late_arrival.yml", policy={})  # it could ask for a training on another night
    for name in ("dest_delays", "origin_delays", "origin_weather", "plane_facts", "route_delays"):
        (lakehouse.conf_dir / "features" / f"{name}.yml").unlink()  # the model reads others, and each takes its time
    landing = Path(lakehouse.root) / "landing"
    deliver(landing, date(2013, 2, 15), date(2013, 2, 21))
    (landing / "outcomes" / "2013-02-19T06-00.csv").rename(landing / "outcomes" / "2013-02-20T06-01.csv")
    run_and_kill("copies", lakehouse.conf_dir, *[night.isoformat() for night in NIGHTS])
    return folder


def after(week: Path, night: datetime) -> Lakehouse:
    """The week's lakehouse as it was when a night that nobody disturbed was done."""
    return copy_of(
        week, f"after_{night:%d}_{uuid4().hex}", of="" if night == NIGHTS[-1] else f"{night + timedelta(days=1):%d}"
    )


def test_a_night_killed_between_any_two_stages_is_finished_by_the_next_run(week: Path) -> None:
    left = {path.name.removeprefix("week_") for path in week.parent.glob("week_*")}
    assert left == {*BOUNDARIES, *(f"{night:%d}" for night in NIGHTS)}
    done = after(week, TRAINS)
    undisturbed, messages = contents(done), told(done)
    assert any(what.startswith("volume") for _, what in messages)
    assert {*messages.values()} == {1}
    for boundary in random.sample(BOUNDARIES, 3):
        lakehouse = copy_of(week, boundary, of=boundary)
        run_night(lakehouse, TRAINS)
        assert contents(lakehouse) == undisturbed, f"killed after {boundary}"
        assert told(lakehouse) == messages, f"killed after {boundary}"


@pytest.mark.parametrize("kills", [1, 2])
def test_a_night_killed_at_any_moment_and_killed_again_is_finished_in_the_end(week: Path, kills: int) -> None:
    night = TRAINS if kills == 1 else random.choice(NIGHTS)  # noqa: S311  # no secret
    moments = [f"{random.uniform(1, 30):.2f}" for _ in range(kills)]  # noqa: S311
    killed = copy_of(week, f"killed_{kills}", of=f"{night:%d}")
    for moment in moments:
        run_and_kill("at", killed.conf_dir, moment, night.isoformat())
    run_night(killed, night)
    undisturbed = after(week, night)
    assert contents(killed) == contents(undisturbed), f"{night:%d} killed at {moments}"
    assert {*told(killed)} == {*told(undisturbed)}, f"{night:%d} killed at {moments}"
