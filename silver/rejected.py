"""`ops.rejected`: the batches that somebody set aside as a whole, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import ConfigError, nearest
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.who import user
from silver.pending import pending

REJECTED = "ops.rejected"
SCHEMA = "source string, batch int, why string, who string, decided_at timestamp, undone boolean"


@dataclass(frozen=True)
class Rejection:
    """A batch that was set aside, or no longer is."""

    source: str
    batch: int
    why: str
    who: str
    decided_at: datetime
    undone: bool = False

    def __str__(self) -> str:
        """Who rejected it, when and why."""
        did = "taken back" if self.undone else "rejected"
        return f"{did} by {self.who} on {self.decided_at:%Y-%m-%d %H:%M} UTC: {self.why}"


def rejections(lakehouse: Lakehouse, source: str) -> Mapping[int, Rejection]:
    """The batches of a source that are set aside. One Spark job where there is any of any source, none otherwise."""
    return {batch: found for batch, found in _newest(lakehouse, source).items() if not found.undone}


def _newest(lakehouse: Lakehouse, source: str) -> dict[int, Rejection]:
    if not lakehouse.tables.exists(REJECTED):
        return {}
    rows = lakehouse.tables.read(REJECTED).where(F.col("source") == source).orderBy("decided_at").collect()
    return {
        row["batch"]: Rejection(**{**row.asDict(), "decided_at": row["decided_at"].replace(tzinfo=UTC)}) for row in rows
    }


def reject(lakehouse: Lakehouse, source: str, batch: int, why: str, *, undo: bool = False) -> Rejection:
    """Put on record that a batch is wrong as a whole: the next silver run puts all its rows into quarantine.

    Args:
        lakehouse: The lakehouse.
        source: The batch's source.
        batch: Its number; it waits to be cleaned.
        why: The reason, for the record.
        undo: Take it back instead: a replay of the quarantine then takes in what the contract accepts.

    Raises:
        ConfigError: There is no such batch, or no reason is given.
    """
    if source not in lakehouse.config.sources:
        expected = nearest(source, lakehouse.config.sources)
        raise ConfigError(f"There is no source {source}.", where="source", found=source, expected=expected)
    if not why.strip():
        raise ConfigError("A batch is rejected for a reason.", where="--why", found=repr(why), expected="a sentence")
    known = rejections(lakehouse, source)
    may = [*known] if undo else [landed.batch for landed in pending(lakehouse, datetime.now(UTC)).get(source, [])]
    if batch not in may:
        state = "rejected" if undo else "waiting to be cleaned"
        raise ConfigError(
            f"Batch {batch} of source {source} is not {state}.", where="batch", found=batch,
            expected=f"one of {', '.join(map(str, may))}" if may else f"none is {state}",
        )  # fmt: skip
    if batch in known and not undo:
        return known[batch]
    made = Rejection(source, batch, why.strip(), user(), datetime.now(UTC), undo)
    lakehouse.tables.create(REJECTED, cast("T.StructType", T.StructType.fromDDL(SCHEMA)))
    lakehouse.tables.append(REJECTED, local_frame(lakehouse.spark, [vars(made)], SCHEMA).coalesce(1))
    return made
