"""Median and median distance from the median: what is ordinary, unmoved by one odd night."""

from collections.abc import Sequence
from statistics import median

ROBUST = 1.4826
"""Times the median distance from the median, it is the standard deviation of numbers that are spread as a bell."""


def spread(past: Sequence[float]) -> float:
    """How far ordinary numbers lie from their median: a standard deviation that one odd night does not move.

    Numbers that are mostly the same and sometimes far off have hardly a median distance: then it is half the second
    greatest distance.
    """
    middle = median(past)
    distances = sorted(abs(value - middle) for value in past)
    return max(ROBUST * median(distances), distances[-2] / 2)
