"""What is usual of a number, by the nights before: settings that monitors share, and the range that follows from them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from pydantic import Field

from assay.monitors.monitor import Settings
from assay.robust import spread
from assay.times import Duration


class ByHistory(Settings):
    """A number is compared with those of the nights before."""

    history: Duration = timedelta(days=28)
    """So far back the nights lie that a night is compared with."""

    at_least: int = Field(default=7, ge=3)
    """With fewer nights nothing is compared, and the monitor says so."""

    same_weekday: bool = False
    """Compare a night with nights of the same weekday alone; then `history` is to hold enough of them."""

    tolerance: float = Field(default=6, gt=0, le=100)
    """How far a number may be from the median of those nights, in robust standard deviations."""


@dataclass(frozen=True)
class Range:
    """Where numbers usually lie."""

    middle: float
    least: float
    most: float


def usual_count(past: Sequence[float], tolerance: float, floor: float) -> Range:
    """Where a count usually lies, by logarithms: half as many are as far off as twice as many.

    Args:
        past: Counts of the nights before.
        tolerance: Robust standard deviations.
        floor: The least part more or less that is unusual, such as 0.4.
    """
    logs = [math.log1p(value) for value in past]
    middle = median(logs)
    allowed = max(tolerance * spread(logs), math.log1p(floor))
    return Range(math.expm1(middle), math.expm1(max(middle - allowed, 0.0)), math.expm1(middle + allowed))


def usual_seconds(past: Sequence[float], tolerance: float, floor: float) -> Range:
    """How long something usually takes; what is less than `floor` seconds more is never unusual."""
    middle = median(past)
    return Range(middle, 0.0, middle + max(tolerance * spread(past), floor))
