"""The batches that are landed and not cleaned yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_

from pyspark.sql import functions as F

from assay import ledger
from assay.config import Source
from assay.errors import ConfigError, TableError, nearest
from assay.lakehouse import Lakehouse
from assay.ledger import FILES
from silver.history import history_of


@dataclass(frozen=True)
class Landed:
    """A batch that waits to be cleaned."""

    batch: int
    delivered: tuple[datetime, ...]
    """When its files became available."""

    records: int | None
    """How many records it was recorded to have; None where that is not asked."""


def pending(lakehouse: Lakehouse, as_of: datetime) -> dict[str, list[Landed]]:
    """Batches that are landed and not cleaned, oldest first, per source. A source's batches are cleaned in order."""
    if not lakehouse.tables.exists(FILES):
        return {}
    newest = ledger.known(lakehouse, [as_of]).newest
    after = {
        name: int(made.key.removeprefix("batch ")) if (made := newest.get(history_of(name))) else 0
        for name in lakehouse.config.sources
    }
    uncleaned = [(F.col("source") == name) & (F.col("batch") > batch) for name, batch in after.items()]
    landed = lakehouse.tables.read(FILES).where(F.col("status") == "landed").where(reduce(or_, uncleaned))
    found: dict[str, list[Landed]] = {}
    grouped = landed.groupBy("source", "batch").agg(
        F.collect_set("available_at").alias("delivered"), F.sum("records").alias("records")
    )  # fmt: skip
    for row in grouped.orderBy("source", "batch").collect():
        found.setdefault(row["source"], []).append(Landed(row["batch"], _utc(row["delivered"]), row["records"]))
    return found


def check_landed(lakehouse: Lakehouse, source: Source, landed: Landed, found: int) -> None:
    """TableError unless bronze has every row of a batch.

    A table whose log or files were lost in part would otherwise read as one that has less, and be cleaned as such.
    """
    if landed.records not in (None, found):
        raise TableError(
            f"bronze.{source.name} does not hold what was landed.",
            where=f"{lakehouse.tables.path(f'bronze.{source.name}')}, batch {landed.batch}",
            found=f"{found} rows", expected=f"{landed.records} rows, as {FILES} says",
            do="bring the table's folder back from a copy of the warehouse and run silver again; nothing was changed. "
            "docs/reliability.md says what to do without a copy",
        )  # fmt: skip


def check_decided(lakehouse: Lakehouse, source: str, why: str, decision: str) -> None:
    """ConfigError where there is no such source, or no reason is given for what somebody has decided about a batch of it."""
    if source not in lakehouse.config.sources:
        expected = nearest(source, lakehouse.config.sources)
        raise ConfigError(f"There is no source {source}.", where="source", found=source, expected=expected)
    if not why.strip():
        raise ConfigError(f"A batch is {decision} for a reason.", where="--why", found=repr(why), expected="a sentence")


def check_waits(lakehouse: Lakehouse, source: str, batch: int) -> None:
    """ConfigError unless a batch of a source waits to be cleaned."""
    waiting = pending(lakehouse, datetime.now(UTC)).get(source, [])
    check_one_of(source, batch, [landed.batch for landed in waiting], "waiting to be cleaned")


def check_one_of(source: str, batch: int, may: Sequence[int], state: str) -> None:
    """ConfigError unless a batch is one of those in some state."""
    if batch not in may:
        raise ConfigError(
            f"Batch {batch} of source {source} is not {state}.", where="batch", found=batch,
            expected=f"one of {', '.join(map(str, may))}" if may else f"none is {state}",
        )  # fmt: skip


def _utc(times: Iterable[datetime]) -> tuple[datetime, ...]:
    return tuple(sorted(time.replace(tzinfo=UTC) for time in times))
