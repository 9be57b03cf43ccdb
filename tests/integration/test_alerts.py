"""Nights that fail and get well, told through real servers and `ops.alerts`: each problem once, whatever fails or dies."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from pyspark.sql import SparkSession

from assay import cli, ledger
from assay.alerts import record, tell
from assay.errors import AlertError, AssayError, ConfigError, ModelError
from assay.frames import local_frame
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from jobs import alerts, nightly
from tests.java import ENVIRONMENT
from tests.servers import Web, web_server

ROOT = Path(__file__).parents[2]
NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
GOOD, BAD = "station,hour,temp\na,1,10.5\n", "station,hour\na,1\n"
SECRET = "canary7f3a-hook"
WATCH = """
    run_id string, as_of timestamp, subject string, monitor string, name string, value double, expected double,
    limit double, status string, why string
"""
PAGES = "https://reports.example/tiny"


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse
    landing: Path

    def deliver(self, name: str, content: str | bytes) -> None: ...


@pytest.fixture
def hook() -> Iterator[Web]:
    with web_server() as made:
        yield made


@pytest.fixture
def other() -> Iterator[Web]:
    with web_server() as made:
        yield made


def telling(readings: Readings, *, remind: str = "7d", **channels: Any) -> Lakehouse:
    """The lakehouse with channels."""
    conf = readings.lakehouse.conf_dir
    settings = {"channels": channels, "remind": remind, "timeout": "2s", "pages": PAGES}
    numbers = {"textfile": str(conf.parents[1] / "assay.prom")}
    (conf.parent / "env" / "local.yml").write_text(json.dumps({"alerts": settings, "metrics": numbers}))
    return open_lakehouse(conf)


def to(web: Web) -> dict[str, str]:
    return {"webhook": f"{web.url}/{SECRET}"}


def failing(lakehouse: Lakehouse, stage: str = "score", as_of: datetime = NIGHT, why: str = "No.") -> None:
    """A stage that fails."""

    def work(_: Outcome) -> None:
        raise ModelError(why, where="the model", do="train it")

    with pytest.raises(ModelError):
        run_stage(lakehouse, stage, as_of, work)


def rows(lakehouse: Lakehouse, *columns: str) -> list[tuple[Any, ...]]:
    found = lakehouse.tables.read(record.ALERTS).orderBy("at", "event", "channel").select(*columns).collect()
    return [tuple(row) for row in found]


def told_to_prometheus(lakehouse: Lakehouse) -> set[str]:
    return set(Path(lakehouse.environment.metrics.textfile or "").read_text().splitlines())


def send(lakehouse: Lakehouse, as_of: datetime = NIGHT) -> Outcome:
    return tell.run(lakehouse, as_of, "page.html")


def test_a_week_is_told_once_each_problem_each_end_and_each_channel_that_fails(
    spark: SparkSession, readings: Readings, hook: Web, other: Web, caplog: pytest.LogCaptureFixture
) -> None:
    lakehouse = telling(readings, remind="2d", oncall=to(hook), team=to(other))
    other.status, other.reason = 500, "Oh no"
    readings.deliver("2013-03-01.csv", BAD)
    with pytest.raises(AssayError, match="column"):
        nightly.run_night(lakehouse, NIGHT)
    assert {'assay_stage_success{lakehouse="tiny",model="",stage="bronze"} 0.0', 'assay_alerts_open{lakehouse="tiny",severity="bad"} 2.0'} <= told_to_prometheus(lakehouse)  # fmt: skip
    (_, _, first), (_, _, second) = hook.got
    assert first["page"] == f"{PAGES}/2013-03-02.html"
    (alert,) = first["alerts"]
    assert alert["what"].startswith("bronze failed: ")
    assert (alert["event"], alert["severity"], alert["since"]) == ("opened", "bad", "2013-03-02T00:00:00+00:00")
    assert [(alert["run_ids"])] == [
        [row["run_id"]] for row in ledger.runs(lakehouse).where("stage = 'bronze'").collect()
    ]
    assert second["alerts"][0]["what"] == "The channel team of alerts takes no messages: it answered 500 Oh no"
    assert "the channel team took no message: it answered 500 Oh no" in caplog.text

    other.status = 200
    other.got.clear()
    readings.deliver("2013-03-01.csv", GOOD)
    done = nightly.run_night(lakehouse, NIGHT)[-1]
    assert {
        'assay_night_success{lakehouse="tiny"} 1.0',
        'assay_stage_rows_out{lakehouse="tiny",model="",stage="bronze"} 1.0',
        'assay_source_rows{fate="accepted",lakehouse="tiny",source="readings"} 1.0',
        'assay_alerts_open{lakehouse="tiny",severity="bad"} 0.0',
    } <= told_to_prometheus(lakehouse)
    successes = {
        line.partition("stage=")[2].split("}")[0] for line in told_to_prometheus(lakehouse) if "last_success" in line
    }
    assert successes >= {'"bronze"', '"silver"', '"report"', '"alerts"'}
    assert (done.stage, done.status, done.total("resolved"), done.total("failed")) == ("alerts", "done", 2, 0)
    assert [event for event, _ in hook.alerts] == ["opened", "opened", "resolved", "resolved"]
    assert [event for event, _ in other.alerts] == ["resolved"]  # the newest of what it has missed
    assert rows(lakehouse, "event", "channel", "kind", "subject", "why")[:5] == [
        ("opened", None, "run", "bronze", None),
        ("delivered", "oncall", "run", "bronze", None),
        ("failed", "team", "run", "bronze", "it answered 500 Oh no"),
        ("opened", None, "channel", "team", None),
        ("delivered", "oncall", "channel", "team", None),
    ]

    hook.got.clear()
    for day, status in ((1, "bad"), (3, "ok")):
        as_of = NIGHT + timedelta(days=day)
        watched = {"run_id": f"r{day}", "as_of": as_of, "subject": "model:late", "monitor": "drift", "name": "hour", "value": 0.3,
                   "expected": 0.1, "limit": 0.2, "status": status, "why": f"PSI of day {day}"}  # fmt: skip
        frame = local_frame(spark, [watched, {**watched, "name": "carrier", "status": "warn"}], WATCH).coalesce(1)
        lakehouse.tables.replace("ops.watch", frame, slice_of={"as_of": [as_of]})
        failing(lakehouse, as_of=as_of, why=f"Day {day}.")
        send(lakehouse, as_of)
    send(lakehouse, NIGHT + timedelta(days=3))
    assert hook.alerts == [
        ("opened", "score failed: Day 1."), ("opened", "model:late: drift hour: PSI of day 1"),
        ("reminded", "score failed: Day 3."), ("resolved", "model:late: drift hour: PSI of day 1"),
    ]  # fmt: skip
    assert len(hook.got) == 2  # one message for all that is due


def test_a_process_that_dies_before_it_has_noted_a_delivery_sends_it_again_under_the_same_id(
    readings: Readings, hook: Web, tmp_path: Path
) -> None:
    killer = tmp_path / "killer"
    killer.write_text(f"#!/bin/sh\n[ -e {tmp_path}/again ] && exit 0\ncat >{tmp_path}/got\ntouch {tmp_path}/again\nkill -9 $PPID\n")  # fmt: skip
    killer.chmod(0o755)
    lakehouse = telling(readings, oncall=to(hook), pager={"command": [str(killer)]})
    failing(lakehouse)
    command = [
        sys.executable,
        "-m",
        "assay.cli",
        "alerts",
        "--as-of",
        "2013-03-02",
        "--conf-dir",
        str(lakehouse.conf_dir),
    ]
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert rows(lakehouse, "event") == [("opened",)]  # what was to be told was written down before it was sent
    send(lakehouse)
    ids = [one["id"] for _, _, sent in hook.got for one in sent["alerts"]]
    assert len(ids) in (1, 2)  # it had arrived or not when the process died
    assert {*ids, json.loads((tmp_path / "got").read_text())["alerts"][0]["id"]} == {ids[0]}
    assert sorted(rows(lakehouse, "event", "channel")) == [("delivered", "oncall"), ("delivered", "pager"), ("opened", None)]  # fmt: skip


def test_a_night_that_dies_outside_a_stage_is_told_until_one_goes_to_its_end(readings: Readings, hook: Web) -> None:
    lakehouse = telling(readings, oncall=to(hook))
    alerts.run_alerts(lakehouse, NIGHT, ModelError("MLflow is away."))
    (outcome,) = alerts.run_alerts(lakehouse, NIGHT, None)
    assert outcome.total("resolved") == 1
    told = "The night did not go to its end: MLflow is away."
    assert hook.alerts == [("opened", told), ("resolved", told)]


def test_where_the_tables_cannot_be_used_the_night_is_told_without_them(
    readings: Readings, hook: Web, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lakehouse = telling(readings, oncall=to(hook))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "write", full)
    for _ in range(2):
        assert alerts.run_alerts(lakehouse, NIGHT, ModelError("No.")) == []
    assert [what for _, what in hook.alerts] == ["The night did not go to its end: No."] * 2
    assert len({sent["alerts"][0]["id"] for _, _, sent in hook.got}) == 1
    assert "ops.alerts could not be used" in caplog.text
    assert alerts.run_alerts(lakehouse, NIGHT, None) == []
    assert hook.alerts[2][1].startswith("What is wrong on this night could not be looked up: ")


def test_without_a_channel_nothing_is_asked_of_spark(readings: Readings) -> None:
    lakehouse = readings.lakehouse
    assert alerts.run_alerts(lakehouse, NIGHT, ModelError("No.")) == []
    assert "spark" not in vars(lakehouse)
    with pytest.raises(ConfigError, match="names no channel"):
        alerts.main(["--conf-dir", str(lakehouse.conf_dir), "--as-of", "2013-03-02"])


def test_who_interrupts_a_night_is_not_told_of_it(readings: Readings, hook: Web) -> None:
    assert alerts.run_alerts(telling(readings, oncall=to(hook)), NIGHT, KeyboardInterrupt()) == []
    assert hook.got == []


def test_the_command_lists_closes_and_tests(
    readings: Readings, hook: Web, other: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse = telling(readings, oncall=to(hook), team=to(other))
    place = ["--conf-dir", str(lakehouse.conf_dir)]

    def assay(*words: str) -> tuple[int, str, str]:
        code = cli.main(["alerts", *words, *place])
        told = capsys.readouterr()
        return code, told.out, told.err

    assert assay("ls") == (0, "no problem is open\n", "")
    assert assay("test") == (0, "oncall: arrived\nteam: arrived\n", "")
    failing(lakehouse)
    other.status, other.reason = 503, "Later"
    code, out, err = assay("--as-of", "2013-03-02")
    assert code == AlertError.exit_code
    assert "2 opened" in out
    assert "the channel team took no message: it answered 503 Later" in out
    assert "Not every channel took its message." in err
    code, out, err = assay("test", "--json")
    assert (code, json.loads(out.splitlines()[0])) == (
        AlertError.exit_code,
        {"oncall": "", "team": "it answered 503 Later"},
    )
    other.status = 200
    listed = {one["what"]: one for one in json.loads(assay("ls", "--json")[1])}
    assert listed["score failed: No."]["told"] == "oncall"
    code, _, err = assay("close", "abc", "--why", "x")
    assert (code, "No such problem is open." in err) == (2, True)
    problem = listed["score failed: No."]["problem"]
    assert assay("close", problem)[0] == 2
    assert assay("close", problem, "--why", "the model is gone")[0] == 0
    assert assay("--as-of", "2013-03-03")[0] == 0
    assert ("resolved", "score failed: No.") in hook.alerts
    assert assay("ls")[1] == "no problem is open\n"
    assert assay()[0] == 2


def test_no_secret_of_a_channel_is_in_a_table_or_a_log(
    readings: Readings, tmp_path: Path, caplog: pytest.LogCaptureFixture, new_readings: Callable[[str], Readings],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url = f"http://127.0.0.1:1/{SECRET}"
    monkeypatch.setenv("ONCALL_URL", url)
    lakehouse = telling(readings, oncall={"webhook": "${ONCALL_URL}"}, pager={"command": ["sh", "-c", f"echo {url} >&2; exit 1"]})  # fmt: skip
    failing(lakehouse, why=f"The address {url} did not answer.")
    assert cli.main(["alerts", "--conf-dir", str(lakehouse.conf_dir), "--as-of", "2013-03-02"]) == AlertError.exit_code
    told = capsys.readouterr()
    runs = lakehouse.tables.read(ledger.RUNS).collect()
    assert SECRET not in "".join([caplog.text, told.out, told.err, repr(rows(lakehouse, "*")), repr(runs)])
    assert "it ended with 1: ***" in told.out
