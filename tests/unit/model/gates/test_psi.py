"""The population stability index, by hand."""

import math

import numpy as np
import pytest

from model.gates.psi import index, of_categories, of_numbers

NAN = math.nan


def by_hand(before: list[float], now: list[float]) -> float:
    """Of counts per bin, half a row added to each."""
    p = [(n + 0.5) / (sum(before) + len(before) / 2) for n in before]
    q = [(n + 0.5) / (sum(now) + len(now) / 2) for n in now]
    return sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def test_index_of_counts() -> None:
    # shares 3/4 and 1/4 become 1/2 and 1/2: (1/2 - 3/4) ln(2/3) + (1/2 - 1/4) ln 2
    assert index(np.array([2.5, 0.5]), np.array([1.5, 1.5])) == pytest.approx(0.25 * math.log(3))
    assert index(np.array([5.0, 0, 3]), np.array([5.0, 0, 3])) == 0.0


def test_of_categories_has_missing_and_new_values_as_bins() -> None:
    before, now = {"AA": 6, "UA": 3, None: 1}, {"AA": 2, None: 2, "ZZ": 1}
    assert of_categories(before, now) == pytest.approx(by_hand([6, 3, 1, 0], [2, 0, 2, 1]))


def test_of_numbers_has_deciles_of_before_and_a_bin_of_what_is_missing() -> None:
    before = np.array([float(n) for n in range(1, 101)] + [NAN] * 5)
    now = np.array([5.0, 10.0, 11.0, 95.0, 200.0, -3.0, NAN])
    # bins end at 10, 20, …, 90, both ends in the lower bin
    expected = by_hand([*[10] * 10, 5], [3, 1, *[0] * 7, 2, 1])
    assert of_numbers(before, now) == pytest.approx(expected)
    assert of_numbers(before, before) == 0.0


def test_of_numbers_of_few_values_has_a_bin_for_each() -> None:
    before, now = np.array([0.0] * 90 + [1.0] * 10), np.array([0.0] * 5 + [1.0] * 5)
    assert of_numbers(before, now) == pytest.approx(by_hand([90, 10], [5, 5]))


def test_of_numbers_of_nothing_known() -> None:
    assert of_numbers(np.array([NAN] * 9), np.array([NAN] * 3)) == 0.0
    assert of_numbers(np.array([NAN] * 9), np.array([1.0, NAN])) == pytest.approx(by_hand([9, 0], [1, 1]))
