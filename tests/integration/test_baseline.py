"""A batch that is unlike the nights before it stops before silver changes, and is taken in once somebody accepts it."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from pyspark.sql import functions as F

import bronze.stage
import silver.stage
from assay import stages
from assay.cli import run
from assay.errors import ConfigError, ContractError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from jobs.accept import main as accept
from jobs.reject import main as reject
from silver import expectations
from silver.replay import replay

FIRST = datetime(2013, 3, 1, tzinfo=UTC)
BASELINE = "\nbaseline: {nights: 8, at_least: 7}\n"


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def night(day: int) -> datetime:
    """The night that sees first what is delivered on a day of March."""
    return FIRST + timedelta(days=day - 1)


def deliver(readings: Readings, day: int, *, celsius: bool = False, rows: int = 48) -> None:
    """A day's readings of two stations, around 50 °F."""
    lines = ["station,hour,temp"]
    for number in range(rows):
        temp = 50 + 4 * math.sin(number) + day % 3 + day / 50
        shown = (temp - 32) / 1.8 if celsius else temp
        lines.append(f"{'ab'[number % 2]},{number // 2},{shown:.2f}")
    readings.deliver(f"2013-03-{day:02}.csv", "\n".join(lines) + "\n")


def with_contract(readings: Readings, *edits: tuple[str, str], more: str = "") -> Lakehouse:
    """The same lakehouse after its contract was edited."""
    path = readings.lakehouse.conf_dir / "sources" / "readings.yml"
    text = path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text + more)
    return open_lakehouse(readings.lakehouse.conf_dir)


