"""The grid that spans of time lie on. What is made of spans is held against plain loops in test_compute.py."""

from datetime import UTC, datetime, timedelta

import pytest

from gold.spans import Grid, Sections, tiles

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


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 64), (3, 4), (1, 90), (15, 17), (7, 365), (63, 65)])
def test_tiles_have_every_span_once_and_are_few(begin: int, end: int) -> None:
    made = [*tiles(begin, end)]
    assert [span for level, number in made for span in range(number * 4**level, (number + 1) * 4**level)] == [
        *range(begin, end)
    ]
    assert len(made) <= 6 * max(1, (end - begin).bit_length() / 2)


def test_sections_share_what_lies_in_several_windows() -> None:
    grid = Grid.of(as_ofs(0, 24), [timedelta(days=2), timedelta(days=7), None])
    assert grid is not None
    sections = Sections.of(grid, [timedelta(days=7), None, timedelta(days=2)])
    assert [sections.last_of(window) for window in (timedelta(days=2), timedelta(days=7), None)] == [0, 1, 2]
    places = sections.places()
    first, second = ([tile for tile, found in places.items() for at, _ in found if at == night] for night in (0, 1))
    assert sorted(first) == [(-1, 0), (0, 4), (0, 5), (0, 6), (1, 0)]  # a week, and what was before it
    assert sorted(second) == [(-1, 0), (0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7)]
    assert {section for found in places.values() for _, section in found} == {0, 1, 2}
