"""The population stability index by hand; the other distances against SciPy."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon  # type: ignore[import-untyped]
from scipy.stats import wasserstein_distance  # type: ignore[import-untyped]

from model.distances import by_chance, index, jensen_shannon, of_categories, of_numbers, of_quantiles

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


@pytest.mark.parametrize("seed", range(5))
def test_jensen_shannon_is_scipy_s(seed: int) -> None:
    random = np.random.default_rng(seed)
    before, now = (random.integers(0, 40, 12).astype(np.float64) for _ in range(2))
    assert jensen_shannon(before, now) == pytest.approx(jensenshannon(before, now, base=2))
    assert jensen_shannon(before, before) == 0.0
    assert jensen_shannon(np.array([3.0, 0]), np.array([0, 7.0])) == 1.0


def test_of_quantiles_is_about_wasserstein_s_distance_in_parts_of_the_range() -> None:
    random = np.random.default_rng(1)
    before, now = random.normal(0, 1, 20_000), random.normal(0.7, 1.5, 20_000)
    places = np.arange(1, 20) / 20
    quantiles = [np.quantile(values, places) for values in (before, now)]
    span = quantiles[0][-1] - quantiles[0][0]
    assert of_quantiles(*quantiles) == pytest.approx(wasserstein_distance(before, now) / span, rel=0.1)
    assert math.isnan(of_quantiles(np.array([2.0, 2.0]), np.array([3.0, 3.0])))
    assert math.isnan(of_quantiles(quantiles[0], np.empty(0)))


def test_chance_alone_hardly_reaches_by_chance() -> None:
    random = np.random.default_rng(7)
    whole = random.multinomial(2_000, [0.1] * 10).astype(np.float64)
    nights = [random.multinomial(60, [0.1] * 10).astype(np.float64) for _ in range(1_000)]
    beyond = [night for night in nights if index(whole, night) > by_chance(whole, night)]
    assert len(beyond) < 10
