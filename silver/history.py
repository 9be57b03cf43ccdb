"""What a batch writes to `silver.<source>__history`: one append, or one merge where it changes what was known."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay import constraints, ledger
from assay.config import Source
from assay.errors import TableError
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.tables import Commit, literal, quoted
from silver.constraints import PREFIX, constraints_of
from silver.fates import Fates, fated
from silver.measure import Counts
from silver.transform import label_of
from silver.versions import PLACE, Rules, needed

FLAGS = "_flags"
REPLAY = "replay"
"""The stage that cleans batches again."""


def history_of(source: str) -> str:
    """The name of a source's history."""
    return f"silver.{source}__history"


def write_history(
    lakehouse: Lakehouse, source: Source, batch: int, checked: DataFrame, counts: Counts, outcome: Outcome
) -> tuple[Fates, Target]:
    """Add the batch's accepted records to the history."""
    table = history_of(source.name)
    content = [name for name in (*source.columns, *source.derived) if name not in source.key]
    rules = Rules(source.key, content, source.history, source.sequence)
    incoming = checked.where(F.col("reasons").isNull()).select(
        *[quoted(name) for name in (*source.columns, *source.derived)],
        F.transform("flags", label_of).alias(FLAGS), *PLACE,
    )  # fmt: skip
    begun = was_begun(lakehouse, table, batch, outcome)
    certain = constraints_of(source)
    if lakehouse.tables.exists(table):
        constraints.drop_stale(lakehouse.tables, table, PREFIX, certain)
    existing = _existing(lakehouse, table, source, batch, incoming, counts, begun=begun)
    snapshots: list[datetime] = []
    if source.history == "snapshot":
        since = None if begun else counts.first_valid
        snapshots = _whole_snapshots(lakehouse, source, batch, existing, checked, since)
    accepted = counts.rows - counts.rejected
    with fated(existing, incoming, rules, accepted, [FLAGS], snapshots) as (records, fates, changes):
        if changes or begun:
            within = [] if begun or snapshots else [_key_range(counts.key_range, "target.")]
            commit = _merge(lakehouse, table, source, records, within, batch if begun else None)
            check_rows(table, batch, commit.rows, fates.rows + changes)
            version = commit.version
        else:
            added = records.where("is_new").drop("is_new", "changes")
            if not lakehouse.tables.exists(table):
                constraints.create(lakehouse.tables, table, added.schema, ["fate"], certain)
            version = lakehouse.tables.version(table)
            if fates.rows:
                commit = lakehouse.tables.append(table, added, evolve=True, partition_by=["fate"])
                check_rows(table, batch, commit.rows, fates.rows)
                version = commit.version
    again = outcome.stage == REPLAY
    known = (*source.columns, *source.derived)
    outcome.notes += constraints.add_missing(lakehouse.tables, table, PREFIX, certain, known, again=again)
    return fates, Target(source.name, f"batch {batch}", table, version)


def was_begun(lakehouse: Lakehouse, table: str, batch: int, outcome: Outcome) -> bool:
    """Whether a table has some of a batch: a run that did not come to the batch's end has written it, or it is replayed."""
    if not lakehouse.tables.exists(table):
        return False
    mine = [made for made in outcome.targets if made.table == table]
    newest = mine[-1] if mine else ledger.known(lakehouse, [outcome.as_of]).newest.get(table)
    if outcome.stage != REPLAY and newest is not None and newest.version == lakehouse.tables.version(table):
        return False
    return not lakehouse.tables.read(table).where(F.col("batch") == batch).isEmpty()


def _existing(
    lakehouse: Lakehouse, table: str, source: Source, batch: int, incoming: DataFrame, counts: Counts, *, begun: bool
) -> DataFrame | None:
    """What the history says of the batch's keys since the batch's first record.

    Of a batch that was begun it is all that the history says of its keys, then and now: what was changed for a record
    that is now rejected, or says something else, has to be changed back.
    """
    if not lakehouse.tables.exists(table) or (counts.first_valid is None and not begun):
        return None
    history, mine = lakehouse.tables.read(table), incoming.select(*source.key)
    others = history.where(F.col("batch") != batch)
    if source.history == "snapshot":
        return others if begun else needed(others, F.lit(counts.first_valid))
    if begun:
        mine = mine.unionByName(history.where(F.col("batch") == batch).select(*source.key))
    else:
        others = needed(others.where(F.expr(_key_range(counts.key_range))), F.lit(counts.first_valid))
    return others.join(mine.distinct(), list(source.key), "left_semi")


def _whole_snapshots(
    lakehouse: Lakehouse,
    source: Source,
    batch: int,
    existing: DataFrame | None,
    checked: DataFrame,
    since: datetime | None,
) -> list[datetime]:
    """The available times, from `since` on if it is given, at which records came and none was refused.

    Of a snapshot with a refused record nobody knows which key that was: it closes nothing. An empty one neither.
    """
    seen = checked.select("valid_from", F.col("reasons").isNotNull().alias("refused"))
    if existing is not None:
        seen = seen.unionByName(existing.select("valid_from", F.lit(False).alias("refused")))
    if lakehouse.tables.exists(quarantine := f"silver.{source.name}__quarantine"):
        refused = lakehouse.tables.read(quarantine).where(F.col("batch") != batch)
        seen = seen.unionByName(refused.select(F.col("available_at").alias("valid_from"), F.lit(True).alias("refused")))
    if since is not None:
        seen = seen.where(F.col("valid_from") >= F.lit(since))
    whole = seen.groupBy("valid_from").agg(F.max("refused").alias("refused")).where(~F.col("refused"))
    return sorted(row["valid_from"].replace(tzinfo=UTC) for row in whole.select("valid_from").collect())


def _key_range(key_range: Mapping[str, tuple[Any, Any]], prefix: str = "") -> str:
    """A condition that holds for every row whose key is in the batch; Delta skips files by it."""
    return " AND ".join(
        f"{prefix}{quoted(name)} BETWEEN {literal(least)} AND {literal(most)}"
        for name, (least, most) in key_range.items()
    )


def _merge(
    lakehouse: Lakehouse, table: str, source: Source, records: DataFrame, within: Sequence[str], begun: int | None
) -> Commit:
    """Write the batch's records and what they change; of a batch that was begun, what it wrote is written over.

    Conditions on the target that hold for all that is changed let Delta skip files.
    """
    same = [f"source.{quoted(name)} = target.{quoted(name)}" for name in (*source.key, *PLACE)]
    values = {quoted(name): f"source.{quoted(name)}" for name in records.columns if name not in ("is_new", "changes")}
    changed = records.where("is_new OR changes")
    builder = (
        lakehouse.tables.merging(table, changed, " AND ".join([*same, *within]))
        .whenMatchedUpdate(set=values)
        .whenNotMatchedInsert(values=values)
        .withSchemaEvolution()
    )
    if begun is not None:
        builder = builder.whenNotMatchedBySourceDelete(f"target.batch = {begun}")
    return lakehouse.tables.merge(table, builder)


def check_rows(table: str, batch: int, found: int, expected: int) -> None:
    """TableError unless a write held as many rows as were meant."""
    if found != expected:
        raise TableError(
            "A write did not hold the rows that were meant.", where=f"{table}, batch {batch}", found=f"{found} rows",
            expected=f"{expected}", do="run silver again",
        )  # fmt: skip
