"""A spread that one odd night does not move."""

from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from assay.robust import spread

numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(st.lists(numbers, min_size=7, max_size=20), numbers)
def test_one_odd_night_among_ordinary_ones_hardly_moves_what_is_allowed(past: list[float], odd: float) -> None:
    distances = sorted(abs(value - median(past)) for value in [*past, past[0]])
    assert spread([*past, odd]) <= 2 * 1.4826 * (distances[-1] + max(past) - min(past) + 1e-9)
