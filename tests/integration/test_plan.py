"""What a plan says is what the run then does; and it writes nothing."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

import bronze.stage
import gold.stage
import jobs.plan
import silver.stage
from assay import cli
from assay.lakehouse import Lakehouse, open_lakehouse
from gold.decision import Why
from gold.definitions import recorded
from gold.plan import Change, TablePlan, plan

TABLE = "station_temps"
FEATURES = """
description: What a station measured. One row per station and night.
entity: {station: [station]}
source: readings
windows: [28d]
features:
  readings: {count: "*", description: Readings}
"""
MEAN = '  temp: {mean: temp, windows: [7d], description: "Mean temperature"}\n'
FIRST, SECOND, THIRD, FOURTH = (datetime(2013, 3, day, tzinfo=UTC) for day in (2, 3, 4, 5))


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


@pytest.fixture
def made(new_readings: Callable[[str], Readings]) -> Readings:
    """Two stations' readings in silver, and a feature table of theirs that was never built."""
    made = new_readings("plan")
    (made.lakehouse.conf_dir / "features").mkdir()
    edit(made.lakehouse, FEATURES)
    made.deliver("2013-03-01.csv", "station,hour,temp\na,1,10.5\na,2,9\nb,1,7\n")
    for stage in (bronze.stage, silver.stage):
        stage.run(made.lakehouse, FIRST)
    return made


def edit(lakehouse: Lakehouse, text: str) -> Lakehouse:
    (lakehouse.conf_dir / "features" / f"{TABLE}.yml").write_text(text)
    return open_lakehouse(lakehouse.conf_dir)


def files(folder: Path) -> dict[str, int]:
    """Every file below a folder, with when it was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def done_as_planned(lakehouse: Lakehouse, nights: Sequence[datetime], *, rewrite: bool = False) -> TablePlan:
    """Plan, run, and see that the run wrote what was planned: the nights, and about as many rows."""
    before = files(Path(lakehouse.root))
    (told,) = plan(lakehouse, nights, rewrite=rewrite)
    assert files(Path(lakehouse.root)) == before
    outcome = gold.stage.run(lakehouse, nights[-1], nights[:-1], rewrite=rewrite)
    runs = [outcome, *outcome.others]
    assert sorted(run.as_of for run in runs if run.targets) == list(told.decision.build)
    if told.rows is not None:
        assert told.rows == sum(run.total("rows") for run in runs)
    return told


def test_a_run_does_what_was_planned(made: Readings, capsys: pytest.CaptureFixture[str]) -> None:
    lakehouse = open_lakehouse(made.lakehouse.conf_dir)
    new = done_as_planned(lakehouse, [FIRST])
    assert (new.decision.build, new.rows, new.estimate.basis) == ({FIRST: Why.NEW}, None, "never built")
    again = done_as_planned(lakehouse, [FIRST])
    assert (again.decision.build, again.decision.skip, again.rows) == ({}, (FIRST,), 0)

    done_as_planned(lakehouse, [FOURTH])
    filled = done_as_planned(lakehouse, [FIRST, SECOND, THIRD, FOURTH])
    assert filled.decision.build == {SECOND: Why.GAP, THIRD: Why.GAP}
    assert (filled.estimate.basis, filled.rows) == ("as the 2 nights built last", 4)

    made.deliver("2013-03-01T06-00.csv", "station,hour,temp\nc,1,10.5\n")  # late: it counts from the next night on
    for stage in (bronze.stage, silver.stage):
        stage.run(lakehouse, FOURTH)
    assert done_as_planned(lakehouse, [SECOND, FOURTH]).decision.build == {}

    described = edit(lakehouse, FEATURES.replace("Readings}", "All readings}"))
    assert done_as_planned(described, [FOURTH]).decision.build == {}

    added = edit(lakehouse, FEATURES + MEAN)
    assert cli.run(jobs.plan.main, [*conf(added), "--from", "2013-03-04", "--to", "2013-03-05"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "station_temps, version 2: before, version 1 was built",
        "    + temp_7d: mean of temp, 7d",
        "    build 2013-03-04 to 2013-03-05 (2 nights): built by another definition; about 4 rows, as the 4 nights built last",
        "2013-03-04 to 2013-03-05 (2 nights): 1 table to build, about 4 rows",
    ]
    (told,) = plan(added, [FOURTH])
    gold.stage.run(added, FOURTH)
    assert told.changes == (Change("temp_7d", None, "mean of temp, 7d"),)

    changed = edit(lakehouse, FEATURES.replace("28d", "14d") + MEAN)
    (told,) = plan(changed, [THIRD, FOURTH])
    assert told.changes == (
        Change("readings_14d", None, "count of *, 14d"),
        Change("readings_28d", "count of *, 28d", None),
    )
    assert told.decision.version == 3
    gold.stage.run(changed, FOURTH)

    back = edit(lakehouse, FEATURES + MEAN)
    returned = plan(back, [FOURTH])[0].decision
    assert (returned.version, returned.build) == (2, {FOURTH: Why.DEFINITION}), "what is written over is not complete"
    gold.stage.run(back, FOURTH)
    rewritten = plan(back, [FOURTH], rewrite=True)[0]
    assert rewritten.decision.build == {FOURTH: Why.REWRITE}
    assert [each.version for each in recorded(back)] == [1, 2, 3]


def conf(lakehouse: Lakehouse) -> list[str]:
    return ["--conf-dir", str(lakehouse.conf_dir)]


def test_a_plan_is_told_to_machines_and_asked_for_by_night_or_range(
    made: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(Path(made.lakehouse.root))
    assert cli.run(jobs.plan.main, [*conf(made.lakehouse), "--as-of", "2013-03-02", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"] == [
        {
            "table": TABLE, "version": 1, "older_version_of": None, "build": {FIRST.isoformat(): "not built yet"},
            "take_over": [], "skip": [], "was_version": None, "changes": [], "estimated_rows": None,
            "estimate": "never built",
        }
    ]  # fmt: skip
    assert files(Path(made.lakehouse.root)) == before
    assert cli.run(jobs.plan.main, [*conf(made.lakehouse), "--as-of", "2013-03-02", "--from", "2013-03-01"]) == 2
    assert cli.run(jobs.plan.main, [*conf(made.lakehouse), "--from", "2013-03-02", "--to", "2013-03-01"]) == 2
