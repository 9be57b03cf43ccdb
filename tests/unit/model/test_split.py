"""A training set split in time: no label of a range is known only after the next range began."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.config.model import Split
from assay.errors import ModelError
from model.split import GAP, HOLDOUT, TRAIN, VALIDATION, assign

START = datetime(2013, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Night = tuple[datetime, datetime]


def nights(*known_after_days: float) -> list[Night]:
    """A night per day from the start, each with how many days later its last label was known."""
    return [(START + n * DAY, START + n * DAY + days * DAY) for n, days in enumerate(known_after_days)]


def days(count: int) -> timedelta:
    return count * DAY


def told(found: list[Night], split: Split) -> str:
    """The range of each night by its letter, oldest first: `tt.vv.hh`."""
    ranges = assign(found, split)
    return "".join("." if ranges[as_of] == GAP else ranges[as_of][0] for as_of, _ in sorted(found))


@pytest.mark.parametrize(
    ("known", "validation", "holdout", "expected"),
    [
        ([1] * 8, 2, 2, "ttttvvhh"),
        ([2] * 8, 2, 2, "tt.vv.hh"),
        ([1.5] * 8, 2, 2, "tt.vv.hh"),
        ([0.5] * 5, 1, 1, "tttvh"),
        ([1, 1, 9, 1, 1, 1, 1, 1], 2, 2, "tt.tvvhh"),
        ([1, 1, 1, 1, 2, 2, 1, 1], 2, 2, "tttvv.hh"),
        ([1] * 8, 5, 2, "tvvvvvhh"),
    ],
)
def test_assign_leaves_gaps_for_labels_that_were_not_yet_known(
    known: list[float], validation: int, holdout: int, expected: str
) -> None:
    assert told(nights(*known), Split(validation=days(validation), holdout=days(holdout))) == expected


def test_assign_counts_time_and_not_nights() -> None:
    found = [night for n, night in enumerate(nights(*[1] * 10)) if n not in (6, 8)]
    assert told(found, Split(validation=days(2), holdout=days(2))) == "ttttttvh"


def test_assign_does_not_ask_for_order() -> None:
    split = Split(validation=days(2), holdout=days(2))
    assert assign(nights(*[2] * 8)[::-1], split) == assign(nights(*[2] * 8), split)


def test_assign_gives_no_night_to_two_ranges_when_labels_are_known_before_their_night() -> None:
    assert told(nights(*[-5] * 6), Split(validation=days(2), holdout=days(2))) == "ttvvhh"


@pytest.mark.parametrize(
    ("count", "short"), [(0, "holdout"), (1, "validation"), (2, "validation"), (3, "train"), (4, "train")]
)
def test_assign_with_too_little_history_says_which_range_has_none(count: int, short: str) -> None:
    with pytest.raises(ModelError) as caught:
        assign(nights(*[1] * count), Split(validation=days(2), holdout=days(2)))
    error = caught.value
    assert (error.what, error.found, error.expected) == (
        f"There is too little history for the {short} range.",
        f"{count} nights with known labels",
        "more than holdout 2d + validation 2d and the gaps",
    )


def oracle(found: list[Night], split: Split) -> dict[datetime, str] | None:
    """Range by range from the newest, night by night; None where a range stays empty."""
    result = dict.fromkeys((as_of for as_of, _ in found), GAP)
    left = sorted(found)
    for name, length in ((HOLDOUT, split.holdout), (VALIDATION, split.validation), (TRAIN, None)):
        if not left:
            return None
        newest = left[-1][0]
        mine = [as_of for as_of, _ in left if length is None or newest - as_of < length]
        for as_of in mine:
            result[as_of] = name
        left = [(as_of, known) for as_of, known in left if as_of < mine[0] and known <= mine[0]]
    return result


@st.composite
def histories(draw: st.DrawFn) -> list[Night]:
    hours = draw(st.lists(st.integers(0, 24 * 30), unique=True, max_size=40))
    delays = draw(st.lists(st.integers(-24, 24 * 5), min_size=len(hours), max_size=len(hours)))
    return [
        (START + timedelta(hours=hour), START + timedelta(hours=hour + delay))
        for hour, delay in zip(hours, delays, strict=True)
    ]


@given(histories(), st.integers(1, 24 * 8), st.integers(1, 24 * 8))
def test_assign_equals_the_plain_oracle_and_lets_no_label_out_early(
    found: list[Night], validation: int, holdout: int
) -> None:
    split = Split(validation=timedelta(hours=validation), holdout=timedelta(hours=holdout))
    expected = oracle(found, split)
    if expected is None:
        with pytest.raises(ModelError, match="too little history"):
            assign(found, split)
        return
    ranges = assign(found, split)
    assert ranges == expected
    known_at = dict(found)
    members = {
        name: sorted(as_of for as_of in ranges if ranges[as_of] == name) for name in (TRAIN, VALIDATION, HOLDOUT)
    }
    for earlier, later in ((TRAIN, VALIDATION), (VALIDATION, HOLDOUT)):
        begins = members[later][0]
        assert members[earlier][-1] < begins
        assert max(known_at[as_of] for as_of in members[earlier]) <= begins
    assert members[HOLDOUT][-1] == max(known_at)
    assert members[HOLDOUT][-1] - members[HOLDOUT][0] < split.holdout
    assert members[VALIDATION][-1] - members[VALIDATION][0] < timedelta(hours=validation)


def test_assign_without_validation_leaves_one_gap() -> None:
    assert told(nights(*[2] * 8), Split(holdout=days(2))) == "ttttt.hh"
