"""`assay nightly` that is left alone: what is done is skipped, what was missed is caught up, and how it stands is told."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from assay import lineage
from assay.cli import main
from assay.dag import Stage, tasks
from assay.errors import ContractError, TimeLimitError
from assay.known import Input
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.night import Ended, run_tasks
from assay.runs import last_complete, recent
from assay.session import jobs_so_far
from assay.stages import run_stage
from jobs.common import set_now
from jobs.night import waiting
from jobs.night.stages import STAGES, completing
from jobs.nightly import nights_due, run_night, run_nights
from jobs.report import page
from jobs.status import status
from silver.dbt_sources import dbt_sources

PROJECT = Path(__file__).parents[2] / "dbt_project"

CONTRACT = """
description: What a station measured. One row per station and hour.
from: {files: "landing/readings/*", available: file_name, format: csv}
key: [station, hour]
event_time: hour
freshness: FRESHNESS
columns:
  station: {type: string, required: true}
  hour: {type: timestamp}
"""


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse
    landing: Path

    def deliver(self, name: str, content: str | bytes) -> None: ...


def day(number: int) -> datetime:
    return datetime(2013, 3, number, tzinfo=UTC)


@dataclass(frozen=True)
class Plant:
    """A lakehouse whose readings are to be fresh, and its landing folder."""

    made: Readings

    def open(self, night: str = "{}", freshness: str = "30h", dbt: str = "null") -> Lakehouse:
        """The lakehouse, with settings of its nights and of its contract, and maybe a dbt project."""
        conf = self.made.lakehouse.conf_dir
        (conf / "lakehouse.yml").write_text(f"name: tiny\ndescription: One source.\nnight: {night}\ndbt: {dbt}\n")
        (conf / "sources" / "readings.yml").write_text(CONTRACT.replace("FRESHNESS", freshness))
        return open_lakehouse(conf)

    def deliver(self, number: int) -> None:
        """What was measured on a day of March, delivered that evening."""
        self.made.deliver(f"2013-03-{number:02}T23-00.csv", f"station,hour\na,2013-03-{number:02} 12:00:00\n")


@pytest.fixture
def plant(readings: Readings) -> Plant:
    return Plant(readings)


def files(folder: Path) -> dict[str, int]:
    """Every file below a folder, and when it was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_missed_nights_are_caught_up_in_order_and_a_rehearsal_writes_nothing(
    plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        plant.deliver(number)
    lakehouse = plant.open("{catch_up: 1}")
    assert nights_due(lakehouse, day(2)) == ([day(2)], [])  # none was ever run: none is missed
    run_night(lakehouse, day(2))
    assert last_complete(lakehouse, completing(lakehouse)) == day(2)
    assert nights_due(lakehouse, day(3) - timedelta(seconds=1)) == ([day(2)], [])
    assert nights_due(lakehouse, day(5)) == ([day(4), day(5)], [day(3)])

    words = ["--conf-dir", str(lakehouse.conf_dir), "--now", "2013-03-04T00:10Z"]
    before = files(Path(lakehouse.root))
    assert main(["nightly", *words, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert [(one["as_of"][:10], one["stage"], one["state"]) for one in plan if one["state"] != "not due"] == [
        (night, stage, "would run") for night in ("2013-03-03", "2013-03-04")
        for stage in ("bronze", "silver", "features", "watch", "report")
    ]  # fmt: skip
    assert files(Path(lakehouse.root)) == before

    assert main(["nightly", *words]) == 0
    told = [line.split()[:2] for line in capsys.readouterr().out.splitlines() if line[:1].strip()]
    assert told == [
        [stage, night]
        for night in ("2013-03-03", "2013-03-04")
        for stage in ("bronze", "silver", "features", "watch", "report")
    ]
    landed = lakehouse.tables.read("ops.files").orderBy("source_file").select("source_file", "as_of").collect()
    assert [(row["source_file"][-20:], row["as_of"].day) for row in landed] == [
        ("2013-03-01T23-00.csv", 2), ("2013-03-02T23-00.csv", 3), ("2013-03-03T23-00.csv", 4),
    ]  # fmt: skip

    assert main(["nightly", "--conf-dir", str(lakehouse.conf_dir), "--now", "2013-03-07", "--dry-run"]) == 0
    assert "1 missed nights, 2013-03-05 to 2013-03-05, are more than night.catch_up" in capsys.readouterr().err


def test_a_night_that_fails_holds_up_no_later_one_and_is_told_as_failing_since(
    plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.deliver(1)
    lakehouse = plant.open("{backoff: 1s}")
    run_night(lakehouse, day(2))
    ended: list[tuple[int, str, str]] = []
    with pytest.raises(ContractError, match="Source readings is not fresh"):
        run_nights(
            lakehouse,
            [day(4), day(5)],
            stages(),
            lambda night, one: ended.append((night.day, str(one.task), kind(one))),
        )
    assert ended == [
        (night, stage, what)
        for night in (4, 5)
        for stage, what in (
            ("bronze", "ran"),
            ("silver", "failed"),
            ("features", "left out"),
            ("watch", "ran"),
            ("report", "ran"),
        )
    ]
    words = ["--conf-dir", str(lakehouse.conf_dir)]
    set_now(lakehouse, "2013-03-06T01:00Z")
    with lease(lakehouse, ["bronze", "silver"]):
        found = status(lakehouse)
    assert [(one.stage, one.as_of.day, one.status, one.failing_since) for one in found.stages] == [
        ("bronze", 5, "done", None), ("silver", 5, "failed", day(4)), ("features", 2, "done", None),
        ("watch", 5, "done", None), ("report", 5, "done", None),
    ]  # fmt: skip
    assert (found.last_complete, found.due, found.next) == (day(2), tuple(map(day, (3, 4, 5, 6))), day(7))
    assert [(one.stages, one.ended) for one in found.running] == [(("bronze", "silver"), ())]
    assert main(["status", *words, "--now", "2013-03-06T01:00Z"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Nothing is running. The last complete night is 2013-03-02 00:00 UTC. Due: 4, since 2013-03-03" in told
    # a failed contract is tried once
    assert [(run.stage, run.as_of.day) for run in recent(lakehouse, failed=True, limit=9)] == [
        ("silver", 5),
        ("silver", 4),
    ]
    assert main(["runs", *words, "--stage", "silver", "--as-of", "2013-03-04", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    assert (one["status"], one["rows_in"], one["error"].splitlines()[0]) == (
        "failed",
        None,
        "Source readings is not fresh.",
    )
    assert main(["runs", *words, "--limit", "1"]) == 0
    assert "report" in capsys.readouterr().out


def test_what_runs_used_is_on_record_and_what_they_cost_is_told_by_the_price_of_a_core(
    plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.deliver(1)
    lakehouse = plant.open()
    environment = lakehouse.conf_dir.parent / "env" / "local.yml"
    environment.write_text(environment.read_text() + "prices: {core_hour: 3600, currency: EUR}\n")
    lakehouse = open_lakehouse(lakehouse.conf_dir)
    outcomes = {one.stage: one for one in run_night(lakehouse, day(2))}
    words = ["runs", "--conf-dir", str(lakehouse.conf_dir), "--usage"]
    assert main([*words, "--stage", "silver", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    assert one["cpu_seconds"] == outcomes["silver"].cpu_seconds
    assert one["cpu_seconds"] > 0.1
    assert (one["shuffle_bytes"] > 0, one["files_written"], one["rows_out"]) == (True, 1, 1)
    assert one["cost"] == one["cpu_seconds"]  # a second costs a euro
    assert one["cost_per_million_rows"] == pytest.approx(one["cost"] * 1e6)
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "EUR per 1M" in told
    (page,) = lakehouse.folder("reports").glob("2013-03-02*.html")
    assert "for a million rows landed" in page.read_text()


def stages() -> Sequence[Stage]:
    """Those of the night that have something to do here."""
    from jobs.night.stages import STAGES

    return [stage for stage in STAGES if stage.name in ("bronze", "silver", "features", "watch", "report")]


def kind(one: Any) -> str:
    return "failed" if one.error else "left out" if one.blocked else "ran"


def test_a_night_waits_for_what_makes_its_sources_fresh_until_its_time_is_over(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.deliver(1)
    lakehouse = plant.open("{wait: 1h}")
    run_night(lakehouse, day(2))
    slept: list[timedelta] = []

    def deliver_meanwhile(length: timedelta) -> None:
        slept.append(length)
        if len(slept) == 2:
            plant.deliver(3)

    monkeypatch.setattr(waiting, "POLL", timedelta(minutes=10))
    monkeypatch.setattr(lakehouse.control, "sleep", deliver_meanwhile)
    set_now(lakehouse, "2013-03-04T00:05Z")
    outcomes = {one.stage: one for one in run_night(lakehouse, day(4))}
    assert len(slept) == 2
    (note,) = outcomes["wait"].notes
    assert note.startswith("readings: there is something to land at 2013-03-04 00:")
    assert outcomes["silver"].total("accepted") == 1

    slept.clear()
    times = iter([0, 0, 30, 61])
    lakehouse.control.clock = lambda: day(6) + timedelta(minutes=next(times))
    monkeypatch.setattr(lakehouse.control, "sleep", slept.append)
    with pytest.raises(ContractError, match="Source readings is not fresh"):
        run_night(lakehouse, day(6))
    assert slept == [timedelta(minutes=10), timedelta(minutes=10)]
    (waited,) = recent(lakehouse, stage="wait", limit=1)
    assert waited.notes[0].startswith(
        "readings: nothing to land had come by 2013-03-06 01:00Z; its newest event is of 2013"
    )
    assert waited.notes[0].endswith("-03-03 12:00Z, and one since 2013-03-04 18:00Z is expected")


def endless(lakehouse: Lakehouse, as_of: datetime) -> Sequence[Outcome]:
    def work(outcome: Outcome) -> None:
        lakehouse.spark.range(10**15).selectExpr("sum(id % 7)").collect()

    return [run_stage(lakehouse, "features", as_of, work)]


def test_a_stage_over_its_limit_is_cancelled_and_the_session_goes_on(readings: Readings) -> None:
    lakehouse = readings.lakehouse
    limited = Stage("features", endless, limit=timedelta(seconds=1))
    with pytest.raises(TimeLimitError, match="The stage features took longer than its limit"):
        run_tasks(lakehouse, day(2), tasks([limited], []))
    (run,) = recent(lakehouse, limit=9)
    assert (run.status, run.error.splitlines()[0]) == ("failed", "The stage features took longer than its limit.")


def test_dbt_builds_what_has_changed_since_and_its_tables_are_traced(plant: Plant) -> None:
    project = plant.made.lakehouse.conf_dir.parents[1] / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "models"))
    (project / "models").mkdir()
    hours = project / "models" / "hours.sql"
    hours.write_text("select station, count(*) as hours from {{ source('silver', 'readings') }} group by all")
    (project / "models" / "busiest.sql").write_text("select max(hours) as hours from {{ ref('hours') }}")
    plant.deliver(1)
    lakehouse = plant.open(dbt="dbt_project")
    (project / "models" / "silver.yml").write_text(dbt_sources(lakehouse.config))

    def built(night: int) -> str:
        ended: list[Ended] = []
        some = [stage for stage in STAGES if stage.name in ("bronze", "silver", "dbt")]
        run_night(lakehouse, day(night), stages=some, ended=ended.append)
        (state,) = (one.state.what for one in ended if str(one.task) == "dbt")
        return state

    assert [built(2), built(2)] == ["would run", "already complete"]
    seen = lineage.read(lakehouse)
    assert [each.table for each in seen.find("gold.hours").target.inputs] == ["silver.readings__history"]
    assert seen.find("gold.busiest").target.inputs == (Input("gold.hours", seen.find("gold.hours").version),)
    hours.write_text("select station, count(*) + 1 as hours from {{ source('silver', 'readings') }} group by all")
    assert [built(2), built(2)] == ["would run", "already complete"]
    assert lakehouse.tables.read("gold.busiest").collect() == [(2,)]
    plant.deliver(2)
    assert [built(3), built(3), built(2)] == ["would run", "already complete", "would run"]
    assert lakehouse.tables.read("gold.busiest").collect() == [(3,)]


def test_what_is_done_of_a_night_of_flights_is_skipped_and_said(
    flights: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse, night = flights.lakehouse, flights.nights[1]
    ended: list[Any] = []
    run_night(lakehouse, night)  # whatever was done before
    outcomes = run_night(lakehouse, night, ended=ended.append)  # the tables' logs are in memory now, whoever made it
    assert [outcome.stage for outcome in outcomes] == ["bronze", "silver", "watch"]
    assert {str(one.task): one.state.what for one in ended if not one.outcomes} == {
        "wait": "not due", "features": "already complete", "roles of late_arrival": "not due",
        "policy of late_arrival": "already complete", "train of late_arrival": "not due",
        "score of late_arrival": "already complete", "dbt": "not due", "report": "already complete",
    }  # fmt: skip
    assert last_complete(lakehouse, completing(lakehouse)) == night
    jobs_before = jobs_so_far(lakehouse.spark)
    run_night(lakehouse, night)
    assert jobs_so_far(lakehouse.spark) - jobs_before <= 25  # Delta's look at a log every tenth commit among them
    page(lakehouse, night).unlink()
    assert [outcome.stage for outcome in run_night(lakehouse, night)][-1] == "report"
    assert page(lakehouse, night).exists()
    words = ["--conf-dir", str(lakehouse.conf_dir), "--as-of", f"{night:%Y-%m-%d}"]
    assert main(["nightly", *words, "--only", "score"]) == 0
    assert capsys.readouterr().out.split(maxsplit=5)[-1] == "already complete: the night is scored\n"
    assert main(["nightly", *words, "--only", "features", "--json"]) == 0
    (skipped,) = json.loads(capsys.readouterr().out)["skipped"]
    assert (skipped["stage"], skipped["state"]) == ("features", "already complete")
    assert main(["nightly", *words, "--until", "train", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert [one["stage"] for one in plan] == ["wait", "bronze", "silver", "features", "roles", "policy", "train"]
