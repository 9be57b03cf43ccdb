"""Whether a number is like those before it: median and median distance from the median."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from assay.robust import spread
from silver.metrics import Metric, Number

Answer = Literal["ok", "breached", "too little history"]


@dataclass(frozen=True)
class Verdict:
    """What became of the comparison of one number."""

    answer: Answer
    nights: int
    """How many nights it was compared with, or could have been."""

    expected: float | None = None
    """The median of those nights."""

    least: float | None = None
    most: float | None = None
    """The range that stops nothing."""

    excess: float = 0.0
    """Distance from the median in tolerances; above 1 where it is breached."""


def judge(
    metric: Metric, past: Sequence[float], found: Number, *, tolerance: float, floor: float, at_least: int
) -> Verdict:
    """Compare one number with those of the nights before."""
    if len(past) < at_least:
        return Verdict("too little history", len(past))
    scaled, back = (math.log1p, _counted) if metric.scale == "ratio" else (float, float)
    values, actual = [scaled(value) for value in past], scaled(found.value)
    middle = median(values)
    least_difference = {"points": floor, "relative": floor * abs(middle), "ratio": math.log1p(floor)}[metric.scale]
    allowed = max(tolerance * spread(values), tolerance * found.noise, least_difference)
    distance = actual - middle if not metric.falls else abs(actual - middle)
    excess = distance / allowed if allowed else math.inf if distance > 0 else 0.0
    return Verdict(
        "breached" if distance > allowed * (1 + 1e-9) else "ok", len(past), back(middle),
        back(middle - allowed) if metric.falls else None, back(middle + allowed), excess,
    )  # fmt: skip


def _counted(logarithm: float) -> float:
    """A count from its logarithm; whole numbers come back whole."""
    return round(math.expm1(logarithm), 9)
