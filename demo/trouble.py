"""What goes wrong in the quarter: each trouble alters what is delivered, or what is done on a night, and can be looked for."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from demo.replay import Delivery

DAY = timedelta(days=1)


def night(month: int, day: int) -> datetime:
    """A night of 2013."""
    return datetime(2013, month, day, tzinfo=UTC)


LATE, CUT, KILLED, SIMPLE, CELSIUS, RENAMED = (
    night(3, 15), night(3, 21), night(3, 27), night(4, 5), night(4, 11), night(4, 18),
)  # fmt: skip
"""The first night of each trouble."""
COME = datetime(2013, 3, 17, 6)  # noqa: DTZ001  # New York's clock, as deliveries are
"""When the outcomes that were late come."""
CAME = night(3, 18)
"""The night that sees them, three days' outcomes in one: silver stops, and somebody takes them in."""
_OTHER_DIGITS = str.maketrans("0123456789", "ABCDEFGHJK")


@dataclass(frozen=True)
class Whole:
    """A file that came wrong, and what it is when it is delivered anew."""

    source: str
    why: str
    """Why the batch is set aside."""
    anew: Delivery


def altered(delivery: Delivery) -> tuple[Delivery, Whole | None]:
    """What comes of a delivery, and of one that is wrong, what it should have been."""
    at, feed = delivery.at, delivery.feed
    if feed == "outcomes" and at.date() in (date(2013, 3, 14), date(2013, 3, 15)):
        return replace(delivery, at=COME + timedelta(minutes=at.day)), None
    if feed == "schedule" and at.date() == (CUT - DAY).date():
        half = delivery.content.index(b"\n", len(delivery.content) // 2) + 3
        return replace(delivery, content=delivery.content[:half]), Whole(feed, "The file was cut off.", delivery)
    if feed == "weather" and at.date() == (CELSIUS - DAY).date():
        return _changed(delivery, "temp", _celsius), Whole(feed, "Degrees Celsius.", delivery)
    flown = at.date() + DAY if feed == "schedule" else at.date() - DAY
    if feed in ("schedule", "outcomes") and flown >= RENAMED.date():
        return _changed(
            delivery, "tailnum", lambda tail: tail if tail == "NA" else "N" + tail[1:].translate(_OTHER_DIGITS)
        ), None
    return delivery, None


def _celsius(degrees: str) -> str:
    return degrees if degrees == "NA" else f"{(float(degrees) - 32) / 1.8:.2f}"


def _changed(delivery: Delivery, column: str, how: Callable[[str], str]) -> Delivery:
    """A delivery with other values in a column."""
    rows = list(csv.DictReader(io.StringIO(delivery.content.decode())))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, column: how(row[column])} for row in rows)
    return replace(delivery, content=text.getvalue().encode())


def _scored(when: datetime) -> str:
    """Whether every flight of a night has one prediction."""
    return f"""(select count(*) = count(distinct carrier, flight, origin, flight_date) and count(*) = (
          select count(*) from silver.schedule where timestamp(flight_date) = '{when:%Y-%m-%d}')
        from gold.late_arrival_predictions where as_of = '{when:%Y-%m-%d}' and role = 'champion')"""


def _stopped(source: str, when: datetime) -> str:
    """Whether silver stopped on a night, the batch that did it is in quarantine, and the night is scored."""
    return f"""select
        exists (select 1 from ops.runs where stage = 'silver' and status = 'failed' and as_of = '{when:%Y-%m-%d}') as stopped,
        (select count(distinct batch) from silver.{source}__quarantine q
          left semi join ops.rejected r on r.source = '{source}' and r.batch = q.batch
          where as_of = '{when:%Y-%m-%d}') = 1 as set_aside,
        {_scored(when)} as scored"""


@dataclass(frozen=True)
class Expected:
    """A trouble, and how the tables are asked whether what should come of it has."""

    when: datetime
    planted: str
    query: str
    """Gives one row: a truth for each thing that should be, by its name."""


EXPECTED = (
    Expected(
        LATE, "two days' outcomes come three days late",
        """select count(distinct as_of) = 2 as amber_without_them,
            (select count(distinct flight_date) from silver.outcomes where flight_date in ('2013-03-13', '2013-03-14')) = 2 as taken_in
          from ops.runs where stage = 'report' and as_of in ('2013-03-15', '2013-03-16')
            and exists(notes, n -> n like 'amber: outcomes brought nothing%')""",
    ),
    Expected(CUT, "a schedule is cut off in the middle", _stopped("schedule", CUT)),
    Expected(
        KILLED, "the night is killed while it scores",
        f"""select (select count(*) from ops.runs where stage = 'bronze' and as_of = '{KILLED:%Y-%m-%d}') = 2 as ran_twice,
            {_scored(KILLED)} as scored""",
    ),
    Expected(
        SIMPLE, "somebody leaves the model two trees of one question each",
        f"""select
            exists (select 1 from ops.gates where as_of = '{SIMPLE:%Y-%m-%d}' and not passed) as refused,
            exists (select 1 from ops.alerts where kind = 'gate' and as_of = '{SIMPLE:%Y-%m-%d}') as told,
            (select count(distinct model_version) from gold.late_arrival_predictions
              where as_of between '{SIMPLE - DAY:%Y-%m-%d}' and '{SIMPLE:%Y-%m-%d}') = 1 as champion_stays,
            {_scored(SIMPLE)} as scored""",
    ),
    Expected(CELSIUS, "temperatures come in degrees Celsius", _stopped("weather", CELSIUS)),
    Expected(
        RENAMED, "all planes get other numbers, so that what is known of them no longer joins",
        f"""select
            exists (select 1 from ops.watch where monitor = 'drift' and status = 'bad' and name like 'tail_delays%'
              and as_of between '{RENAMED:%Y-%m-%d}' and '{RENAMED + 7 * DAY:%Y-%m-%d}') as told,
            exists (select 1 from ops.runs where stage = 'policy' and exists(notes, n -> n like '%a training is due before its time%')
              and as_of between '{RENAMED:%Y-%m-%d}' and '{RENAMED + 7 * DAY:%Y-%m-%d}') as trained_early,
            not exists (select 1 from ops.watch where monitor = 'drift' and status = 'bad' and name like 'tail_delays%'
              and as_of > '{RENAMED + 35 * DAY:%Y-%m-%d}') as over""",
    ),
)  # fmt: skip
