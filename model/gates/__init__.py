"""Gates: what a trained model must pass before it may become champion. Each is one function, known by its name.

A gate that cannot be evaluated has failed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from assay.config import Model
from assay.errors import nearest
from model.tasks import Metrics


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict."""

    gate: str
    value: float
    limit: str
    passed: bool
    why: str


Gate = Callable[[Metrics], float]
GATES: dict[str, Gate] = {}


def gate(name: str) -> Callable[[Gate], Gate]:
    """Register a gate by the number of the holdout that it looks at."""

    def register(function: Gate) -> Gate:
        GATES[name] = function
        return function

    return register


@gate("auc")
def _auc(holdout: Metrics) -> float:
    """Area under the ROC curve."""
    return holdout["auc"]


@gate("log_loss")
def _log_loss(holdout: Metrics) -> float:
    """Mean negative log likelihood."""
    return holdout["log_loss"]


@gate("calibration_error")
def _calibration_error(holdout: Metrics) -> float:
    """Expected calibration error."""
    return holdout["calibration_error"]


@gate("rows")
def _rows(holdout: Metrics) -> float:
    """Rows of the holdout."""
    return holdout["rows"]


def check_gates(model: Model) -> None:
    """Raise ConfigError where a model names a gate or a limit that does not exist."""
    for name, limits in model.gates.items():
        if name not in GATES:
            raise model.error(f"There is no gate {name!r}.", "gates", name, found=name, expected=nearest(name, GATES))
        for limit, value in limits.items():
            if limit not in ("min", "max"):
                raise model.error(
                    f"There is no limit {limit!r}.", "gates", name, limit, found=limit, expected="min or max"
                )
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise model.error("A limit is a number.", "gates", name, limit, found=repr(value))
        if not limits:
            raise model.error(f"The gate {name!r} has no limit.", "gates", name, expected="min or max")


def judge(gates: Mapping[str, Mapping[str, Any]], holdout: Metrics | None) -> list[GateResult]:
    """Every gate's verdict on the holdout's metrics; without a holdout every gate fails."""
    return [
        _judge(name, kind, float(limit), GATES[name](holdout) if holdout else math.nan)
        for name, limits in gates.items()
        for kind, limit in limits.items()
    ]


def _judge(name: str, kind: str, limit: float, value: float) -> GateResult:
    told = f"{'at least' if kind == 'min' else 'at most'} {limit:g}"
    if math.isnan(value):
        return GateResult(name, value, told, passed=False, why=f"{name} could not be computed on the holdout")
    passed = value >= limit if kind == "min" else value <= limit
    return GateResult(name, value, told, passed, f"{name} is {value:.4f}, {told} is asked")
