"""`ops.accepted`: the batches that somebody took in although they were stopped, and why."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay import ledger
from assay.errors import ConfigError
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.who import user
from silver.pending import check_decided, check_waits

ACCEPTED = "ops.accepted"
SCHEMA = """
    source string, batch int, why string, who string, accepted_at timestamp, stopped_by array<string>, run_id string
"""
STOPPED, REFUSED = "stopped", "refused"
"""The ledger's metrics of what stopped a batch: what can be accepted, and what cannot."""


@dataclass(frozen=True)
class Acceptance:
    """A batch that was taken in deliberately."""

    source: str
    batch: int
    why: str
    who: str
    accepted_at: datetime
    stopped_by: tuple[str, ...]
    """What stopped it, as `rows` or `temp mean` or `max:temp`."""

    new: bool = False
    """Whether it was not on record before."""

    def __str__(self) -> str:
        """Who accepted it, when and why."""
        return f"accepted by {self.who} on {self.accepted_at:%Y-%m-%d %H:%M} UTC: {self.why}"


def acceptance(lakehouse: Lakehouse, source: str, batch: int) -> Acceptance | None:
    """What is on record about a batch."""
    if not lakehouse.tables.exists(ACCEPTED):
        return None
    about = (F.col("source") == source) & (F.col("batch") == batch)
    rows = lakehouse.tables.read(ACCEPTED).where(about).collect()
    return next(
        (
            Acceptance(
                source, batch, row["why"], row["who"], row["accepted_at"].replace(tzinfo=UTC), tuple(row["stopped_by"])
            )
            for row in rows
        ),
        None,
    )


def accept(lakehouse: Lakehouse, source: str, batch: int, why: str) -> Acceptance:
    """Put on record that the next silver run is to take in a batch that it has stopped.

    Raises:
        ConfigError: There is no such batch, nothing has stopped it, or no reason is given.
    """
    check_decided(lakehouse, source, why, "accepted")
    if before := acceptance(lakehouse, source, batch):
        return before
    check_waits(lakehouse, source, batch)
    run_id, stopped_by = _stopped_by(lakehouse, source, batch)
    made = Acceptance(source, batch, why.strip(), user(), datetime.now(UTC), stopped_by, new=True)
    row = {
        "source": source, "batch": batch, "why": made.why, "who": made.who, "accepted_at": made.accepted_at,
        "stopped_by": stopped_by, "run_id": run_id,
    }  # fmt: skip
    lakehouse.tables.create(ACCEPTED, cast("T.StructType", T.StructType.fromDDL(SCHEMA)))
    frame = local_frame(lakehouse.spark, [row], SCHEMA)
    lakehouse.tables.append_once(ACCEPTED, frame, application=f"accept {source} {batch}", number=1)
    return made


def _stopped_by(lakehouse: Lakehouse, source: str, batch: int) -> tuple[str, tuple[str, ...]]:
    """The newest run that stopped at a batch, and for what."""
    stops = F.col("metric").isin(STOPPED, REFUSED) & (F.col("target") == source) & (F.col("batch") == batch)
    rows = ledger.metrics(lakehouse).where(stops).orderBy(F.desc("started_at"), "label").collect()
    newest = [row for row in rows if row["run_id"] == rows[0]["run_id"]]
    if not newest:
        raise ConfigError(
            f"Nothing has stopped batch {batch} of source {source}.", where="batch", found=batch,
            expected="a batch that silver has stopped", do="run silver first",
        )  # fmt: skip
    if refused := [row["label"] for row in newest if row["metric"] == REFUSED]:
        raise ConfigError(
            f"Batch {batch} of source {source} breaks a check whose severity is fail: it cannot be accepted.",
            where=lakehouse.config.sources[source].at(), found=", ".join(refused),
            do="change the check's severity in the contract, if such rows are to be taken in",
        )  # fmt: skip
    return newest[0]["run_id"], tuple(row["label"] for row in newest)
