"""When a number is unlike those before it, against an oracle and on the cases that it is there for."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silver.metrics import METRICS, Number
from silver.verdict import Verdict, judge

NIGHTS = 28
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def verdict(name: str, past: Sequence[float], actual: float, noise: float = 0.0) -> Verdict:
    """The verdict by a metric's own floor and the default tolerance."""
    metric = METRICS[name]
    return judge(metric, past, Number(actual, noise), tolerance=6, floor=metric.floor, at_least=7)


def middle_of(values: Sequence[float]) -> float:
    """The median, too simple to be wrong."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


@given(st.lists(numbers, min_size=7, max_size=30), numbers, st.floats(0, 100), st.floats(0.5, 10))
def test_a_number_is_breached_where_it_is_farther_off_than_deviations_noise_and_floor_allow(
    past: list[float], actual: float, noise: float, tolerance: float
) -> None:
    found = judge(METRICS["nulls"], past, Number(actual, noise), tolerance=tolerance, floor=0.5, at_least=7)
    middle = middle_of(past)
    distances = [abs(value - middle) for value in past]
    deviation = max(1.4826 * middle_of(distances), sorted(distances, reverse=True)[1] / 2)
    allowed = max(tolerance * deviation, tolerance * noise, 0.5)
    assert found.expected == middle
    assert (found.least, found.most) == pytest.approx((middle - allowed, middle + allowed))
    if not math.isclose(abs(actual - middle), allowed):
        assert (found.answer == "breached") == (abs(actual - middle) > allowed) == (found.excess > 1)


@given(st.lists(numbers, max_size=6), numbers)
def test_too_little_history_is_no_verdict(past: list[float], actual: float) -> None:
    assert verdict("mean", past, actual) == Verdict("too little history", len(past))


@pytest.mark.parametrize(
    ("name", "past", "actual", "answer"),
    [
        ("rows", [1000, 1040, 980, 1010, 990, 1020, 1000], 500, "breached"),  # half the volume
        ("rows", [1000, 1040, 980, 1010, 990, 1020, 1000], 2100, "breached"),
        ("rows", [1000, 1040, 980, 1010, 990, 1020, 1000], 0, "breached"),
        ("rows", [1000, 1040, 980, 1010, 990, 1020, 1000], 750, "ok"),
        ("rows", [1000, 1040, 60_000, 1010, 990, 1020, 1000, 1010], 500, "breached"),  # history landed at once was one
        ("nulls", [0, 0, 0, 0, 0, 0, 0], 0.99, "breached"),
        ("nulls", [0, 0, 0, 0, 0, 0, 0], 0.04, "ok"),
        ("nulls", [0, 0, 0.3, 0, 0.25, 0, 0], 0.6, "ok"),  # now and then there are many
        ("mean", [1040.0] * 7, 1040 * 1.609, "breached"),  # miles to km
        ("mean", [1040.0] * 7, 1100, "ok"),
        ("mean", [0.0] * 7, 5, "breached"),
        ("unique", [800, 810, 790, 805, 795, 800, 800], 1, "breached"),  # constant
        ("unique", [3, 3, 3, 3, 3, 3, 3], 2, "ok"),
        ("rejected", [0.2, 0.21, 0.19, 0.2, 0.2, 0.2, 0.2], 0, "ok"),  # fewer rejected is no defect
        ("rejected", [0, 0, 0, 0, 0, 0, 0.01], 0.1, "breached"),
    ],
)
def test_the_verdict_of_each_metric_by_its_own_floor(
    name: str, past: Sequence[float], actual: float, answer: str
) -> None:
    assert verdict(name, past, actual).answer == answer


def test_the_range_of_a_factor_is_told_in_the_metric_s_own_unit() -> None:
    found = verdict("rows", [999.0] * 7, 100)
    assert (found.expected, found.least, found.most) == pytest.approx((999, 1000 / 1.4 - 1, 1399))


def test_few_records_say_little() -> None:
    assert verdict("nulls", [0.0] * 7, 0.125, noise=math.sqrt(0.125 * 0.875 / 8)).answer == "ok"  # one of eight
    assert verdict("nulls", [0.0] * 7, 0.125, noise=math.sqrt(0.125 * 0.875 / 8000)).answer == "breached"
