"""The paired bootstrap against rows that are really drawn, and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import (
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from model.gates.bootstrap import MEASURES, Numbers, Pair, differences

OF_CLASSES = {"auc": roc_auc_score, "log_loss": log_loss, "brier": brier_score_loss}
OF_NUMBERS = {"rmse": root_mean_squared_error, "mae": mean_absolute_error, "r2": r2_score}


def two_models(rows: int, steps: int) -> tuple[Numbers, Numbers, Numbers]:
    """Labels, and scores of two models with ties."""
    random = np.random.default_rng(rows)
    ours, theirs = random.integers(1, steps, (2, rows)) / steps
    return (random.random(rows) < (ours + theirs) / 2).astype(float), ours, theirs


def drawn_rows(units: np.ndarray, rounds: int, seed: int) -> list[np.ndarray]:
    """The rows of each round, as `differences` draws their units."""
    random, count = np.random.default_rng(seed), int(units.max()) + 1
    of_unit = [np.flatnonzero(units == unit) for unit in range(count)]
    return [np.concatenate([of_unit[unit] for unit in random.integers(0, count, count)]) for _ in range(rounds)]


@pytest.mark.parametrize("metric", [*OF_CLASSES, *OF_NUMBERS])
@pytest.mark.parametrize("together", [1, 4])
def test_differences_are_those_of_rows_that_are_drawn(metric: str, together: int) -> None:
    label, ours, theirs = two_models(200, 12)
    if metric in OF_NUMBERS:
        label = label * 3 + ours
    oracle = {**OF_CLASSES, **OF_NUMBERS}[metric]
    units = np.arange(200) // together
    measure = MEASURES[metric]
    pair = Pair(measure.of(label, ours), measure.of(label, theirs), units, measure.greater_is_better)
    found = differences(pair, 30, seed=3)
    better = 1 if metric in ("auc", "r2") else -1
    expected = [
        better * (oracle(label[at], ours[at]) - oracle(label[at], theirs[at])) for at in drawn_rows(units, 30, 3)
    ]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert len(set(found)) > 20


def test_calibration_error_is_that_of_the_holdout_s_metric() -> None:
    label, ours, _ = two_models(200, 50)
    place = np.minimum((ours * 10).astype(int), 9)
    gap = sum(abs((ours - label)[place == n].sum()) for n in range(10)) / 200
    assert MEASURES["calibration_error"].of(label, ours)(np.ones(200)) == pytest.approx(gap)


def test_a_metric_that_is_not_defined_is_not_a_number() -> None:
    label, score = np.array([1.0, 1.0]), np.array([0.2, 0.3])
    assert np.isnan(MEASURES["auc"].of(label, score)(np.ones(2)))
    assert np.isnan(MEASURES["r2"].of(label, score)(np.ones(2)))


def test_differences_are_the_same_every_time() -> None:
    label, ours, theirs = two_models(100, 9)
    measure = MEASURES["auc"]
    pair = Pair(measure.of(label, ours), measure.of(label, theirs), np.arange(100), greater_is_better=True)
    twice = [differences(pair, 50, seed=1) for _ in "12"]
    assert twice[0].tolist() == twice[1].tolist()
