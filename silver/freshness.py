"""Whether a source's newest event is as recent as its contract wants it."""

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


def check_freshness(lakehouse: Lakehouse, source: Source, outcome: Outcome) -> None:
    """Measure whether the newest event lies near enough to the as_of, and stop or say so if not.

    One Spark job, which reads only files that may have so new an event.

    Raises:
        ContractError: It does not, and the contract says fail.
    """
    if source.freshness is None or source.event_time is None:
        return
    event_time = F.col(quoted(source.event_time)).cast("timestamp")
    earliest, newest = outcome.as_of - source.freshness.within, None
    if lakehouse.tables.exists(table := history_of(source.name)):
        known = lakehouse.tables.read(table).where(
            (F.col("fate") == VERSION) & (F.col("valid_from") <= F.lit(outcome.as_of))
        )
        if not known.where(event_time >= F.lit(earliest)).isEmpty():
            outcome.measure(source.name, stale=0)
            return
        newest = only_row(known.agg(F.max(event_time).alias("newest")))["newest"]
    outcome.measure(source.name, stale=1)
    error = ContractError(
        f"Source {source.name} is not fresh.", where=source.at("freshness"),
        found=f"the newest event is of {_told(newest)}" if newest else "no event",
        expected=f"one since {_told(earliest)}: {format_duration(source.freshness.within)} before the as_of",
        do="see why nothing newer was delivered or accepted; what was is in silver. Then run again, or widen freshness",
    )  # fmt: skip
    if source.freshness.on_fail == "fail":
        raise error
    outcome.notes.append(f"{error.what} {error.found}; expected: {error.expected}")


def _told(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC):%Y-%m-%d %H:%M}Z"
