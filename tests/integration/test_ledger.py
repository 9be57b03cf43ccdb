"""The ledger of many nights: as few files as of few nights, nothing lost, and known without being read again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from delta.tables import DeltaTable

from assay import ledger
from assay.errors import TableError
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.ledger import RUNS, Outcome, known, record
from assay.lineage import read
from assay.report.current import unchanged
from assay.runs import recent

FIRST = datetime(2013, 3, 1, tzinfo=UTC)


def night(lakehouse: Lakehouse, number: int) -> Outcome:
    """A stage's outcome on record."""
    outcome = Outcome("features", FIRST + timedelta(days=number), status="done", ended_at=FIRST)
    outcome.targets.append(Target("delays", f"key {number}", "gold.delays", number))
    record(lakehouse, outcome)
    return outcome


def operations_of(lakehouse: Lakehouse) -> list[str]:
    """What the commits of the ledger did."""
    history = DeltaTable.forPath(lakehouse.spark, lakehouse.tables.path(RUNS)).history()
    return [row["operation"] for row in history.select("operation").collect()]


def ran(
    lakehouse: Lakehouse, stage: str, minute: int, *made: Target, status: str = "done", **metrics: float
) -> Outcome:
    """A minute's run of a stage for the first night, on record."""
    began = FIRST + timedelta(minutes=minute)
    outcome = Outcome(
        stage, FIRST, status=status, started_at=began, ended_at=began + timedelta(seconds=5), targets=[*made]
    )
    outcome.measure("readings", None, "key", **metrics)
    record(lakehouse, outcome)
    return outcome


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse


def test_the_files_of_the_ledger_do_not_grow_with_the_nights(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakehouse = readings.lakehouse
    monkeypatch.setattr(ledger, "COMPACTED_EVERY", 5)
    done = [night(lakehouse, number) for number in range(12)]
    runs = lakehouse.tables.read(RUNS)
    assert len(runs.inputFiles()) <= 6
    assert operations_of(lakehouse).count("OPTIMIZE") == 3  # and not after every commit
    assert {row["run_id"] for row in runs.select("run_id").collect()} == {outcome.run_id for outcome in done}
    lakehouse.known.clear()
    assert len(known(lakehouse, [FIRST]).done) == 12
    assert known(lakehouse, [FIRST]).writes == {"gold.delays": 12}


def test_a_ledger_of_an_older_release_is_gone_on_with(readings: Readings) -> None:
    lakehouse = readings.lakehouse
    made = night(lakehouse, 0)
    new = {"targets", "cpu_seconds", "shuffle_bytes", "files_written"}
    older = [field for field in lakehouse.tables.read(RUNS).schema.fields if field.name not in new]
    targets = "transform(targets, each -> struct(each.target, each.key, each.table, each.version)) AS targets"
    rows = lakehouse.tables.read(RUNS).selectExpr(*(field.name for field in older), targets)
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", True).save(lakehouse.tables.path(RUNS))
    lakehouse.known.clear()
    (run,) = recent(lakehouse, limit=2)
    assert (run.run_id, run.cpu_seconds, run.files_written) == (made.run_id, None, None)
    with pytest.raises(TableError, match="No run has written down what it read"):
        read(lakehouse)
    later = Outcome("score", FIRST + timedelta(days=1), status="done", ended_at=FIRST)
    later.targets.append(Target("late", "key", "gold.scores", 1, (Input("gold.delays", 0),)))
    record(lakehouse, later)
    assert [(run.run_id, run.made[0].inputs) for run in sorted(read(lakehouse).runs, key=lambda run: run.as_of)] == [
        (made.run_id, ()),
        (later.run_id, (Input("gold.delays", 0),)),
    ]


def test_a_process_that_does_night_after_night_reads_the_ledger_once(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakehouse = readings.lakehouse
    night(lakehouse, 0)
    before = known(lakehouse, [FIRST])
    monkeypatch.setattr(ledger, "_read", None)
    for number in (1, 2):
        made = night(lakehouse, number)
        found = known(lakehouse, [made.as_of]).done
        assert found["features", made.as_of, f"key {number}"] == made.targets[0]
    with pytest.raises(TypeError):  # an earlier night is not among what was read
        known(lakehouse, [FIRST - timedelta(days=1)])
    assert before.first == FIRST


def test_a_page_is_what_it_would_be_until_a_run_has_done_something(readings: Readings) -> None:
    lakehouse = readings.lakehouse
    made = Target("readings", "batch 1", "bronze.readings", 0)
    assert not unchanged(lakehouse, FIRST, "key")
    ran(lakehouse, "bronze", 1, made, files=1)
    assert not unchanged(lakehouse, FIRST, "key")
    ran(lakehouse, "report", 2, page=1)
    ran(lakehouse, "alerts", 3)
    ran(lakehouse, "bronze", 4, files=0, duplicate=0, waiting=2)
    ran(lakehouse, "silver", 5, stale=3)
    assert unchanged(lakehouse, FIRST, "key")
    assert not unchanged(lakehouse, FIRST, "another configuration")
    assert not unchanged(lakehouse, FIRST + timedelta(days=1), "key")
    happens: list[Callable[[int], Outcome]] = [
        lambda minute: ran(lakehouse, "bronze", minute, duplicate=1),
        lambda minute: ran(lakehouse, "silver", minute, status="failed"),
        lambda minute: ran(lakehouse, "watch", minute, made),
        lambda minute: ran(lakehouse, "audit_point_in_time", minute),
    ]
    for minute, happen in zip(range(10, 50, 10), happens, strict=True):
        happen(minute)
        assert not unchanged(lakehouse, FIRST, "key")
        ran(lakehouse, "report", minute + 1, page=1)
        assert unchanged(lakehouse, FIRST, "key")
