"""`silver.<source>__quarantine`: a row per rejected record, kept as a record also once it has been taken in.

A row is in quarantine while `replayed_at` is NULL. A replay that takes it in marks it with its time and run.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Source
from assay.config.version import contract_version
from assay.errors import ConfigError, nearest
from assay.frames import only_row
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from silver.history import REPLAY, check_rows
from silver.measure import Counts
from silver.transform import ORIGIN, REASON, label_of

_SINCE_FIRST = {"contract": "string", "replayed_at": "timestamp", "replayed_by": "string"}
"""Columns that the first tables of this kind did not have."""

COLUMNS = ("reasons", "raw", *ORIGIN, "available_at", "as_of", *_SINCE_FIRST)


def quarantine_of(source: str) -> str:
    """The name of a source's quarantine."""
    return f"silver.{source}__quarantine"


def read_quarantine(lakehouse: Lakehouse, source: str) -> DataFrame:
    """A source's quarantine, with NULL for what its table does not have yet."""
    table = lakehouse.tables.read(quarantine_of(source))
    reason = cast("T.StructType", cast("T.ArrayType", table.schema["reasons"].dataType).elementType)
    wanted = cast("T.StructType", T.DataType.fromDDL(REASON))
    if set(wanted.names) - set(reason.names):
        fields = [name if name in reason.names else None for name in wanted.names]
        table = table.withColumn(
            "reasons",
            F.transform(
                "reasons",
                lambda each: F.struct(*[
                    (each[name] if name else F.lit(None).cast("string")).alias(as_name)
                    for name, as_name in zip(fields, wanted.names, strict=True)
                ]),
            ),
        )  # fmt: skip
    missing = {name: F.lit(None).cast(kind) for name, kind in _SINCE_FIRST.items() if name not in table.columns}
    return table.withColumns(missing).select(*COLUMNS) if missing else table.select(*COLUMNS)


def write_quarantine(
    lakehouse: Lakehouse, source: Source, batch: int, judged: DataFrame, counts: Counts, outcome: Outcome
) -> Target:
    """Write the rejected rows of a batch in place of what the quarantine has of it.

    A replay keeps the rows that it takes in, and counts them.
    """
    table = quarantine_of(source.name)
    rejected = judged.where(F.col("reasons").isNotNull()).select(
        "reasons", "raw", *ORIGIN, "available_at",
        F.lit(outcome.as_of).alias("as_of"),
        F.lit(contract_version(source, lakehouse.time_zone)).alias("contract"),
        *[F.lit(None).cast(_SINCE_FIRST[name]).alias(name) for name in ("replayed_at", "replayed_by")],
    )  # fmt: skip
    rows, expected = rejected, counts.rejected
    if outcome.stage == REPLAY and lakehouse.tables.exists(table):
        before = read_quarantine(lakehouse, source.name).where(F.col("batch") == batch)
        expected += _count_replay(source, batch, before, rejected, outcome)
        rows = rejected.unionByName(_taken_in(before, rejected, outcome))
    commit = lakehouse.tables.replace(table, rows, slice_of={"batch": [batch]}, evolve=True)
    check_rows(table, batch, commit.rows, expected)
    return Target(source.name, f"batch {batch}", table, commit.version)


def _taken_in(before: DataFrame, rejected: DataFrame, outcome: Outcome) -> DataFrame:
    """The rows of the quarantine that pass now, or have been taken in before, marked."""
    passed = before.join(rejected.select(*ORIGIN), list(ORIGIN), "left_anti")
    return passed.withColumns({
        "replayed_by": F.when(F.col("replayed_at").isNull(), outcome.run_id).otherwise(F.col("replayed_by")),
        "replayed_at": F.coalesce("replayed_at", F.lit(datetime.now(UTC))),
    })  # fmt: skip


