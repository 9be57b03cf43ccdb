"""Whether a source's newest event is as recent as its contract wants it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import functions as F

from assay.config import Source
from assay.errors import ContractError
from assay.frames import only_row
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.tables import quoted
from assay.times import format_duration
from silver.history import history_of
from silver.versions import VERSION


@dataclass(frozen=True)
class Stale:
    """A source whose newest event is too old."""

    newest: datetime | None
    """Of when it is; None where there is no event."""
    earliest: datetime
    """From when on one was expected."""


def stale(lakehouse: Lakehouse, source: Source, as_of: datetime) -> Stale | None:
    """What a source lacks of the freshness that its contract asks for; None where nothing.

    One Spark job, which reads only files that may have so new an event; a second where there is none.
    """
    if source.freshness is None or source.event_time is None:
        return None
    event_time = F.col(quoted(source.event_time)).cast("timestamp")
    earliest = as_of - source.freshness.within
    if not lakehouse.tables.exists(table := history_of(source.name)):
        return Stale(None, earliest)
    known = lakehouse.tables.read(table).where((F.col("fate") == VERSION) & (F.col("valid_from") <= F.lit(as_of)))
    if not known.where(event_time >= F.lit(earliest)).isEmpty():
        return None
    return Stale(only_row(known.agg(F.max(event_time).alias("newest")))["newest"], earliest)


def check_freshness(lakehouse: Lakehouse, source: Source, outcome: Outcome) -> None:
    """Measure whether the newest event lies near enough to the as_of, and stop or say so if not.

    Raises:
        ContractError: It does not, and the contract says fail.
    """
    if source.freshness is None or source.event_time is None:
        return
    found = stale(lakehouse, source, outcome.as_of)
    outcome.measure(source.name, stale=found is not None)
    if found is None:
        return
    error = ContractError(
        f"Source {source.name} is not fresh.", where=source.at("freshness"),
        found=f"the newest event is of {_told(found.newest)}" if found.newest else "no event",
        expected=f"one since {_told(found.earliest)}: {format_duration(source.freshness.within)} before the as_of",
        do="see why nothing newer was delivered or accepted; what was is in silver. Then run again, or widen freshness",
    )  # fmt: skip
    if source.freshness.on_fail == "fail":
        raise error
    outcome.notes.append(f"{error.what} {error.found}; expected: {error.expected}")


def _told(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC):%Y-%m-%d %H:%M}Z"
