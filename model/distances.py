"""How far two distributions of one value are apart, from their counts per bin or from their quantiles.

The population stability index is the sum over bins of (q - p) ln(q / p), where p and q are the bin's shares before and now:
Kullback and Leibler's divergence, both ways (Lewis, An Introduction to Credit Scoring, 1992; Siddiqi, Credit Risk Scorecards,
2006). Below 0.1 little has changed, above 0.25 much. Every bin has half a row more than it has, so that an empty one is rare
and not infinitely far.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
Numbers = NDArray[np.float64]


def of_numbers(before: Numbers, now: Numbers) -> float:
    """The index over the deciles of before; what is missing (NaN) is a bin of its own."""
    ends = deciles(before)
    return index(binned(before, ends), binned(now, ends))


def deciles(values: Numbers) -> Numbers:
    """The values that end a tenth of the known ones each, ascending; fewer where many are the same."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf"))


def binned(values: Numbers, ends: Numbers) -> Numbers:
    """Rows per bin: up to each of the ends, above the last of them, and without a value."""
    place = np.where(np.isnan(values), len(ends) + 1, np.searchsorted(ends, values, side="left"))
    return np.bincount(place, minlength=len(ends) + 2).astype(np.float64)


def of_categories(before: Mapping[Any, int], now: Mapping[Any, int]) -> float:
    """The index over the values; what is missing (None) is one of them."""
    values = list(dict.fromkeys([*before, *now]))
    return index(*(np.array([counts.get(value, 0) for value in values], dtype=np.float64) for counts in (before, now)))


def index(before: Numbers, now: Numbers) -> float:
    """The index of counts per bin; bins that are empty in both say nothing."""
    used = (before + now) > 0
    p, q = ((counts[used] + 0.5) / (counts[used] + 0.5).sum() for counts in (before, now))
    return float(((q - p) * np.log(q / p)).sum())


def by_chance(before: Numbers, now: Numbers) -> float:
    """An index that chance alone hardly reaches where nothing has changed.

    For so many rows of one distribution the index is spread about as chi-squared with a degree of freedom less than there
    are bins, divided by the harmonic sum of the rows (Yurdakul, Statistical Properties of Population Stability Index,
    2018). Three times its mean is the 99.9th percentile of ten bins, and the 98th of three.
    """
    bins = int(((before + now) > 0).sum())
    return float(3 * max(bins - 1, 1) * (1 / max(before.sum(), 1) + 1 / max(now.sum(), 1)))


def jensen_shannon(before: Numbers, now: Numbers) -> float:
    """Jensen and Shannon's distance of counts per bin, between 0 and 1: the root of their divergence in bits."""
    p, q = before / before.sum(), now / now.sum()
    middle = (p + q) / 2

    def divergence(of: Numbers) -> float:
        seen = of > 0
        return float((of[seen] * np.log2(of[seen] / middle[seen])).sum())

    return float(np.sqrt(max((divergence(p) + divergence(q)) / 2, 0.0)))


def of_quantiles(before: Numbers, now: Numbers) -> float:
    """The mean distance of quantiles at the same places, as a part of the range that those of before span.

    About the Wasserstein distance in units of the values' usual range; NaN where before has a single value.
    """
    span = float(before[-1] - before[0]) if len(before) else 0.0
    return float(np.abs(now - before).mean() / span) if span > 0 and len(now) == len(before) else float("nan")
