"""How the scores of a night are put into bins."""

import pytest

from assay.report import Scores
from assay.report.models import SCORE_BINS, apart, binned


def test_binned_scores_lie_between_the_ends_that_are_given() -> None:
    found = binned(-3.0, 37.0, {0: 1, 7: 5, 19: 2})
    assert found.edges == tuple(-3.0 + 2.0 * at for at in range(SCORE_BINS + 1))
    assert found.counts == (1, 0, 0, 0, 0, 0, 0, 5, *[0] * 11, 2)
    assert found.rows == 8


def test_binned_probabilities_have_round_ends() -> None:
    assert binned(0.0, 1.0, {0: 1}).edges == tuple(at / 20 for at in range(21))


def test_binned_tells_of_rows_outside_the_bins() -> None:
    found = binned(0.0, 1.0, {-1: 2, 3: 5})
    assert (sum(found.counts), found.rows) == (5, 7)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-3.0, 37.0, (-3.0, 37.0)),
        (1e-9, 2e-9, (1e-9, 2e-9)),
        (0.0, 0.0, (-1.0, 1.0)),
        (50.0, 50.0, (45.0, 55.0)),
        (-50.0, -50.0, (-55.0, -45.0)),
        (1e20, 1e20 + 16384, (9e19, 1.1e20)),
    ],
    ids=["apart", "small and apart", "all zero", "all the same", "all the same, below zero", "hardly apart"],
)
def test_apart_leaves_room_for_bins(low: float, high: float, expected: tuple[float, float]) -> None:
    found = apart(low, high)
    assert found == pytest.approx(expected)
    assert isinstance(binned(*found, {10: 3}), Scores)
