"""When records happened, and when they could first be known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb

from assay.config.origins import Files
from assay.files import FileInfo
from assay.times import format_duration
from bronze.available import available_at
from jobs.begin.columns import Column
from jobs.begin.records import Looked

DAY = timedelta(days=1)
_PROMPT = timedelta(days=7)
"""A file that was written within this after its newest event was written when it was delivered, and not copied later."""

_DATED = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
_CALLED = re.compile(r"(?i:date|day|when|(?:^|_)at$)|[a-z]At$")
"""Words in names of days when something happened; times of day mostly are such."""

_OTHER_TIMES = re.compile(r"birth|updat|modif|valid|expir|due|end|until", re.IGNORECASE)
"""Words in names of times that are not when a record happened."""


@dataclass(frozen=True)
class Span:
    """The event times of a file's records."""

    file: FileInfo
    oldest: datetime
    newest: datetime
    """The end of the day, where events are days."""


@dataclass(frozen=True)
class Times:
    """What is proposed of a source's times."""

    event: Column | None
    event_why: str
    available: str | timedelta
    """`modified` or `file_name`, or a delay after the event."""

    available_why: str
    delay: timedelta
    """How long before a night the newest events lie that it knows."""

    oldest: datetime | None
    """The oldest and newest event."""

    newest: datetime | None
    known: datetime
    """When the last of the records becomes available."""

    ahead: bool = False
    """Whether records are available before their events: a plan."""

    @property
    def days(self) -> int:
        """How many days of events there are."""
        return 0 if self.oldest is None or self.newest is None else (self.newest - self.oldest) // DAY


def times_of(connection: duckdb.DuckDBPyConnection, looked: Looked, columns: Sequence[Column]) -> Times:
    """The event time of the records in the table `rows`, and what says when they became available."""
    event, why = _event(connection, looked, columns)
    named = [available_at(file, Files(files="*", available="file_name"), "UTC") for file in looked.group.files]
    known = [moment for moment in named if moment is not None]
    with_names = len(known) == len(named)
    written = max(file.modified_at for file in looked.group.files)
    if event is None:
        if with_names:
            return Times(None, why, "file_name", "each file's name begins with a date", DAY * 0, None, None, max(known))
        told = "nothing in the files says when they were delivered; what was copied later counts as known only then"
        return Times(None, why, "modified", told, DAY * 0, None, None, written)
    spans = _spans(connection, looked, event)
    oldest, newest = min(span.oldest for span in spans), max(span.newest for span in spans)
    if with_names and (delivered := _delivered_by_name(spans)):
        told = "each file's name begins with the time of its delivery"
        ahead = all(moment <= span.oldest for span, moment in delivered)
        lag = _lag(delivered)
        return Times(event, why, "file_name", told, lag, oldest, newest, max(known), ahead)
    same_day = DAY if event.type == "date" else DAY * 0
    if len(spans) > 1 and all(-same_day <= span.file.modified_at - span.newest <= _PROMPT for span in spans):
        told = "each file was written soon after its newest record"
        lag = _lag([(span, span.file.modified_at) for span in spans])
        return Times(event, why, "modified", told, lag, oldest, newest, written)
    covered = _middle([span.newest - span.oldest for span in spans]) if len(spans) > 1 else DAY
    delay = max(DAY, _up_to_days(covered)) if covered < 32 * DAY else DAY
    told = (
        f"the files were not written when they were delivered, as it seems; {format_duration(delay)} is a guess"
        if len(spans) == 1
        else f"a file covers up to {format_duration(delay)}, and was not written when it was delivered, as it seems"
    )
    return Times(event, why, delay, told, delay, oldest, newest, newest + delay)


def _event(
    connection: duckdb.DuckDBPyConnection, looked: Looked, columns: Sequence[Column]
) -> tuple[Column | None, str]:
    """The column that tells when a record happened, and what speaks for it."""
    able = [column for column in columns if column.is_time and column.always]
    if not able:
        return None, "no column with a date or a time in each record"
    able.sort(key=lambda column: (bool(_OTHER_TIMES.search(column.raw)), column.type != "timestamp", column.number))
    for column in able:
        if _goes_with_the_names(_spans(connection, looked, column)):
            return column, "its days are those in the files' names"
    for column in able:
        likely = column.type == "timestamp" or _CALLED.search(column.name)
        if likely and not _OTHER_TIMES.search(column.name):
            return column, f"the first {column.type} that is never missing, and is not named otherwise"
    return None, f"{able[0].name} does not look like when a record happened"


def _goes_with_the_names(spans: Sequence[Span]) -> bool:
    """Whether events lie about the dates in the files' names."""
    days = [(span, _day_in(span.file)) for span in spans]
    return bool(days) and all(
        day is not None
        and span.oldest - 7 * DAY <= day <= span.newest + 7 * DAY
        and span.newest - span.oldest < 62 * DAY
        for span, day in days
    )


def _day_in(file: FileInfo) -> datetime | None:
    match = _DATED.search(file.path.rpartition("/")[2])
    try:
        return datetime.combine(date(*map(int, match.groups())), datetime.min.time(), UTC) if match else None
    except ValueError:
        return None


def _spans(connection: duckdb.DuckDBPyConnection, looked: Looked, column: Column) -> list[Span]:
    found = connection.execute(
        f"SELECT file, min({column.value}), max({column.value}) FROM rows GROUP BY file ORDER BY file"
    ).fetchall()
    whole = DAY if column.type == "date" else DAY * 0
    return [
        Span(looked.read[number], _moment(least), _moment(most) + whole)
        for number, least, most in found
        if least is not None
    ]


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _delivered_by_name(spans: Sequence[Span]) -> list[tuple[Span, datetime]] | None:
    """When each file was delivered by its name; None where names are of the days that files tell of.

    A name with a time of day means a delivery. One with a date alone does if the events lie all before it, or after that day.
    """
    come = Files(files="*", available="file_name")
    delivered = [(span, moment) for span in spans if (moment := available_at(span.file, come, "UTC")) is not None]
    on_the_day = any(span.newest > moment and span.oldest < moment + DAY for span, moment in delivered)
    timed = all(re.match(r"\d{4}-\d{2}-\d{2}T\d", span.file.path.rpartition("/")[2]) for span in spans)
    return delivered if timed or not on_the_day else None


def _lag(delivered: Sequence[tuple[Span, datetime]]) -> timedelta:
    """Whole days by which the newest events that a midnight knows lie before it, mostly."""
    lags = [_midnight_after(moment) - span.newest for span, moment in delivered]
    return max(DAY * 0, timedelta(days=_middle(lags) // DAY))


def _middle(values: Sequence[timedelta]) -> timedelta:
    return sorted(values)[len(values) // 2]


def _midnight_after(moment: datetime) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if day == moment else day + DAY


def _up_to_days(value: timedelta) -> timedelta:
    return timedelta(days=-(-value // DAY))
