"""Which rows of the ledger, the gates and the watch say that something is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assay.alerts.findings import newest, of_gates, of_night, of_runs, of_watch
from assay.alerts.problem import Finding, Problem
from assay.errors import ContractError

NIGHT = datetime(2013, 3, 7)  # noqa: DTZ001  # as Spark gives it
AWARE = NIGHT.replace(tzinfo=UTC)


def row(
    minute: int, stage: str, status: str, *, model: str | None = None, night: int = 0, error: str = ""
) -> dict[str, Any]:
    return {
        "run_id": f"r{minute}", "stage": stage, "model": model, "as_of": NIGHT + timedelta(days=night), "status": status,
        "started_at": NIGHT + timedelta(minutes=minute), "error": error or None,
    }  # fmt: skip


def wrong(*rows: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Stage and model -> what is wrong by the newest night."""
    last = newest(of_runs(rows, "flights"), AWARE + timedelta(days=9))
    return {(one.subject, one.name): found.newest.what for one, found in last.items() if found.newest.severity}


def test_a_run_that_failed_is_wrong_until_it_is_done() -> None:
    failed = row(1, "silver", "failed", error=str(ContractError("A batch stops.", where="weather", found=9, do="accept it")))  # fmt: skip
    (found,) = of_runs([failed], "flights")
    assert found == Finding(
        Problem("flights", "run", "silver"), AWARE, AWARE + timedelta(minutes=1), "bad", "silver failed: A batch stops.",
        "where:    weather\nfound:    9", "accept it", ("r1",),
    )  # fmt: skip
    assert wrong(failed, row(2, "silver", "done")) == {}
    assert wrong(row(0, "silver", "done"), failed) == {("silver", ""): "silver failed: A batch stops."}
    assert wrong(failed, row(2, "silver", "done", night=1)) == {}
    assert wrong(failed, row(2, "bronze", "done", night=1)) != {}
    assert wrong(row(1, "silver", "stopped", error="Too late.")) == {("silver", ""): "silver was stopped: Too late."}
    assert wrong(row(1, "alerts", "failed"), row(2, "bronze", "running")) == {}


def test_one_model_s_success_hides_no_other_s_failure() -> None:
    late, off = (row(n, "score", "failed", model=name, error="No.") for n, name in enumerate(("late", "off")))
    assert wrong(late, off, row(3, "score", "done", model="late")) == {("score", "off"): "score of off failed: No."}


def test_a_run_that_told_no_model_stands_until_the_next_of_its_stage() -> None:
    untold = row(1, "score", "failed", error="No.")
    assert wrong(untold) == {("score", ""): "score failed: No."}
    assert wrong(untold, row(2, "score", "failed", model="late", error="No.")) == {("score", "late"): "score of late failed: No."}  # fmt: skip


def test_a_challenger_that_cannot_score_is_a_warning() -> None:
    (found,) = of_runs([row(1, "shadow", "failed", error="No.")], "flights")
    assert found.severity == "warn"


def test_a_gate_that_failed_is_a_warning_until_a_training_passes_it() -> None:
    common = {"model": "late", "gate": "auc", "limit": "at least 0.6", "why": "of 9 rows"}
    rows = [
        {**common, "run_id": f"r{day}", "as_of": NIGHT + timedelta(days=day), "judged_at": NIGHT + timedelta(days=day),
         "value": 0.5, "passed": passed}
        for day, passed in enumerate((False, True))
    ]  # fmt: skip
    failed, passed = of_gates(rows, "flights")
    assert failed.problem == passed.problem == Problem("flights", "gate", "late", name="auc")
    assert (failed.severity, passed.severity) == ("warn", None)
    assert failed.what == "The gate auc of late failed, and the version was not promoted: of 9 rows"
    assert failed.details == "found 0.5, asked at least 0.6"


@pytest.mark.parametrize("warnings", [False, True])
def test_what_is_watched_is_wrong_where_it_is_bad_or_by_choice_a_warning(warnings: bool) -> None:
    rows = [
        {"run_id": "r1", "as_of": NIGHT, "subject": f"feed:{status}", "monitor": "volume", "name": None, "value": 1.0,
         "expected": 2.0, "limit": 1.5, "status": status, "why": "half of it"}
        for status in ("ok", "warn", "bad", "unknown")
    ]  # fmt: skip
    found = {one.problem.subject: one.severity for one in of_watch(rows, "flights", {"r1": AWARE}, warnings=warnings)}
    assert found == {
        "feed:ok": None,
        "feed:warn": "warn" if warnings else None,
        "feed:bad": "bad",
    }  # unknown: no evidence


def test_a_night_that_died_says_why() -> None:
    error = ContractError("A batch stops.", where="weather", do="accept it")
    died = of_night("flights", AWARE, AWARE, error)
    assert (died.severity, died.what, died.details, died.do) == (
        "bad", "The night did not go to its end: A batch stops.", "where:    weather", "accept it",
    )  # fmt: skip
    assert of_night("flights", AWARE, AWARE, ZeroDivisionError()).what.endswith(": ZeroDivisionError()")
    assert of_night("flights", AWARE, AWARE, None).severity is None
