"""When records happened, and when they could first be known."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from jobs.begin.source import Proposed

SourceOf = Callable[[Mapping[str, str]], Proposed]
DAY = timedelta(days=1)


def days(name: str, clock: str = "", shift: int = 0) -> dict[str, str]:
    """A file for each of three days, with two records of its day or one so many days later."""
    return {
        name.format(d): f"id,at\n{d}-1,2024-01-0{d + shift}{clock}\n{d}-2,2024-01-0{d + shift}{clock}\n"
        for d in (2, 3, 4)
    }


@pytest.mark.parametrize(
    ("files", "available", "delay"),
    [
        (days("2024-01-0{}T22-00.csv"), "file_name", 0),  # the same evening
        (days("2024-01-0{}T06-00.csv", shift=-1), "file_name", 1),  # the morning after: the night before it has none
        (days("2024-01-0{}.csv", shift=-1), "file_name", 0),  # at the midnight that ends the day
        (days("2024-01-0{}.csv", "T10:00"), DAY, 1),  # named by the day that it tells of
        (days("sales-2024-01-0{}.csv", "T10:00"), DAY, 1),
    ],
    ids=["evening", "morning", "midnight", "day of the events", "no time in front"],
)
def test_when_files_were_delivered(
    source_of: SourceOf, files: dict[str, str], available: str | timedelta, delay: int
) -> None:
    times = source_of(files).times
    assert times.event is not None
    assert (times.event.name, times.available, times.delay, times.ahead) == ("at", available, delay * DAY, False)


def test_a_plan_is_known_before_its_events(source_of: SourceOf) -> None:
    times = source_of(days("2024-01-0{}T18-00.csv", "T10:00", shift=1)).times
    assert (times.available, times.ahead) == ("file_name", True)
    assert (times.oldest, times.newest) == (datetime(2024, 1, 3, 10, tzinfo=UTC), datetime(2024, 1, 5, 10, tzinfo=UTC))
    assert times.known == datetime(2024, 1, 4, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "later", "available", "delay", "known"),
    [
        ("", timedelta(hours=12), "modified", 0, datetime(2024, 1, 4, 22, tzinfo=UTC)),
        ("T10:00", timedelta(hours=13), "modified", 0, datetime(2024, 1, 4, 23, tzinfo=UTC)),
        ("T10:00", timedelta(hours=20), "modified", 1, datetime(2024, 1, 5, 6, tzinfo=UTC)),
        ("T10:00", timedelta(days=9), DAY, 1, datetime(2024, 1, 5, 10, tzinfo=UTC)),
    ],
    ids=["days, that evening", "the same night", "the morning after", "copied later"],
)
def test_files_that_were_written_as_they_came_say_so_themselves(
    source_of: Callable[..., Proposed],
    clock: str,
    later: timedelta,
    available: str | timedelta,
    delay: int,
    known: datetime,
) -> None:
    def written(name: str) -> datetime:
        return datetime(2024, 1, int(name[6]), 10, tzinfo=UTC) + later

    times = source_of(days("sales-{}.csv", clock), written).times
    assert (times.available, times.delay, times.known) == (available, delay * DAY, known)


def test_a_file_of_weeks_is_known_after_them(source_of: SourceOf) -> None:
    files = {f"w-{d}.csv": f"id,day\na{d},2024-01-{d}\nb{d},2024-01-{d + 6}\n" for d in (10, 17)}
    times = source_of(files).times
    assert (times.available, times.known) == (7 * DAY, datetime(2024, 1, 31, tzinfo=UTC))


def test_the_event_time_is_the_one_that_goes_with_the_files_names(source_of: SourceOf) -> None:
    files = {f"s-2024-01-0{d}.csv": f"id,start_time,seen\n{d},199{d}-01-01T00:00,2024-01-0{d}\n" for d in (1, 2)}
    found = source_of(files)
    assert (found.event_time, found.times.event_why) == ("seen_at", "its days are those in the files' names")


@pytest.mark.parametrize("header", ["id,birth_date", "id,valid_until", "id,x"])
def test_not_every_time_is_when_something_happened(source_of: SourceOf, header: str) -> None:
    found = source_of({"a.csv": f"{header}\n1,2001-01-01\n2,2002-01-01\n"})
    assert (found.event_time, found.times.available) == (None, "modified")


def test_a_time_that_is_missing_somewhere_is_no_event_time(source_of: SourceOf) -> None:
    assert source_of({"a.csv": "id,created_at\n1,2001-01-01T00:00\n2,\n"}).event_time is None
