"""The population stability index: how far two distributions of one value are apart.

The sum over bins of (q - p) ln(q / p), where p and q are the bin's shares before and now; Kullback and Leibler's divergence,
both ways (Lewis, An Introduction to Credit Scoring, 1992; Siddiqi, Credit Risk Scorecards, 2006). Below 0.1 little has
changed, above 0.25 much. Every bin has half a row more than it has, so that an empty one is rare and not infinitely far.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


def of_numbers(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """The index over the deciles of before; what is missing (NaN) is a bin of its own."""
    known = before[~np.isnan(before)]
    ends = (
        np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf")) if len(known) else np.empty(0)
    )

    def counts(values: NDArray[np.float64]) -> NDArray[np.float64]:
        place = np.where(np.isnan(values), len(ends) + 1, np.searchsorted(ends, values, side="left"))
        return np.bincount(place, minlength=len(ends) + 2).astype(np.float64)

    return index(counts(before), counts(now))


def of_categories(before: Mapping[Any, int], now: Mapping[Any, int]) -> float:
    """The index over the values; what is missing (None) is one of them."""
    values = list(dict.fromkeys([*before, *now]))
    return index(*(np.array([counts.get(value, 0) for value in values], dtype=np.float64) for counts in (before, now)))


def index(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """The index of counts per bin; bins that are empty in both say nothing."""
    used = (before + now) > 0
    p, q = ((counts[used] + 0.5) / (counts[used] + 0.5).sum() for counts in (before, now))
    return float(((q - p) * np.log(q / p)).sum())
