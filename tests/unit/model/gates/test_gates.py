"""Gates: what a trained model must pass before it may become champion."""

import math
from pathlib import Path
from typing import Any

import pytest

from assay.config.load import read_document
from assay.config.model import Model
from assay.errors import ConfigError
from model.gates import GATES, GateResult, check_gates, judge
from model.tasks import Metrics

HOLDOUT = {"rows": 1000, "positives": 200, "auc": 0.685, "log_loss": 0.48, "brier": 0.15, "calibration_error": 0.02}
TEXT = """\
description: d
spine: {train: select 1, score: select 1}
key: [a]
features: {}
split: {validation: 1d, holdout: 1d}
train: {every: 7d, window: 28d}
gates:
"""


def model(folder: Path, gate: str) -> Model:
    path = folder / "late.yml"
    path.write_text(f"{TEXT}  {gate}\n")
    return read_document(path, Model, name="late")


def test_judge_gives_a_verdict_per_limit() -> None:
    gates: dict[str, dict[str, float]] = {
        "auc": {"min": 0.62, "max": 0.68},
        "calibration_error": {"max": 0.02},
        "rows": {"min": 1001},
        "log_loss": {"min": 0.48},
    }
    assert judge(gates, HOLDOUT) == [
        GateResult("auc", 0.685, "at least 0.62", passed=True, why="auc is 0.6850, at least 0.62 is asked"),
        GateResult("auc", 0.685, "at most 0.68", passed=False, why="auc is 0.6850, at most 0.68 is asked"),
        GateResult(
            "calibration_error",
            0.02,
            "at most 0.02",
            passed=True,
            why="calibration_error is 0.0200, at most 0.02 is asked",
        ),
        GateResult("rows", 1000, "at least 1001", passed=False, why="rows is 1000.0000, at least 1001 is asked"),
        GateResult("log_loss", 0.48, "at least 0.48", passed=True, why="log_loss is 0.4800, at least 0.48 is asked"),
    ]


@pytest.mark.parametrize(
    "holdout", [None, {"rows": 9, "positives": 9, "auc": math.nan, "log_loss": 1, "brier": 1, "calibration_error": 1}]
)
@pytest.mark.parametrize("limit", ["min", "max"])
def test_judge_fails_a_gate_that_cannot_be_computed(holdout: Metrics | None, limit: str) -> None:
    (found,) = judge({"auc": {limit: 0.5}}, holdout)
    assert (found.passed, found.why) == (False, "auc could not be computed on the holdout")
    assert math.isnan(found.value)


def test_judge_fails_a_gate_whose_limit_is_not_a_number() -> None:
    assert [found.passed for found in judge({"auc": {"min": math.nan, "max": math.nan}}, HOLDOUT)] == [False, False]


def test_every_gate_looks_at_its_metric() -> None:
    assert {name: look(HOLDOUT) for name, look in GATES.items()} == {
        "auc": 0.685, "log_loss": 0.48, "calibration_error": 0.02, "rows": 1000,
    }  # fmt: skip


@pytest.mark.parametrize("gate", ["auc: {min: 0.62}", "log_loss: {max: 1}", "rows: {min: 10, max: 20}"])
def test_check_gates_accepts_known_gates_with_numbers(tmp_path: Path, gate: str) -> None:
    check_gates(model(tmp_path, gate))


@pytest.mark.parametrize(
    ("gate", "what", "key", "expected"),
    [
        ("acu: {min: 0.62}", "There is no gate 'acu'.", "gates.acu", "did you mean 'auc'?"),
        (
            "speed: {min: 1}",
            "There is no gate 'speed'.",
            "gates.speed",
            "known: auc, calibration_error, log_loss, rows",
        ),
        ("auc: {minimum: 0.62}", "There is no limit 'minimum'.", "gates.auc.minimum", "min or max"),
        ("auc: {min: high}", "A limit is a number.", "gates.auc.min", None),
        ("auc: {min: true}", "A limit is a number.", "gates.auc.min", None),
        ("auc: {}", "The gate 'auc' has no limit.", "gates.auc", "min or max"),
    ],
)
def test_check_gates_points_at_what_is_wrong(tmp_path: Path, gate: str, what: str, key: str, expected: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check_gates(model(tmp_path, gate))
    error = caught.value
    assert (error.what, error.where, error.expected) == (what, f"{tmp_path}/late.yml:8, key {key}", expected)
