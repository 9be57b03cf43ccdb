"""What the ledger tells of runs: which nights are complete, how each stage stands, and the runs themselves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay import ledger
from assay.frames import only_row
from assay.lakehouse import Lakehouse

OF_MODELS = ("policy", "training_set", "train", "scoring_set", "score", "shadow")
"""Stages that run for each model by itself; so do audits."""
AUDIT = "audit_"
"""How the stages of audits are named: they are of many nights, not of one."""
ROWS_IN = {"silver": "landed"}
ROWS_OUT = {"bronze": "records", "silver": "accepted"}
"""Stage -> the metric that says how many rows it read and wrote; that of the others is `rows`, of what they wrote."""


@dataclass(frozen=True)
class Run:
    """A row of the ledger."""

    run_id: str
    stage: str
    model: str | None
    """Of what model it is, where there are several."""
    as_of: datetime
    status: str
    started_at: datetime
    seconds: float
    spark_jobs: int
    cpu_seconds: float | None
    """None of a run from before this was measured, like the next two."""
    shuffle_bytes: int | None
    files_written: int | None
    rows_in: int | None
    rows_out: int | None
    error: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """How a stage stands: its newest run of the newest night that it has run for."""

    stage: str
    model: str | None
    as_of: datetime
    status: str
    started_at: datetime
    seconds: float
    runs: int
    """How often it has run for that night."""
    error: str
    last_done: datetime | None
    """The newest night for which it is done."""
    failing_since: datetime | None
    """The first night since then for which it is not."""


def model_of(models: Sequence[str]) -> Column:
    """Which of several models a run is of, by its numbers or else its notes; NULL where it ended before it had any."""
    if len(models) < 2:
        return F.lit(None).cast("string")
    by_model = F.col("stage").isin(*OF_MODELS) | F.startswith("stage", F.lit(AUDIT))
    measured = F.filter("metrics", lambda m: m["target"].isin(*models) & m["metric"].isin("rows", "version"))
    noted = F.filter(
        F.transform("notes", lambda note: F.substring_index(note, ": ", 1)), lambda name: name.isin(*models)
    )
    return F.when(by_model, F.coalesce(F.get(measured["target"], F.lit(0)), F.get(noted, F.lit(0))))


def recent(
    lakehouse: Lakehouse, *, stage: str | None = None, as_of: datetime | None = None, failed: bool = False, limit: int
) -> list[Run]:
    """Runs, the newest first.

    Args:
        lakehouse: The lakehouse.
        stage: Only of this stage.
        as_of: Only of this night.
        failed: Only those that are not done.
        limit: At most so many.
    """
    found = _with_model(lakehouse)
    found = found.where(F.col("stage") == stage) if stage else found
    found = found.where(F.col("as_of") == F.lit(as_of)) if as_of else found
    found = found.where("status <> 'done'") if failed else found
    rows = found.select(
        "run_id", "stage", "model", "as_of", "status", "started_at", "seconds", "spark_jobs", "cpu_seconds",
        "shuffle_bytes", "files_written", "notes",
        _rows(ROWS_IN, otherwise=None).alias("rows_in"), _rows(ROWS_OUT, otherwise="rows").alias("rows_out"),
        F.coalesce("error", F.lit("")).alias("error"),
    )  # fmt: skip
    return [
        Run(**{**row.asDict(), **_utc(row, "as_of", "started_at"), "notes": tuple(row["notes"])})
        for row in rows.orderBy(F.desc("started_at"), "run_id").limit(limit).collect()
    ]


def _rows(named: dict[str, str], *, otherwise: str | None) -> Column:
    """The sum of the metric that counts a stage's rows; NULL where it has none."""
    metric = F.lit(otherwise)
    for stage, name in named.items():
        metric = F.when(F.col("stage") == stage, F.lit(name)).otherwise(metric)
    values = F.transform(F.filter("metrics", lambda m: m["metric"] == metric), lambda m: m["value"])
    total = F.aggregate(values, F.lit(0.0), lambda sum_, value: sum_ + value)
    return F.when(F.size(values) > 0, total.cast("bigint"))


def standings(lakehouse: Lakehouse, stages: Collection[str]) -> list[Standing]:
    """How some stages stand, of each model where they run for each; in one Spark job."""
    runs = _with_model(lakehouse)  # before any column is named: that takes a session
    state = F.struct("status", "started_at", "seconds", "error")
    nights = (
        runs.where(F.col("stage").isin(*stages))
        .groupBy("stage", "model", "as_of")
        .agg(F.max_by(state, "started_at").alias("last"), F.count("*").alias("runs"))
    )
    is_done = F.col("last.status") == "done"
    rows = (
        nights.groupBy("stage", "model")
        .agg(
            F.max_by(F.struct("as_of", "runs", "last.*"), "as_of").alias("newest"),
            F.max(F.when(is_done, F.col("as_of"))).alias("last_done"),
            F.collect_list(F.when(~is_done, F.col("as_of"))).alias("not_done"),
        )
        .withColumn("since", F.filter("not_done", lambda night: F.coalesce(night > F.col("last_done"), F.lit(True))))
        .select("stage", "model", "newest.*", "last_done", F.array_min("since").alias("failing_since"))
        .collect()
    )
    return [
        Standing(
            **{
                **row.asDict(),
                **_utc(row, "as_of", "started_at", "last_done", "failing_since"),
                "error": row["error"] or "",
            }
        )
        for row in rows
    ]


def last_complete(lakehouse: Lakehouse, stages: Collection[str]) -> datetime | None:
    """The newest night for which the last run of each of some stages, and of each model in it, is done; None: none is.

    A stage that a backfill has done for several nights counts as done for each.
    """
    runs = _with_model(lakehouse)  # before any column is named: that takes a session
    models: Sequence[str | None] = [*lakehouse.config.models] if len(lakehouse.config.models) > 1 else [None]
    needed = [(stage, model) for stage in stages for model in (models if stage in OF_MODELS else [None])]
    one_of = [(F.col("stage") == stage) & F.col("model").eqNullSafe(F.lit(model)) for stage, model in needed]
    row = only_row(
        runs.where(reduce(or_, one_of))
        .groupBy("stage", "model", "as_of")
        .agg(F.max_by("status", "started_at").alias("status"))
        .where("status = 'done'")
        .groupBy("as_of")
        .count()
        .where(F.col("count") == len(needed))
        .agg(F.max("as_of").alias("as_of"))
    )
    night: datetime | None = _utc(row, "as_of")["as_of"]
    return night


def _with_model(lakehouse: Lakehouse) -> DataFrame:
    return ledger.runs(lakehouse).withColumn("model", model_of([*lakehouse.config.models]))


def _utc(row: Any, *names: str) -> dict[str, Any]:
    """Times of a row, with their zone."""
    return {name: row[name] and row[name].replace(tzinfo=UTC) for name in names}
