"""The silver stage: apply each source's contract to the batches that were landed and not cleaned yet.

Every bronze row of a batch ends in exactly one place: a version in `silver.<source>__history`, a duplicate (it says
what is known already), or `silver.<source>__quarantine` with every reason. The numbers are checked and in the ledger.
All writes of a batch can be repeated: after a crash the same batch is done again and changes nothing that was done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from assay import ledger
from assay.config import Source
from assay.errors import TableError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome, Target
from assay.stages import run_stage, side_by_side
from assay.tables import held, literal, only_row, quoted
from silver import expectations
from silver.check_result import CheckResult
from silver.measure import Counts, count, results
from silver.transform import check_batch, register_functions
from silver.versions import chain

FILES = "ops.files"


@dataclass(frozen=True)
class Cleaned:
    """What became of one batch."""

    batch: int
    rows: int
    checks: tuple[CheckResult, ...]


def run(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Clean every batch that bronze has landed and silver has not seen.

    Raises:
        ContractError: A derived column cannot be computed.
        TableError: The rows of a batch do not add up.
    """
    return run_stage(lakehouse, "silver", as_of, lambda outcome: _clean_all(lakehouse, outcome))


def docs_folder(lakehouse: Lakehouse) -> Path:
    """Where the Great Expectations project and its Data Docs lie."""
    return lakehouse.folder("expectations")


def _clean_all(lakehouse: Lakehouse, outcome: Outcome) -> None:
    register_functions(lakehouse.spark, lakehouse.time_zone)
    pending = _pending(lakehouse, outcome)
    sources = [lakehouse.config.sources[name] for name in pending]

    def clean_source(source: Source) -> list[Cleaned]:
        return [_clean(lakehouse, source, batch, outcome) for batch in pending[source.name]]

    done = side_by_side(lakehouse, clean_source, sources)
    published = [
        expectations.BatchResult(
            lakehouse.name, source.name, source.description, batch.batch, outcome.as_of, outcome.run_id, batch.rows,
            batch.checks,
        )
        for source, batches in zip(sources, done, strict=True)
        for batch in batches
    ]  # fmt: skip
    if published:
        expectations.publish(docs_folder(lakehouse), published)


def _pending(lakehouse: Lakehouse, outcome: Outcome) -> dict[str, list[int]]:
    """Batches that are landed and not cleaned, oldest first, per source. A source's batches are cleaned in order."""
    if not lakehouse.tables.exists(FILES):
        return {}
    newest = ledger.known(lakehouse, [outcome.as_of]).newest
    after = {
        name: int(made.key.removeprefix("batch ")) if (made := newest.get(_history(name))) else 0
        for name in lakehouse.config.sources
    }
    uncleaned = [(F.col("source") == name) & (F.col("batch") > batch) for name, batch in after.items()]
    landed = lakehouse.tables.read(FILES).where(F.col("status") == "landed").where(reduce(or_, uncleaned))
    pending: dict[str, list[int]] = {}
    for row in landed.select("source", "batch").distinct().orderBy("source", "batch").collect():
        pending.setdefault(row["source"], []).append(row["batch"])
    return pending


def _history(source: str) -> str:
    return f"silver.{source}__history"


def _clean(lakehouse: Lakehouse, source: Source, batch: int, outcome: Outcome) -> Cleaned:
    bronze = lakehouse.tables.read(f"bronze.{source.name}").where(F.col("batch") == batch)
    bronze = _with_declared_columns(bronze, source)
    checked, checks = check_batch(bronze, source, lakehouse.time_zone)
    with held(checked) as judged:
        counts = count(judged, source)
        accepted, duplicates, written = _write_history(lakehouse, source, batch, judged, counts, outcome)
        targets = [written]
        if counts.rejected:
            targets.append(_write_quarantine(lakehouse, source, batch, judged, counts, outcome.as_of))
    if counts.rows != accepted + duplicates + counts.rejected:
        raise TableError(
            f"The rows of a batch of {source.name} do not add up.",
            where=f"silver.{source.name}, batch {batch}",
            found=f"{accepted} accepted + {duplicates} duplicates + {counts.rejected} quarantined",
            expected=f"{counts.rows} landed",
            do="report this as a defect of assay, with the batch's files",
        )
    outcome.targets += targets
    outcome.measure(
        source.name, batch, landed=counts.rows, accepted=accepted, quarantined=counts.rejected, duplicates=duplicates
    )
    for (check, column), (rows, _) in counts.reasons.items():
        outcome.measure(source.name, batch, label=f"{check}:{column}" if column else check, rejected=rows)
    return Cleaned(batch, counts.rows, results(counts, checks, duplicates, source.key))


def _with_declared_columns(bronze: DataFrame, source: Source) -> DataFrame:
    """Columns that the contract has gained since the batch was landed are NULL in it."""
    gained = [name for name in source.columns if name not in bronze.columns]
    return bronze.withColumns({name: F.lit(None).cast("string") for name in gained})


