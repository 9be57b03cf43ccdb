"""The paired bootstrap: how sure a difference between two models is, from the rows that both have scored.

Rows are drawn with replacement, each draw the same for both models, so that what makes a row hard for both plays no
part (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Statistic = Callable[[Numbers], float]
"""A metric of the rows, from how often each is drawn."""

BINS = 10

# Sums of products below are no dot products: those go to BLAS, whose threads wait for each other longer than they work.


@dataclass(frozen=True)
class Measure:
    """A metric that can be bootstrapped."""

    of: Callable[[Numbers, Numbers], Statistic]
    """From labels and scores: what depends on the rows alone is worked out once."""

    greater_is_better: bool


@dataclass(frozen=True)
class Pair:
    """A metric of two models over the same rows in the same order."""

    ours: Statistic
    theirs: Statistic
    units: NDArray[np.int64]
    """Number from 0 of the unit that each row belongs to; units are drawn as a whole."""
    greater_is_better: bool


def auc(label: Numbers, score: Numbers) -> Statistic:
    """Area under the ROC curve, the share of pairs that are in order; a tie is half a pair."""
    is_positive = label > 0.5
    positives, negatives = np.flatnonzero(is_positive), np.flatnonzero(~is_positive)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    below = np.searchsorted(score[negatives], score[positives], side="left")
    not_above = np.searchsorted(score[negatives], score[positives], side="right")

    def of(drawn: Numbers) -> float:
        upto = np.concatenate(([0.0], np.cumsum(drawn[negatives])))
        weights = drawn[positives]
        pairs = weights.sum() * upto[-1]
        return float((weights * (upto[below] + upto[not_above])).sum() / 2 / pairs) if pairs else float("nan")

    return of


def calibration_error(label: Numbers, score: Numbers) -> Statistic:
    """Mean distance of score and rate over ten bins of equal width, weighted by rows."""
    place = np.minimum((score * BINS).astype(np.int64), BINS - 1)
    gap = score - label

    def of(drawn: Numbers) -> float:
        return float(np.abs(np.bincount(place, drawn * gap, BINS)).sum() / drawn.sum())

    return of


def r2(label: Numbers, score: Numbers) -> Statistic:
    """Share of the label's variance that the score explains."""
    squares = (label - score) ** 2

    def of(drawn: Numbers) -> float:
        mean = (drawn * label).sum() / drawn.sum()
        spread = (drawn * (label - mean) ** 2).sum()
        return float(1 - (drawn * squares).sum() / spread) if spread > 0 else float("nan")

    return of


def mean_of(values: Callable[[Numbers, Numbers], Numbers]) -> Callable[[Numbers, Numbers], Statistic]:
    """The mean of a number per row."""

    def prepare(label: Numbers, score: Numbers) -> Statistic:
        each = values(label, score)
        return lambda drawn: float((drawn * each).sum() / drawn.sum())

    return prepare


def _rmse(label: Numbers, score: Numbers) -> Statistic:
    mean = mean_of(_square)(label, score)
    return lambda drawn: float(np.sqrt(mean(drawn)))


def _square(label: Numbers, score: Numbers) -> Numbers:
    return np.asarray((label - score) ** 2)


def _loss(label: Numbers, score: Numbers) -> Numbers:
    bounded = np.clip(score, 1e-15, 1 - 1e-15)
    return np.asarray(-np.where(label > 0.5, np.log(bounded), np.log1p(-bounded)))


MEASURES: Mapping[str, Measure] = {
    "auc": Measure(auc, greater_is_better=True),
    "log_loss": Measure(mean_of(_loss), greater_is_better=False),
    "accuracy": Measure(mean_of(lambda right, _: right), greater_is_better=True),
    "brier": Measure(mean_of(_square), greater_is_better=False),
    "calibration_error": Measure(calibration_error, greater_is_better=False),
    "rmse": Measure(_rmse, greater_is_better=False),
    "mae": Measure(mean_of(lambda label, score: np.abs(label - score)), greater_is_better=False),
    "r2": Measure(r2, greater_is_better=True),
}
"""Metric of rows -> how it is bootstrapped; the same numbers as `model.tasks` tells. Of several classes, a label is
whether the predicted one was right; and of the log loss it is 1, the score being the probability of the class that was."""


def differences(pair: Pair, rounds: int, seed: int) -> Numbers:
    """How much better ours is than theirs in each round of draws; NaN where a round has no metric."""
    random = np.random.default_rng(seed)
    count = int(pair.units.max()) + 1
    found = np.empty(rounds)
    for at in range(rounds):
        drawn = np.bincount(random.integers(0, count, count), minlength=count)[pair.units].astype(np.float64)
        found[at] = pair.ours(drawn) - pair.theirs(drawn)
    return found if pair.greater_is_better else -found