def profiles(lakehouse: Lakehouse, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of what was measured, in order."""
    return sorted((tuple(row) for row in lakehouse.tables.read("ops.profiles").select(*columns).collect()), key=repr)


def statuses(lakehouse: Lakehouse) -> dict[tuple[int, int, str], int]:
    """How many numbers there are by batch, day of the night and status; none is there twice."""
    found = profiles(lakehouse, "batch", "night", "status", "column", "metric", "label")
    assert len(found) == len(set(found))
    counts: dict[tuple[int, int, str], int] = {}
    for batch, when, status, *_ in found:
        counts[batch, when.day, status] = counts.get((batch, when.day, status), 0) + 1
    return counts


def run_both(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    bronze.stage.run(lakehouse, as_of)
    return silver.stage.run(lakehouse, as_of)


def test_a_unit_that_changed_stops_the_batch_and_those_behind_it_until_it_is_accepted(
    readings: Readings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse = with_contract(readings, more=BASELINE)
    for day in range(1, 9):
        deliver(readings, day)
    # Eight days land at once: a batch of eight nights, of which each is remembered by itself.
    first = run_both(lakehouse, night(8))
    assert "readings batch 1: not compared, too little history: 0 of 7 nights" in first.notes
    known = statuses(lakehouse)
    numbers = known[1, 1, "good"]
    assert known == {(1, day, "good"): numbers for day in range(1, 9)}
    assert profiles(lakehouse, "verdict")[0] == profiles(lakehouse, "verdict")[-1] == ("too little history",)

    deliver(readings, 9, celsius=True)
    bronze.stage.run(lakehouse, night(9))
    deliver(readings, 10)
    history = lakehouse.tables.version("silver.readings__history")
    for _ in range(2):  # a batch behind it waits, and stopping again doubles no number
        with pytest.raises(ContractError, match="Batch 2 of source readings is unlike the nights before it") as caught:
            run_both(lakehouse, night(10))
        assert str(caught.value.found).startswith(
            "temp mean 10.19 on the night of 2013-03-09, expected 51.27, at least 42.73 and at most 59.81; temp "
        )
        assert caught.value.where.endswith(f"readings.yml:{len(lakehouse_text(lakehouse))}, key baseline")
        assert "assay accept readings 2 --why" in caught.value.do
        assert lakehouse.tables.version("silver.readings__history") == history
        assert statuses(lakehouse) == known | {(2, 9, "stopped"): numbers}

    conf = ["--conf-dir", str(lakehouse.conf_dir)]
    for words, why in (
        (["reading", "2", "--why", "x"], "did you mean 'readings'?"),
        (["readings", "1", "--why", "x"], "one of 2, 3"),
        (["readings", "3", "--why", "x"], "a batch that silver has stopped"),
        (["readings", "2", "--why", "  "], "a sentence"),
    ):
        with pytest.raises(ConfigError) as wrong:
            accept([*words, *conf])
        assert wrong.value.expected == why
    assert not lakehouse.tables.exists("ops.accepted")
    for said in ("the next silver run takes it in", "as it was on record already"):
        assert run(accept, ["readings", "2", "--why", "A new thermometer.", *conf]) == 0
        told = capsys.readouterr().out
        assert told.startswith("readings batch 2, stopped by temp mean, temp ")
        assert said in told
    [on_record] = lakehouse.tables.read("ops.accepted").collect()
    assert (on_record["source"], on_record["batch"], on_record["why"]) == ("readings", 2, "A new thermometer.")
    assert on_record["who"]
    assert "temp mean" in on_record["stopped_by"]

    taken = silver.stage.run(lakehouse, night(10))
    [note] = [note for note in taken.notes if "taken in" in note]
    assert note.startswith("readings batch 2: taken in with temp mean, ")
    assert note.endswith(": A new thermometer.")
    assert {(m.batch, m.metric): m.value for m in taken.metrics if m.metric == "accepted"} == {
        (2, "accepted"): 48, (3, "accepted"): 48,
    }  # fmt: skip
    assert statuses(lakehouse) == known | {(2, 9, "accepted"): numbers, (3, 10, "good"): numbers}

    # A run that dies after it has written its numbers, and the run after it, leave them once.
    deliver(readings, 11)
    with monkeypatch.context() as patched:

        def cut(*_: Sequence[Any]) -> None:
            raise KeyboardInterrupt

        patched.setattr(expectations, "publish", cut)
        patched.setattr(stages, "record", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            run_both(lakehouse, night(11))
    run_both(lakehouse, night(11))
    assert statuses(lakehouse)[4, 11, "good"] == numbers
    [compared_with] = profiles_of_rows(lakehouse, 4)
    assert compared_with == (48.0, 48.0, "ok")


def lakehouse_text(lakehouse: Lakehouse) -> list[str]:
    """The lines of the contract."""
    return (lakehouse.conf_dir / "sources" / "readings.yml").read_text().splitlines()


def profiles_of_rows(lakehouse: Lakehouse, batch: int) -> list[tuple[Any, ...]]:
    """Value, expected value and verdict of a batch's number of rows."""
    rows = lakehouse.tables.read("ops.profiles").where((F.col("batch") == batch) & (F.col("metric") == "rows"))
    return [tuple(row) for row in rows.select("value", "expected", "verdict").collect()]


def test_a_tolerance_can_be_accepted_and_a_check_that_fails_the_batch_cannot(
    readings: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = (("max: 60}", "max: 60, on_fail: {at_most: 10%}}"), ("max: 23}", "max: 23, on_fail: fail}"))
    lakehouse = with_contract(readings, *edits)
    conf = ["--conf-dir", str(lakehouse.conf_dir)]
    readings.deliver("2013-03-01.csv", "station,hour,temp\na,1,70\nb,1,7\nc,99,7\n")
    with pytest.raises(ContractError, match="hour is above 23"):
        run_both(lakehouse, night(1))
    assert run(accept, ["readings", "1", "--why", "It is so.", *conf]) == 2
    assert "cannot be accepted" in capsys.readouterr().err
    lenient = with_contract(readings, ("max: 23, on_fail: fail}", "max: 23}"))
    with pytest.raises(ContractError, match="temp is above 60") as caught:
        silver.stage.run(lenient, night(1))
    assert caught.value.do.endswith("assay accept readings 1 --why '…' takes it in")
    assert run(accept, ["readings", "1", "--why", "A heat wave.", *conf, "--json"]) == 0
    assert '"stopped_by": ["max:temp"]' in capsys.readouterr().out
    outcome = silver.stage.run(lenient, night(1))
    assert [note for note in outcome.notes if "taken in with max:temp" in note]
    assert (outcome.total("accepted"), outcome.total("quarantined")) == (1, 2)
    assert not lenient.tables.exists("ops.profiles")


def test_a_batch_that_is_wrong_is_set_aside_whole_and_those_behind_it_go_on(
    readings: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse = with_contract(readings, ("max: 23}", "max: 23, on_fail: fail}"))
    conf = ["--conf-dir", str(lakehouse.conf_dir)]
    readings.deliver("2013-03-01.csv", "station,hour,temp\na,1,70\nb,1,7\nc,99,7\n")
    with pytest.raises(ContractError, match="hour is above 23") as caught:
        run_both(lakehouse, night(1))
    assert caught.value.do.endswith("assay reject readings 1 --why '…' sets it aside")
    readings.deliver("2013-03-02.csv", "station,hour,temp\na,2,8\n")
    with pytest.raises(ContractError, match="Batch 1 of source readings"):
        run_both(lakehouse, night(2))
    for words, said in (
        (["readings", "3", "--why", "x"], "one of 1, 2"),
        (["readings", "1", "--why", "x", "--undo"], "none is rejected"),
        (["readings", "1", "--why", " "], "a sentence"),
        (["reading", "1", "--why", "x"], "did you mean 'readings'?"),
    ):
        assert run(reject, [*words, *conf]) == 2
        assert said in capsys.readouterr().err
    for _ in range(2):  # once on record, whoever says it again
        assert run(reject, ["readings", "1", "--why", "Another scale.", *conf]) == 0
        assert "the next silver run puts all its rows into quarantine" in capsys.readouterr().out
    assert lakehouse.tables.read("ops.rejected").count() == 1

    outcome = silver.stage.run(lakehouse, night(2))
    assert (outcome.total("landed"), outcome.total("accepted"), outcome.total("quarantined")) == (4, 1, 3)
    assert [note for note in outcome.notes if note.startswith("readings batch 1: rejected by ")]
    rejected = lakehouse.tables.read("silver.readings__quarantine").orderBy("source_position").collect()
    assert [[reason["check"] for reason in row["reasons"]] for row in rejected] == [
        ["max", "rejected"], ["rejected"], ["max", "rejected"],
    ]  # fmt: skip
    assert rejected[1]["reasons"][0]["message"].endswith(": Another scale.")
    assert rejected[1]["raw"] == '{"station":"b","hour":"1","temp":"7"}'

    kept = replay(lakehouse, "readings", night(2))
    assert "readings, batch 1: 0 rows taken in, 3 stay" in kept.notes
    readings.deliver("2013-03-01.csv", "station,hour,temp\na,1,7\nb,1,7\n")
    assert run_both(lakehouse, night(3)).total("accepted") == 2

    assert run(reject, ["readings", "1", "--why", "It was right.", "--undo", *conf]) == 0
    assert "assay quarantine replay readings --batch 1 takes its rows in" in capsys.readouterr().out
    lenient = with_contract(readings, ("max: 23, on_fail: fail}", "max: 23}"))
    taken = replay(lenient, "readings", night(3))
    assert "readings, batch 1: 1 rows taken in, 2 stay" in taken.notes
    current = lenient.tables.read("silver.readings__history").where("valid_to IS NULL")
    assert sorted((row["station"], row["temp"]) for row in current.collect()) == [("a", 7.0), ("a", 8.0), ("b", 7.0)]
