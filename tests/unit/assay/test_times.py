"""Durations and instants as text."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ConfigError
from assay.times import UNITS, format_duration, last_night, missed, nights, parse_as_of, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
    ],
)
def test_parse_duration_reads_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["7", "d", "7 d", "7D", "0d", "07d", "-1d", "1.5h", "1h30m", "7d\n", "9" * 30 + "d", "٣d", ""]
)
def test_parse_duration_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: a whole number and one of s, m, h, d, w, as in 7d"):
        parse_duration(text)


@pytest.mark.parametrize("value", [7, 7.0, True, None, ["7d"]])
def test_parse_duration_refuses_what_is_no_text(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@given(st.integers(1, 99_999_999), st.sampled_from(sorted(UNITS)))
def test_format_duration_reads_back_to_the_same_duration(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")
    assert duration == timedelta(seconds=number * UNITS[unit])
    if duration < timedelta(seconds=100_000_000):
        assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "told"), [("1d", "1d"), ("7d", "7d"), ("24h", "1d"), ("36h", "36h"), ("90s", "90s"), ("1w", "7d")]
)
def test_format_duration_is_short_and_counts_in_days_at_most(text: str, told: str) -> None:
    assert format_duration(parse_duration(text)) == told


@pytest.mark.parametrize(
    ("text", "night", "expected"),
    [
        ("2013-03-01", time(0), datetime(2013, 3, 1, tzinfo=UTC)),
        ("20130301", time(5, 30), datetime(2013, 3, 1, 5, 30, tzinfo=UTC)),
        ("2013-03-01", time(5, 30), datetime(2013, 3, 1, 5, 30, tzinfo=UTC)),
        ("2013-03-01T06:00:00Z", time(5, 30), datetime(2013, 3, 1, 6, tzinfo=UTC)),
        ("2013-03-01T06:00:00", time(5, 30), datetime(2013, 3, 1, 6, tzinfo=UTC)),
        ("2013-03-01T06:00:00-05:00", time(0), datetime(2013, 3, 1, 11, tzinfo=UTC)),
    ],
)
def test_parse_as_of_is_an_instant_in_utc(text: str, night: time, expected: datetime) -> None:
    found = parse_as_of(text, night)
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2013-02-30", "2013-13-01", "01/03/2013", "2013-03-01T25:00:00", "0001-01-01T00:00:00+23:00", ""],
)
def test_parse_as_of_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_as_of(text, time(0))
    error = caught.value
    assert (error.what, error.where, error.found) == ("The as_of is not a time.", "--as-of", text)
    assert "2013-03-01T00:00:00Z" in str(error.expected)


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(-3, 40))
def test_nights_are_a_day_apart_and_hold_both_ends(day: date, days: int) -> None:
    first = datetime.combine(day, time(5), tzinfo=UTC)
    oracle = []
    night = first
    while night <= first + timedelta(days=days):
        oracle.append(night)
        night += timedelta(days=1)
    assert nights(first, first + timedelta(days=days)) == oracle


@pytest.mark.parametrize(
    ("now", "night", "newest"),
    [
        ("2013-03-02T00:00:00Z", time(0), "2013-03-02T00:00Z"),
        ("2013-03-01T23:59:59Z", time(0), "2013-03-01T00:00Z"),
        ("2013-03-02T04:00:00Z", time(5, 30), "2013-03-01T05:30Z"),
        # New York goes to summer time at 07:00Z of the 10th: its evening of the 9th and of the 10th are 24 h apart in UTC
        ("2013-03-09T23:45:00-05:00", time(4, 30), "2013-03-10T04:30Z"),
        ("2013-03-11T00:29:00-04:00", time(4, 30), "2013-03-10T04:30Z"),
        ("2013-03-11T00:31:00-04:00", time(4, 30), "2013-03-11T04:30Z"),
        # and back at 06:00Z of 3 November: the hour that comes twice is not a second night
        ("2013-11-03T01:30:00-04:00", time(5, 30), "2013-11-03T05:30Z"),
        ("2013-11-03T01:30:00-05:00", time(5, 30), "2013-11-03T05:30Z"),
    ],
)
def test_last_night_is_the_newest_that_has_come(now: str, night: time, newest: str) -> None:
    assert last_night(datetime.fromisoformat(now), night) == datetime.fromisoformat(newest)


@pytest.mark.parametrize(
    ("complete", "days"),
    [
        (None, []),
        ("2013-03-12T04:30Z", []),
        ("2013-03-11T04:30Z", []),
        ("2013-03-13T00:00Z", []),
        ("2013-03-08T04:30Z", [9, 10, 11]),  # New York's clock is set on the 10th
        ("2013-03-08T00:00Z", [8, 9, 10, 11]),  # the night was at another time of day then
        ("2013-03-10T12:00Z", [11]),
    ],
)
def test_missed_nights_are_those_between_the_last_complete_one_and_the_one_that_is_due(
    complete: str | None, days: list[int]
) -> None:
    due = datetime(2013, 3, 12, 4, 30, tzinfo=UTC)
    found = missed(due, datetime.fromisoformat(complete) if complete else None)
    assert found == [datetime(2013, 3, day, 4, 30, tzinfo=UTC) for day in days]