def _count_replay(source: Source, batch: int, before: DataFrame, rejected: DataFrame, outcome: Outcome) -> int:
    """Count what a replay changes; returns how many rows of the quarantine are kept and no longer in it."""
    was = before.select(*ORIGIN, F.lit(True).alias("known"), F.col("replayed_at").isNull().alias("open"))
    both = was.join(rejected.select(*ORIGIN, F.lit(True).alias("fails")), list(ORIGIN), "full_outer")
    open_before, fails = F.coalesce("open", F.lit(False)), F.coalesce("fails", F.lit(False))
    found = only_row(
        both.agg(
            F.count_if(open_before & ~fails).alias("taken in"),
            F.count_if(open_before & fails).alias("stay"),
            F.count_if(~open_before & fails).alias("new"),
            F.count_if(F.col("known") & ~fails).alias("kept"),
        )
    )
    outcome.measure(source.name, batch, replayed=found["taken in"])
    outcome.notes.append(
        f"{source.name}, batch {batch}: {found['taken in']} rows taken in, {found['stay']} stay"
        + (f", {found['new']} that were accepted are rejected by the contract as it is now" if found["new"] else "")
    )
    return int(found["kept"])


def chosen(lakehouse: Lakehouse, name: str | None) -> list[str]:
    """The source of that name, or all, as far as they have a quarantine; ConfigError for an unknown name."""
    sources = lakehouse.config.sources
    if name is not None and name not in sources:
        raise ConfigError(
            f"There is no source {name!r}.", where=str(lakehouse.conf_dir / "sources"), found=name,
            expected=nearest(name, sources),
        )  # fmt: skip
    names = sources if name is None else [name]
    return [each for each in names if lakehouse.tables.exists(quarantine_of(each))]


def rows_of(
    lakehouse: Lakehouse, source: str, *, batch: int | None = None, check: str | None = None, replayed: bool = False
) -> DataFrame:
    """The rows of a source's quarantine, in the order of their records.

    Args:
        lakehouse: The lakehouse.
        source: A source that has one.
        batch: Those of this batch only.
        check: Those that break this check only: `max`, or `max:temp`.
        replayed: Also those that a replay has taken in.
    """
    found = read_quarantine(lakehouse, source)
    if not replayed:
        found = found.where(F.col("replayed_at").isNull())
    if batch is not None:
        found = found.where(F.col("batch") == batch)
    if check is not None:
        found = found.where(F.exists("reasons", lambda each: (each["check"] == check) | (label_of(each) == check)))
    return found.orderBy("batch", "source_file", "source_position")


def summary(lakehouse: Lakehouse, sources: Sequence[str]) -> list[dict[str, Any]]:
    """What is in quarantine, a line per source, batch and reason, in one query."""
    told = [
        read_quarantine(lakehouse, name)
        .where(F.col("replayed_at").isNull())
        .select(F.lit(name).alias("source"), "batch", "as_of", F.explode("reasons").alias("reason"))
        for name in sources
    ]
    if not told:
        return []
    union = told[0]
    for frame in told[1:]:
        union = union.unionByName(frame)
    lines = (
        union.groupBy("source", "batch", label_of(F.col("reason")).alias("reason"))
        .agg(
            F.count("*").alias("rows"),
            F.min(F.coalesce("reason.value", "reason.message")).alias("example"),
            F.max("as_of").alias("as_of"),
        )
        .orderBy("source", "batch", F.col("rows").desc(), "reason")
    )
    return [_plain(row.asDict(recursive=True)) for row in lines.collect()]


def open_batches(lakehouse: Lakehouse, source: str, *, batch: int | None = None, check: str | None = None) -> list[int]:
    """The batches of a source that have rows in quarantine, oldest first."""
    found = rows_of(lakehouse, source, batch=batch, check=check).select("batch").distinct().collect()
    return sorted(row["batch"] for row in found)


def as_dicts(rows: DataFrame, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """At most `limit` rows, times in UTC, and whether there are more."""
    found = [_plain(row.asDict(recursive=True)) for row in rows.limit(limit + 1).collect()]
    return found[:limit], len(found) > limit


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def for_export(rows: DataFrame) -> DataFrame:
    """The rows with a column of text for each thing that a spreadsheet can show."""
    told = F.transform("reasons", lambda each: F.concat_ws(" ", label_of(each), each["value"], each["message"]))
    return rows.select(
        "source_file", "source_position", "batch", "available_at", "as_of", "contract",
        F.concat_ws(", ", F.transform("reasons", label_of)).alias("checks"),
        F.concat_ws("; ", told).alias("reasons"),
        "raw", "replayed_at", "replayed_by",
    )  # fmt: skip
