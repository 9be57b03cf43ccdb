"""Every gate has a verdict, and one that cannot be evaluated has failed."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from pyspark.sql import functions as F

from model.candidate import Candidate
from model.gates import GATES, failed, judge
from model.gates.gate import Found, Gate, GateResult, Limits

NewCandidate = Callable[..., Candidate]
METRICS: dict[str, dict[str, float]] = {
    "train": {"rows": 5000},
    "holdout": {
        "rows": 1200,
        "positives": 200,
        "auc": 0.685,
        "log_loss": 0.48,
        "brier": 0.15,
        "calibration_error": 0.02,
    },
}


def test_judge_gives_a_verdict_per_gate_in_their_order(new_candidate: NewCandidate) -> None:
    gates = {
        "calibration_error": {"max": 0.02},
        "auc": {"min": 0.62, "max": 0.68},
        "auc.better": {"min": 0.685},
        "rows": {"min": 1201},
        "training_rows": {"min": 5000},
    }
    assert judge(new_candidate(metrics=METRICS, gates=gates)) == [
        GateResult("calibration_error", 0.02, "at most 0.02", True, "calibration_error is 0.0200 on 1,200 rows of the holdout"),
        GateResult("auc", 0.685, "0.62 to 0.68", False, "auc is 0.6850 on 1,200 rows of the holdout"),
        GateResult("auc.better", 0.685, "at least 0.685", True, "auc is 0.6850 on 1,200 rows of the holdout"),
        GateResult("rows", 1200, "at least 1,201", False, "the holdout has 1,200 rows"),
        GateResult("training_rows", 5000, "at least 5,000", True, "the training range has 5,000 rows"),
    ]  # fmt: skip


def test_training_nights_counts_the_nights_of_the_training_range(new_candidate: NewCandidate) -> None:
    rows = [
        (1, "2013-03-01", "train"),
        (2, "2013-03-01", "train"),
        (3, "2013-03-02", "train"),
        (4, "2013-03-03", "holdout"),
    ]
    made = new_candidate(rows, "id int, as_of string, split string", gates={"training_nights": {"min": 3}})
    assert judge(made) == [
        GateResult("training_nights", 2, "at least 3", False, "the training range has rows of 2 nights")
    ]


SETTINGS: dict[str, dict[str, Any]] = {
    "auc": {"min": 0.0}, "rows": {"min": 0}, "slices": {"min": 0.0}, "champion": {"margin": 1.0},
    "speed": {"latency_ms": 1000}, "cost": {"sql": "count(score)", "min": 0},
    "fairness": {"column": "hour", "threshold": 0.5}, "drift": {"rows": 1},
}  # fmt: skip


@pytest.mark.parametrize("gate", [name for name in SETTINGS if name not in ("champion", "drift")])
@pytest.mark.parametrize("metrics", [{}, {"holdout": {"rows": 0}}])
def test_judge_fails_every_gate_on_a_holdout_without_a_holdout(
    new_candidate: NewCandidate, gate: str, metrics: dict[str, dict[str, float]]
) -> None:
    made = new_candidate(metrics=metrics, gates={gate: SETTINGS[gate]}, slices=["hour"])
    (found,) = judge(made)
    assert (found.passed, found.why) == (False, "cannot be judged: the holdout has no rows")
    assert math.isnan(found.value)


def test_judge_fails_the_gates_on_training_without_training_rows(new_candidate: NewCandidate) -> None:
    made = new_candidate(metrics={}, gates={"training_rows": {"max": 5}})
    assert [(found.passed, found.why) for found in judge(made)] == [
        (False, "cannot be judged: the training range has no rows")
    ]


@pytest.mark.parametrize("limit", ["min", "max"])
def test_judge_fails_a_metric_that_is_not_a_number(new_candidate: NewCandidate, limit: str) -> None:
    metrics = {"holdout": {**METRICS["holdout"], "auc": math.nan}}
    (found,) = judge(new_candidate(metrics=metrics, gates={"auc": {limit: 0.5}}))
    assert (found.passed, found.why) == (False, "auc is nan on 1,200 rows of the holdout")


def test_judge_fails_a_gate_that_stops_and_says_why(
    new_candidate: NewCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_spark(candidate: Candidate, limits: Limits) -> Iterable[Found]:
        yield limits.found(float(candidate.scored.agg(F.max("nothing")).collect()[0][0]), "")

    def of_python(candidate: Candidate, limits: Limits) -> Iterable[Found]:
        raise ZeroDivisionError("division by zero")

    def silent(candidate: Candidate, limits: Limits) -> Iterable[Found]:
        return ()

    for name, function in {"of_spark": of_spark, "of_python": of_python, "silent": silent}.items():
        monkeypatch.setitem(GATES, name, Gate(function, Limits))
    gates = {name: {"min": 0} for name in ("of_spark", "of_python", "silent")} | {"rows": {"min": 1}}
    found = judge(new_candidate([(1,)], gates=gates))
    assert [(each.gate, each.passed) for each in found] == [
        ("of_spark", False), ("of_python", False), ("silent", False), ("rows", True),
    ]  # fmt: skip
    assert found[0].why.startswith("cannot be judged: AnalysisException: [UNRESOLVED_COLUMN")
    assert found[1].why == "cannot be judged: ZeroDivisionError: division by zero"
    assert found[2].why == "cannot be judged: it looked at nothing"
    assert [each.gate for each in failed(found)] == ["of_spark", "of_python", "silent"]


def test_model_bytes_are_those_of_the_trees(new_candidate: NewCandidate) -> None:
    found = judge(new_candidate(gates={"model_bytes": {"max": "5B"}, "model_bytes.small": {"max": 4}}))
    assert found == [
        GateResult("model_bytes", 5, "at most 5 B", True, "the trees have 5 B"),
        GateResult("model_bytes.small", 5, "at most 4 B", False, "the trees have 5 B"),
    ]
