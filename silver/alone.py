"""Records of a large batch that alone speak of their key: versions as they are, without being put in order.

Ordering moves and sorts whole rows. Of most large batches nearly every key is new and stands once, which is found out by
the keys alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.frames import held
from silver.versions import VERSION, Rules

FROM_ROWS = 100_000
"""Below, it takes longer to find them than to order them."""

MOST_SHARED = 1_000_000
"""So many keys that several records speak of are still sent to every task."""


@dataclass(frozen=True)
class Parts:
    """A batch in two."""

    known: DataFrame | None
    """Rows of the history for keys that several rows speak of; None where there is none."""

    shared: DataFrame | None
    """The batch's rows for those keys; None where no key is shared."""

    alone: DataFrame
    """The batch's other rows, with their fate."""


@contextmanager
def apart(existing: DataFrame | None, incoming: DataFrame, rules: Rules, rows: int) -> Iterator[Parts | None]:
    """A batch in two; None if it is small, or too many of its keys are shared.

    Args:
        existing: Rows of the history for the batch's keys; None for no history.
        incoming: The batch's accepted rows.
        rules: The contract's; of a history of snapshots all keys are put in order.
        rows: How many rows are incoming.
    """
    if rows < FROM_ROWS or rules.history == "snapshot":
        yield None
        return
    key = list(rules.key)
    keys = incoming.select(*key)
    if existing is not None:
        keys = keys.unionByName(existing.select(*key))
    shared_keys = keys.groupBy(*key).agg(F.count("*").alias("__rows")).where("__rows > 1").drop("__rows")
    with held(shared_keys) as shared:
        number = shared.count()
        if number > MOST_SHARED:
            yield None
            return
        if not number:
            yield Parts(None, None, _versions(incoming))
            return
        few = F.broadcast(shared)
        known = None if existing is None else existing.join(few, key, "left_semi")
        alone = _versions(incoming.join(few, key, "left_anti"))
        yield Parts(known, incoming.join(few, key, "left_semi"), alone)


def _versions(alone: DataFrame) -> DataFrame:
    return alone.select(
        "*", F.lit(VERSION).alias("fate"), F.lit(None).cast("timestamp").alias("valid_to"),
        F.lit(True).alias("is_new"), F.lit(False).alias("changes"),
    )  # fmt: skip
