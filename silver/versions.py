"""Versions of a key in available time: what a batch adds to them, whatever the order in which batches come.

The history of a key is the list of its distinct contents by `valid_from`. Of records that became available at the
same instant the last one by source file and position counts; a record that says what was known already adds nothing.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

PLACE = ("valid_from", "source_file", "source_position", "batch")


def chain(existing: DataFrame | None, incoming: DataFrame, key: Sequence[str], content: Sequence[str]) -> DataFrame:
    """All versions of the keys of a batch, old and new together.

    Args:
        existing: Rows of the history for the batch's keys, those of the batch itself left out; None for no history.
        incoming: The batch's accepted rows: key, content, `valid_from`, source file and position, batch.
        key: Columns that identify a record.
        content: Columns that make a version different from the one before.

    Returns:
        The rows of both, with `valid_to`, `is_new` (from the batch) and `kept`: false where the row is no version,
        because another record of the same instant replaced it or because it says nothing new.
    """
    columns = [*dict.fromkeys([*key, *content]), *PLACE]
    rows = incoming.select(*columns, F.lit(True).alias("is_new"))
    if existing is not None:
        known = [name for name in columns if name in existing.columns]
        rows = rows.unionByName(existing.select(*known, F.lit(False).alias("is_new")), allowMissingColumns=True)
    by_key = Window.partitionBy(*key).orderBy(*PLACE)
    compared = F.struct(*[F.col(name) for name in content])
    marked = rows.select(
        "*", F.coalesce(F.lead("valid_from").over(by_key) == F.col("valid_from"), F.lit(False)).alias("replaced")
    )
    among = Window.partitionBy(*key, "replaced").orderBy(*PLACE)
    told = marked.select(
        "*",
        (~F.col("replaced") & ((F.row_number().over(among) == 1) | ~F.lag(compared).over(among).eqNullSafe(compared)))
        .alias("kept"),
    )  # fmt: skip
    kept = Window.partitionBy(*key, "kept").orderBy(*PLACE)
    return told.select(
        *columns, "is_new", "kept", F.when(F.col("kept"), F.lead("valid_from").over(kept)).alias("valid_to")
    )
