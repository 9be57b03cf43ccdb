"""Versions of a key in available time: what a batch adds to them, whatever the order in which batches come.

Every accepted record is kept, and its `fate` says what it is. A record that is no version has an empty time of validity,
`valid_to = valid_from`: it is valid at no time, and is there in case a record that comes late makes a version of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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


@dataclass(frozen=True)
class Rules:
    """What a later record of a key is, by its contract."""

    key: Sequence[str]
    """Columns that identify a record."""

    content: Sequence[str]
    """Columns that make a version different from the one before."""

    history: Literal["versions", "events", "snapshot"] = "versions"

    sequence: str | None = None
    """The column that orders versions: a record with a lower one than is known is out of date."""


def chain(
    existing: DataFrame | None,
    incoming: DataFrame,
    rules: Rules,
    carried: Sequence[str] = (),
    snapshots: Sequence[datetime] = (),
) -> DataFrame:
    """The records of the keys of a batch, old and new together, each with its fate.

    Args:
        existing: Rows of the history for the batch's keys, those of the batch itself left out; None for no history.
            Rows that were no longer valid when the batch's first record became available may be left out too.
        incoming: The batch's accepted rows: key, content, `valid_from`, source file and position, batch.
        rules: The contract's.
        carried: Columns that a record has besides.
        snapshots: For a history of snapshots: the available times, no earlier than that of the batch's first record,
            at which all records were accepted. Then `existing` has the rows of all keys.

    Returns:
        The rows of both, with `fate`, `valid_to`, and `is_new` (from the batch) and `changes` (whether it is a row
        of the history whose fate or end is another than before).
    """
    columns = [*dict.fromkeys([*rules.key, *rules.content]), *carried, *PLACE]
    rows = incoming.select(
        *columns, F.lit(None).cast("string").alias("__old_fate"), F.lit(None).cast("timestamp").alias("__old_end")
    )
    if existing is not None:
        known = [name for name in columns if name in existing.columns]
        before = existing.select(*known, F.col("fate").alias("__old_fate"), F.col("valid_to").alias("__old_end"))
        rows = rows.unionByName(before, allowMissingColumns=True)
    judged = _events(rows, rules) if rules.history == "events" else _versions(rows, rules, snapshots)
    is_new = F.col("__old_fate").isNull()
    same = F.col("fate").eqNullSafe(F.col("__old_fate")) & F.col("valid_to").eqNullSafe(F.col("__old_end"))
    return judged.select(*columns, "fate", "valid_to", is_new.alias("is_new"), (~is_new & ~same).alias("changes"))


def _events(rows: DataFrame, rules: Rules) -> DataFrame:
    """What happened once stays: the first record of a key is its only version."""
    said = F.struct(*[F.col(name) for name in rules.content])
    of_key = Window.partitionBy(*rules.key).orderBy(*PLACE)
    agrees = F.first(said).over(of_key).eqNullSafe(said)
    at_once = F.first("valid_from").over(of_key) == F.col("valid_from")
    fate = (
        F.when(F.row_number().over(of_key) == 1, VERSION)
        .when(~agrees, SUPERSEDED).when(at_once, DUPLICATE).otherwise(UNCHANGED)
    )  # fmt: skip
    end = F.when(F.col("fate") != VERSION, F.col("valid_from"))
    return rows.select("*", fate.alias("fate")).select("*", end.alias("valid_to"))


def _versions(rows: DataFrame, rules: Rules, snapshots: Sequence[datetime]) -> DataFrame:
    """The last record of an instant counts, by sequence and then place; it is a version if it says something new."""
    said = F.struct(*[F.col(name) for name in rules.content])
    order = [F.col(rules.sequence)] if rules.sequence else []
    instant = Window.partitionBy(*rules.key, "valid_from").orderBy(*order, *PLACE)
    whole_instant = instant.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    told = rows.select(
        "*",
        F.lead("valid_from").over(instant).isNull().alias("__counts"),
        F.last(said).over(whole_instant).eqNullSafe(said).alias("__agrees"),
    )
    if rules.sequence:
        told = _without_out_of_date(told, rules.key, rules.sequence)
    counting = Window.partitionBy(*rules.key, "__counts").orderBy(*PLACE)
    told = told.select("*", _gone_at(F.lead("valid_from").over(counting), snapshots).alias("__gone_at"))
    is_news = (
        (F.row_number().over(counting) == 1)
        | ~F.lag(said).over(counting).eqNullSafe(said)
        | F.lag("__gone_at").over(counting).isNotNull()
    )
    counts, agrees = F.col("__counts"), F.col("__agrees")
    fate = (
        F.when(counts & is_news, VERSION).when(counts, UNCHANGED).when(agrees, DUPLICATE).otherwise(SUPERSEDED)
    )  # fmt: skip
    judged = told.select("*", fate.alias("fate"))
    alike = Window.partitionBy(*rules.key, "fate").orderBy(*PLACE)
    end = F.lead("valid_from").over(alike)
    if snapshots:  # the last record that said the same was followed by a snapshot without the key
        run = F.count_if(F.col("fate") == VERSION).over(counting)
        judged = judged.select("*", run.alias("__run"))
        gone = F.max("__gone_at").over(Window.partitionBy(*rules.key, "__counts", "__run"))
        judged = judged.select("*", F.when(F.col("__counts"), gone).alias("__run_gone_at"))
        end = F.coalesce(F.col("__run_gone_at"), end)
    return judged.select(
        "*", F.when(F.col("fate") == VERSION, end).otherwise(F.col("valid_from")).alias("valid_to")
    )  # fmt: skip


def _without_out_of_date(told: DataFrame, key: Sequence[str], sequence: str) -> DataFrame:
    """A record with a lower sequence than one that was known before it does not count, and says what nothing says."""
    before = Window.partitionBy(*key, "__counts").orderBy(*PLACE).rowsBetween(Window.unboundedPreceding, -1)
    late = F.coalesce(F.col("__counts") & (F.col(sequence) < F.max(sequence).over(before)), F.lit(False))
    return told.select("*", late.alias("__late")).withColumns(
        {"__counts": F.col("__counts") & ~F.col("__late"), "__agrees": F.col("__agrees") & ~F.col("__late")}
    )


def _gone_at(next_record: Column, snapshots: Sequence[datetime]) -> Column:
    """The next snapshot after a record that counts, if its key has no record in it."""
    if not snapshots:
        return F.lit(None).cast("timestamp")
    later = F.filter(F.array(*[F.lit(each) for each in snapshots]), lambda each: each > F.col("valid_from"))
    following = F.array_min(later)
    return F.when(F.col("__counts") & (next_record.isNull() | (next_record > following)), following)


def needed(history: DataFrame, since: Column) -> DataFrame:
    """The rows of a history that decide the fate of records from an instant on: the versions valid then, and later rows.

    Rows that are valid at no time, or no longer, are in files that Delta skips by this condition.
    """
    return history.where((F.col("valid_from") >= since) | F.col("valid_to").isNull() | (F.col("valid_to") > since))