def _write_history(
    lakehouse: Lakehouse, source: Source, batch: int, checked: DataFrame, counts: Counts, outcome: Outcome
) -> tuple[int, int, Target]:
    """Add the batch's versions to the history; returns how many rows were accepted, and how many were duplicates."""
    table = _history(source.name)
    content = [name for name in (*source.columns, *source.derived) if name not in source.key]
    incoming = checked.where(F.col("reasons").isNull()).select(
        *[quoted(name) for name in (*source.columns, *source.derived)],
        "valid_from", "source_file", "source_position", "batch",
    )  # fmt: skip
    begun = _was_begun(lakehouse, table, batch, outcome)
    existing = _existing(lakehouse, table, source, batch, incoming, counts)
    with held(chain(existing, incoming, source.key, content)) as versions:
        row = only_row(
            versions.agg(
                F.count_if(F.col("is_new") & F.col("kept")).alias("accepted"),
                F.count_if(F.col("is_new") & ~F.col("kept")).alias("duplicates"),
                F.count_if(~F.col("is_new")).alias("touched"),
            )
        )
        if row["touched"] or begun:
            version = _merge(lakehouse, table, source, versions, counts.key_range)
        elif row["accepted"] or not lakehouse.tables.exists(table):
            commit = lakehouse.tables.append(table, versions.where("kept").drop("kept", "is_new"), evolve=True)
            _check_rows(table, batch, commit.rows, row["accepted"])
            version = commit.version
        else:
            version = lakehouse.tables.version(table)
    return row["accepted"], row["duplicates"], Target(source.name, f"batch {batch}", table, version)


def _was_begun(lakehouse: Lakehouse, table: str, batch: int, outcome: Outcome) -> bool:
    """Whether a run that did not come to the batch's end has written some of it to the history."""
    if not lakehouse.tables.exists(table):
        return False
    mine = [made for made in outcome.targets if made.table == table]
    newest = mine[-1] if mine else ledger.known(lakehouse, [outcome.as_of]).newest.get(table)
    if newest is not None and newest.version == lakehouse.tables.version(table):
        return False
    return not lakehouse.tables.read(table).where(F.col("batch") == batch).isEmpty()


def _existing(
    lakehouse: Lakehouse, table: str, source: Source, batch: int, incoming: DataFrame, counts: Counts
) -> DataFrame | None:
    """The history of the batch's keys."""
    if not lakehouse.tables.exists(table) or counts.rows == counts.rejected:
        return None
    near = lakehouse.tables.read(table).where(F.expr(_key_range(counts.key_range))).where(F.col("batch") != batch)
    return near.join(incoming.select(*source.key).distinct(), list(source.key), "left_semi")


def _key_range(key_range: Mapping[str, tuple[Any, Any]], prefix: str = "") -> str:
    """A condition that holds for every row whose key is in the batch; Delta skips files by it."""
    return " AND ".join(
        f"{prefix}{quoted(name)} BETWEEN {literal(least)} AND {literal(most)}"
        for name, (least, most) in key_range.items()
    )


def _merge(
    lakehouse: Lakehouse, table: str, source: Source, versions: DataFrame, key_range: Mapping[str, tuple[Any, Any]]
) -> int:
    same = [f"source.{quoted(name)} = target.{quoted(name)}" for name in (*source.key, "valid_from")]
    changed = " OR ".join(
        f"NOT (source.{name} <=> target.{name})" for name in ("valid_to", "source_file", "source_position", "batch")
    )
    values = {quoted(name): f"source.{quoted(name)}" for name in versions.columns if name not in ("kept", "is_new")}
    same_instant = Window.partitionBy(*source.key, "valid_from")
    wanted = versions.select("*", F.max("kept").over(same_instant).alias("has_version"))
    wanted = wanted.where("kept OR NOT (is_new OR has_version)").drop("has_version", "is_new")
    builder = (
        lakehouse.tables.merging(table, wanted, " AND ".join([*same, _key_range(key_range, "target.")]))
        .whenMatchedDelete("NOT source.kept")
        .whenMatchedUpdate(changed, values)
        .whenNotMatchedInsert("source.kept", values)
        .withSchemaEvolution()
    )
    return lakehouse.tables.merge(table, builder).version


def _check_rows(table: str, batch: int, found: int, expected: int) -> None:
    if found != expected:
        raise TableError(
            "A write did not hold the rows that were meant.", where=f"{table}, batch {batch}", found=f"{found} rows",
            expected=f"{expected}", do="run silver again",
        )  # fmt: skip


def _write_quarantine(
    lakehouse: Lakehouse, source: Source, batch: int, checked: DataFrame, counts: Counts, as_of: datetime
) -> Target:
    table = f"silver.{source.name}__quarantine"
    rejected = checked.where(F.col("reasons").isNotNull()).select(
        "reasons", "raw", "source_file", "source_position", "batch", "available_at",
        F.lit(as_of).alias("as_of"),
    )  # fmt: skip
    commit = lakehouse.tables.replace(table, rejected, slice_of={"batch": [batch]})
    _check_rows(table, batch, commit.rows, counts.rejected)
    return Target(source.name, f"batch {batch}", table, commit.version)
