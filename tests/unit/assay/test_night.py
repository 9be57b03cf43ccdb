"""What becomes of the tasks of a night: skipped, tried again, left out."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.dag import Stage, State, tasks
from assay.errors import ContractError, StoppedError, TableError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.night import Ended, run_tasks

NIGHT = datetime(2013, 3, 1, tzinfo=UTC)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """A lakehouse that nothing is asked of; what it is told to wait is kept, not waited."""
    (tmp_path / "conf" / "env").mkdir(parents=True)
    (tmp_path / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (tmp_path / "conf" / "tiny" / "sources").mkdir(parents=True)
    (tmp_path / "conf" / "tiny" / "lakehouse.yml").write_text(
        "name: tiny\ndescription: Tiny.\nnight: {attempts: 3, backoff: 10s, limits: {late: 1h}}\n"
    )
    (tmp_path / "conf" / "tiny" / "sources" / "a.yml").write_text(
        "description: A.\nfrom: {files: 'a/*'}\nkey: [a]\ncolumns: {a: {type: int}}\n"
    )
    return open_lakehouse(tmp_path / "conf" / "tiny")


class Work:
    """A stage's function that raises some errors first, and what it has seen."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls, self.seen = [*errors], 0, list[tuple[int, int, timedelta | None]]()

    def __call__(self, lakehouse: Lakehouse, as_of: datetime) -> Sequence[Outcome]:
        self.calls += 1
        self.seen.append((lakehouse.control.attempt, lakehouse.control.attempts, lakehouse.control.limit))
        if self.errors:
            raise self.errors.pop(0)
        return [Outcome("x", as_of)]


def stage(name: str, run: Callable[..., Any], *needs: str, **rest: Any) -> Stage:
    return Stage(name, run, needs=needs, **rest)


def away() -> TableError:
    """An error that may pass."""
    error = TableError("Spark failed.")
    error.__cause__ = ConnectionRefusedError("refused")
    return error


def run(lakehouse: Lakehouse, *stages: Stage) -> tuple[list[Ended], list[float]]:
    """Run stages; what became of each, and the seconds that it was told to wait."""
    ended, waited = list[Ended](), list[float]()
    lakehouse.control.sleep = lambda length: waited.append(length.total_seconds())  # type: ignore[method-assign]
    run_tasks(lakehouse, NIGHT, tasks(stages, []), ended=ended.append)
    return ended, waited


def test_an_error_that_may_pass_is_tried_again_after_longer_and_longer_waits(
    lakehouse: Lakehouse, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(away(), away())
    with caplog.at_level(logging.WARNING):
        ended, waited = run(lakehouse, stage("late", work))
    hour = timedelta(hours=1)
    assert (waited, work.seen) == ([10, 20], [(1, 3, hour), (2, 3, hour), (3, 3, hour)])
    assert [len(one.outcomes) for one in ended] == [1]
    assert [record.getMessage() for record in caplog.records] == [
        "late: Spark failed. Tried again in 10s.", "late: Spark failed. Tried again in 20s.",
    ]  # fmt: skip
    assert lakehouse.control.limit is None


def test_it_is_tried_no_more_often_than_the_night_says(lakehouse: Lakehouse) -> None:
    work = Work(*(away() for _ in range(5)))
    with pytest.raises(TableError):
        run(lakehouse, stage("late", work))
    assert work.calls == 3


def test_an_error_that_somebody_must_mend_is_not_tried_again(lakehouse: Lakehouse) -> None:
    work = Work(ContractError("It breaks."))
    with pytest.raises(ContractError):
        run(lakehouse, stage("late", work))
    assert work.calls == 1


def test_what_needs_a_failed_stage_is_left_out_and_the_rest_goes_on(lakehouse: Lakehouse) -> None:
    ended: list[Ended] = []
    works = {name: Work() for name in ("c", "d", "report")}
    stages = [
        stage("a", Work(ContractError("First."))), stage("b", Work(ContractError("Second."))), stage("c", works["c"], "a"),
        stage("d", works["d"], "c"), stage("report", works["report"], after=("d",)),
    ]  # fmt: skip
    with pytest.raises(ContractError, match="First"):
        run_tasks(lakehouse, NIGHT, tasks(stages, []), ended=ended.append)
    assert {name: work.calls for name, work in works.items()} == {"c": 0, "d": 0, "report": 1}
    assert [(str(one.task), one.blocked, str(one.error or "")) for one in ended] == [
        ("a", False, "First."), ("b", False, "Second."), ("c", True, ""), ("d", True, ""), ("report", False, ""),
    ]  # fmt: skip
    assert [one.state.why for one in ended if one.blocked] == ["a is not done", "c is not done"]


def test_a_stage_with_nothing_to_do_is_not_run(lakehouse: Lakehouse) -> None:
    done, after = Work(), Work()
    complete = stage("a", done, state=lambda *_: State("already complete", "it is built"))
    ended, _ = run(lakehouse, complete, stage("b", after, "a"))
    assert (done.calls, after.calls) == (0, 1)
    assert [one.state.what for one in ended] == ["already complete", "would run"]


def test_nothing_is_begun_after_a_stop_not_even_the_report(lakehouse: Lakehouse) -> None:
    report = Work()
    with pytest.raises(StoppedError):
        run(lakehouse, stage("a", Work(StoppedError("Stopped."))), stage("report", report, after=("a",)))
    assert report.calls == 0
