"""Records of a large batch that alone speak of their key: versions as they are, without being put in order.

Ordering moves and sorts whole rows. Of most large batches nearly every key is new and stands once, which is found out by
the keys alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.frames import held
from silver.versions import VERSION, Rules

FROM_ROWS = 100_000
"""Below, it takes longer to find them than to order them."""

MOST_SHARED = 1_000_000
"""So many keys that several records speak of are still sent to every task."""


@contextmanager
def apart(
    existing: DataFrame | None, incoming: DataFrame, rules: Rules, rows: int
) -> Iterator[tuple[DataFrame | None, DataFrame, DataFrame | None]]:
    """A batch in two.

    Args:
        existing: Rows of the history for the batch's keys; None for no history.
        incoming: The batch's accepted rows.
        rules: The contract's; of a history of snapshots all keys are put in order.
        rows: How many rows are incoming.

    Yields:
        Rows of the history and of the batch for keys that several rows speak of, and the batch's other rows with
        their fate; None for those of a batch that is small, or in which too many keys are shared.
    """
    if rows < FROM_ROWS or rules.history == "snapshot":
        yield existing, incoming, None
        return
    key = list(rules.key)
    keys = incoming.select(*key)
    if existing is not None:
        keys = keys.unionByName(existing.select(*key))
    shared_keys = keys.groupBy(*key).agg(F.count("*").alias("__rows")).where("__rows > 1").drop("__rows")
    with held(shared_keys) as shared:
        if shared.count() > MOST_SHARED:
            yield existing, incoming, None
            return
        few = F.broadcast(shared)
        alone = incoming.join(few, key, "left_anti").select(
            "*", F.lit(VERSION).alias("fate"), F.lit(None).cast("timestamp").alias("valid_to"),
            F.lit(True).alias("is_new"), F.lit(False).alias("changes"),
        )  # fmt: skip
        known = None if existing is None else existing.join(few, key, "left_semi")
        yield known, incoming.join(few, key, "left_semi"), alone
