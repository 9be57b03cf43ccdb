"""Every aggregate once more, in plain Python: what audits and tests hold the tables against."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from assay.config import Feature


@dataclass(frozen=True)
class Window:
    """The values of one feature's window that are not NULL, oldest first, with their event times."""

    events: Sequence[tuple[datetime, Any]]
    as_of: datetime
    feature: Feature

    @property
    def values(self) -> list[Any]:
        """The values, oldest first."""
        return [value for _, value in self.events]


def _exact(value: Any) -> Any:
    """A number as it is summed: whole, or of nine places."""
    if isinstance(value, int):
        return value
    text = repr(value) if isinstance(value, float) else value
    return Decimal(text).quantize(Decimal("1e-9"), ROUND_HALF_UP)


def _sum(window: Window) -> Any:
    total = sum(map(_exact, window.values))
    return None if not window.values else total if isinstance(total, int) else float(total)


def _mean(window: Window) -> float | None:
    return float(sum(map(_exact, window.values))) / len(window.values) if window.values else None


def _variance(window: Window) -> float | None:
    values, n = window.values, len(window.values)
    if n < 2:
        return None
    total = float(sum(map(_exact, values)))
    squares = float(sum(value * value if isinstance(value, int) else _exact(float(value) ** 2) for value in values))
    return max(0.0, squares - total * total / n) / (n - 1)


def _stddev(window: Window) -> float | None:
    found = _variance(window)
    return None if found is None else math.sqrt(found)


def _rate(window: Window) -> float | None:
    return sum(window.values) / len(window.values) if window.values else None


def _hours_since(at: int) -> Callable[[Window], float | None]:
    return lambda window: (window.as_of - window.events[at][0]) / timedelta(hours=1) if window.events else None


def _most_frequent(window: Window) -> Any:
    counts = Counter(window.values)
    return min((value for value, n in counts.items() if n == max(counts.values())), default=None)


def _top_share(window: Window) -> float | None:
    most = Counter(window.values).most_common(window.feature.k)
    return sum(n for _, n in most) / len(window.values) if window.values else None


def _quantile(window: Window) -> float | None:
    """The true quantile, from which the sketch may be away by its accuracy."""
    ordered = sorted(map(float, window.values))
    return ordered[math.floor((window.feature.q or 0) * (len(ordered) - 1))] if ordered else None


def _age(window: Window, time: datetime) -> float:
    return (window.as_of - time) / timedelta(hours=1)


def _decayed_sum(window: Window) -> float | None:
    half_life = (window.feature.half_life or timedelta(0)) / timedelta(hours=1)
    weighed = [_exact(float(value) * 2.0 ** -(_age(window, time) / half_life)) for time, value in window.events]
    return float(sum(weighed)) if weighed else None


def _trend(window: Window) -> float | None:
    ages = [_age(window, time) for time, _ in window.events]
    if len(set(ages)) < 2:
        return None
    values, n = [float(value) for value in window.values], len(ages)
    age, value, squares, products = (
        float(sum(map(_exact, each)))
        for each in (ages, values, [a * a for a in ages], [a * v for a, v in zip(ages, values, strict=True)])
    )
    return (n * products - age * value) / (n * squares - age * age) * -24.0


PLAIN: dict[str, Callable[[Window], Any]] = {
    "count": lambda window: len(window.events),
    "sum": _sum,
    "mean": _mean,
    "min": lambda window: min(window.values, default=None),
    "max": lambda window: max(window.values, default=None),
    "variance": _variance,
    "stddev": _stddev,
    "rate": _rate,
    "first": lambda window: window.values[0] if window.values else None,
    "last": lambda window: window.values[-1] if window.values else None,
    "first_age": _hours_since(0),
    "last_age": _hours_since(-1),
    "distinct": lambda window: len(set(window.values)),
    "distinct_approx": lambda window: len(set(window.values)),
    "most_frequent": _most_frequent,
    "top_share": _top_share,
    "quantile": _quantile,
    "decayed_sum": _decayed_sum,
    "trend": _trend,
}
"""Name of an aggregate -> what it tells of a window."""

TOLERANCE = {"quantile": 0.01 + 1e-9, "distinct_approx": 0.1, "decayed_sum": 1e-6}
"""How far a sketch, or a power as Java has it, may be from the truth, as a share of it."""


def agrees(feature: Feature, told: Any, truth: Any) -> bool:
    """Whether a table's value of a feature is what plain Python finds: equal, or near enough where that is all it is."""
    if told is None or truth is None or feature.aggregate not in TOLERANCE:
        return bool(told == truth)
    return math.isclose(told, truth, rel_tol=TOLERANCE[feature.aggregate], abs_tol=1e-6)
