"""Folds in order of time."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.errors import ModelError
from model.tuning import folds

FIRST = datetime(2013, 3, 1, tzinfo=UTC)


def nights(count: int, delay: timedelta) -> list[tuple[datetime, datetime]]:
    return [(FIRST + timedelta(days=n), FIRST + timedelta(days=n) + delay) for n in range(count)]


def days(found: frozenset[datetime]) -> list[int]:
    return sorted(as_of.day for as_of in found)


def test_folds_learn_from_what_was_known_before_they_begin() -> None:
    found = folds(nights(8, timedelta(hours=30)), 3)
    assert [(days(learned), days(judged)) for learned, judged in found] == [
        ([1], [3, 4]),  # the label of the 2nd is known on the 3rd at six: too late
        ([1, 2, 3], [5, 6]),
        ([1, 2, 3, 4, 5], [7, 8]),
    ]


def test_folds_cut_what_does_not_divide_evenly() -> None:
    found = folds(nights(10, timedelta(hours=20)), 3)
    assert [days(judged) for _, judged in found] == [[3, 4, 5], [6, 7, 8], [9, 10]]
    assert [days(learned)[-1] for learned, _ in found] == [2, 5, 8]


@pytest.mark.parametrize(("count", "delay"), [(3, timedelta(hours=20)), (8, timedelta(days=9))])
def test_folds_need_nights_with_known_labels_before_each(count: int, delay: timedelta) -> None:
    with pytest.raises(ModelError, match="too little history for the folds"):
        folds(nights(count, delay), 4)
