"""Durations (`7d`, `1h`) and instants (always UTC) as text in configuration and on the command line."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from assay.errors import ConfigError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
DURATION_PATTERN = r"^[1-9][0-9]{0,7}(s|m|h|d|w)$"


def parse_duration(text: object) -> timedelta:
    """`90s`, `15m`, `1h`, `7d`, `2w` as a timedelta; ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration: a whole number and one of s, m, h, d, w, as in 7d")
    return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])


def format_duration(value: timedelta) -> str:
    """The shortest text that reads back to the same duration."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % UNITS[unit] == 0:
            return f"{seconds // UNITS[unit]}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as America/New_York") from error
    return name


TimeZone = Annotated[str, AfterValidator(_zone)]


def parse_as_of(text: str, night: time) -> datetime:
    """An as_of from the command line: a date means that date's night time, UTC.

    Args:
        text: `2013-03-01` or an ISO instant such as `2013-03-01T00:00:00Z`.
        night: The lakehouse's nightly as_of, a time of day in UTC.
    """
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), night, tzinfo=UTC)
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            "The as_of is not a time.",
            where="--as-of",
            found=text,
            expected="a date such as 2013-03-01, or an instant such as 2013-03-01T00:00:00Z",
        ) from error


def nights(first: datetime, last: datetime) -> list[datetime]:
    """Every nightly as_of from first to last, both included, a day apart."""
    days = (last - first).days
    return [first + timedelta(days=n) for n in range(days + 1)]


def last_night(now: datetime, night: time) -> datetime:
    """The newest nightly as_of that is not after a moment.

    Args:
        now: The moment, in any zone.
        night: The lakehouse's nightly as_of, a time of day in UTC. So nights are 24 hours apart wherever they are read.
    """
    found = datetime.combine(now.astimezone(UTC).date(), night, tzinfo=UTC)
    return found if found <= now else found - timedelta(days=1)


def missed(due: datetime, complete: datetime | None) -> list[datetime]:
    """The nights before one that is due and after the last complete one, oldest first; none before the first."""
    if complete is None or complete >= due:
        return []
    count = (due - complete - timedelta(microseconds=1)) // timedelta(days=1)
    return [due - timedelta(days=n) for n in range(count, 0, -1)]
