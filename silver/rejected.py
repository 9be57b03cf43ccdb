"""`ops.rejected`: the batches that somebody set aside as a whole, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from pyspark.sql import types as T

from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.who import user
from silver.pending import check_decided, check_one_of, check_waits

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


def rejections(lakehouse: Lakehouse) -> Mapping[tuple[str, int], Rejection]:
    """The batches that are set aside, by source and number. One Spark job where one ever was, none otherwise."""
    if not lakehouse.tables.exists(REJECTED):
        return {}
    rows = lakehouse.tables.read(REJECTED).orderBy("decided_at").collect()
    newest = {
        (row["source"], row["batch"]): Rejection(
            **{**row.asDict(), "decided_at": row["decided_at"].replace(tzinfo=UTC)}
        )
        for row in rows
    }
    return {of: found for of, found in newest.items() if not found.undone}


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
    check_decided(lakehouse, source, why, "rejected")
    known = {number: found for (of, number), found in rejections(lakehouse).items() if of == source}
    if undo:
        check_one_of(source, batch, [*known], "rejected")
    elif batch in known:
        return known[batch]
    else:
        check_waits(lakehouse, source, batch)
    made = Rejection(source, batch, why.strip(), user(), datetime.now(UTC), undo)
    lakehouse.tables.create(REJECTED, cast("T.StructType", T.StructType.fromDDL(SCHEMA)))
    lakehouse.tables.append(REJECTED, local_frame(lakehouse.spark, [vars(made)], SCHEMA).coalesce(1))
    return made
