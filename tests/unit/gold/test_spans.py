"""The grid that spans of time lie on. What is made of spans is held against plain loops in test_compute.py."""

from datetime import UTC, datetime, timedelta

import pytest

from gold.spans import Grid

FIRST = datetime(2013, 3, 1, tzinfo=UTC)
HOUR = 3_600_000_000


def as_ofs(*hours: float) -> list[datetime]:
    return [FIRST + timedelta(hours=hour) for hour in hours]


@pytest.mark.parametrize(
    ("times", "windows", "night", "span", "last"),
    [
        (as_ofs(0, 24, 48), [timedelta(days=1), timedelta(days=7)], 24, 24, 2),
        (as_ofs(0, 24, 48), [timedelta(hours=36), None], 24, 12, 2),
        (as_ofs(48, 0, 72, 0), [timedelta(days=1)], 24, 24, 3),
        (as_ofs(7, 9, 12), [timedelta(hours=3)], 1, 1, 5),
        (as_ofs(0, 24), [None], 24, 24, 1),
    ],
    ids=["nights", "half days", "a gap, unordered, twice", "uneven", "lifetime"],
)
def test_grid_has_every_as_of_and_every_end_of_a_window(
    times: list[datetime], windows: list[timedelta | None], night: int, span: int, last: int
) -> None:
    grid = Grid.of(times, windows)
    assert grid is not None
    assert (grid.night, grid.span, grid.last) == (night * HOUR, span * HOUR, last)
    assert grid.as_ofs == tuple(sorted(set(times)))


@pytest.mark.parametrize("times", [as_ofs(0), as_ofs(3, 3), as_ofs(0, 24, 48.001)], ids=["one", "one twice", "no grid"])
def test_as_ofs_without_a_grid_have_none(times: list[datetime]) -> None:
    assert Grid.of(times, [timedelta(days=1)]) is None
