"""Versions of a key in available time: what a batch adds to them, whatever the order in which batches come.

Every accepted record is kept, and its `fate` says what it is. A record that is no version has an empty time of validity,
`valid_to = valid_from`: it is valid at no time, and is there in case a record that comes late makes a version of it.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

PLACE = ("valid_from", "source_file", "source_position", "batch")

VERSION = "version"
"""It says something new: valid until the next version of its key."""
UNCHANGED = "unchanged"
"""It says what the version before it says."""
DUPLICATE = "duplicate"
"""It says what another record of the same instant says, which stands for both."""
SUPERSEDED = "superseded"
"""It says something else than another record of the same instant, which comes later by file and position and counts."""


def chain(
    existing: DataFrame | None,
    incoming: DataFrame,
    key: Sequence[str],
    content: Sequence[str],
    carried: Sequence[str] = (),
) -> DataFrame:
    """The records of the keys of a batch, old and new together, each with its fate.

    Args:
        existing: Rows of the history for the batch's keys, those of the batch itself left out; None for no history.
            Rows that were no longer valid when the batch's first record became available may be left out too.
        incoming: The batch's accepted rows: key, content, `valid_from`, source file and position, batch.
        key: Columns that identify a record.
        content: Columns that make a version different from the one before.
        carried: Columns that a record has besides.

    Returns:
        The rows of both, with `fate`, `valid_to`, and `is_new` (from the batch) and `changes` (whether it is a row
        of the history whose fate or end is another than before).
    """
    columns = [*dict.fromkeys([*key, *content]), *carried, *PLACE]
    rows = incoming.select(
        *columns, F.lit(None).cast("string").alias("__old_fate"), F.lit(None).cast("timestamp").alias("__old_end")
    )
    if existing is not None:
        known = [name for name in columns if name in existing.columns]
        before = existing.select(*known, F.col("fate").alias("__old_fate"), F.col("valid_to").alias("__old_end"))
        rows = rows.unionByName(before, allowMissingColumns=True)
    said = F.struct(*[F.col(name) for name in content])
    instant = Window.partitionBy(*key, "valid_from").orderBy(*PLACE)
    whole_instant = instant.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    told = rows.select(
        "*",
        F.lead("valid_from").over(instant).isNull().alias("__counts"),
        F.last(said).over(whole_instant).eqNullSafe(said).alias("__agrees"),
    )
    counting = Window.partitionBy(*key, "__counts").orderBy(*PLACE)
    is_news = (F.row_number().over(counting) == 1) | ~F.lag(said).over(counting).eqNullSafe(said)
    judged = told.select("*", _fate(is_news).alias("fate"))
    alike = Window.partitionBy(*key, "fate").orderBy(*PLACE)
    end = F.when(F.col("fate") == VERSION, F.lead("valid_from").over(alike)).otherwise(F.col("valid_from"))
    is_new = F.col("__old_fate").isNull()
    same = F.col("fate").eqNullSafe(F.col("__old_fate")) & F.col("valid_to").eqNullSafe(F.col("__old_end"))
    return judged.select("*", end.alias("valid_to")).select(
        *columns, "fate", "valid_to", is_new.alias("is_new"), (~is_new & ~same).alias("changes")
    )


def _fate(is_news: Column) -> Column:
    counts, agrees = F.col("__counts"), F.col("__agrees")
    return (
        F.when(counts & is_news, VERSION).when(counts, UNCHANGED).when(agrees, DUPLICATE).otherwise(SUPERSEDED)
    )  # fmt: skip


def needed(history: DataFrame, since: Column) -> DataFrame:
    """The rows of a history that decide the fate of records from an instant on: the versions valid then, and later rows.

    Rows that are valid at no time, or no longer, are in files that Delta skips by this condition.
    """
    return history.where((F.col("valid_from") >= since) | F.col("valid_to").isNull() | (F.col("valid_to") > since))
