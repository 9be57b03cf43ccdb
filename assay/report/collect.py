"""Fill a night's report from the ledger and the tables."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay import ledger
from assay.lakehouse import Lakehouse
from assay.report.models import blocks, scores_of, trainings
from assay.report.night import (
    AuditRow,
    CalibrationBin,
    FeatureRow,
    HistoryNight,
    Level,
    NightQuality,
    NightReport,
    StageRow,
    Verdict,
)
from assay.report.sources import feeds_of, rejects_of
from assay.report.verdict import SHADOW, verdict
from assay.report.watch import watch_of
from assay.runs import AUDIT, OF_MODELS, ROWS_IN, ROWS_OUT, model_of
from assay.stages import side_by_side

HISTORY_NIGHTS = 400
QUALITY = "gold.nightly_quality"


def collect(
    lakehouse: Lakehouse, as_of: datetime, run_id: str, links: dict[str, str], probabilities: Collection[str]
) -> NightReport:
    """What the tables say of a night.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        run_id: The run that writes the page.
        links: Name -> address, relative to the page.
        probabilities: Models whose scores are probabilities.
    """
    (runs, numbers, history, trained, audits), scores, realised, calibration, watch = _all(
        lakehouse,
        partial(_told_by_ledger, lakehouse, as_of),
        partial(scores_of, lakehouse, as_of, probabilities),
        partial(_realised, lakehouse, as_of),
        partial(_calibration, lakehouse, as_of),
        partial(watch_of, lakehouse, as_of),
    )
    feeds, rejects = _all(
        lakehouse, partial(feeds_of, lakehouse, as_of, numbers), partial(rejects_of, lakehouse, as_of, numbers)
    )
    names = tuple(lakehouse.config.models)
    stages = tuple(_stage(run, numbers, apart=len(names) > 1 and run["stage"] in OF_MODELS) for run in runs)
    models = blocks(lakehouse, trained, _versions(runs, names, SHADOW), scores)
    return NightReport(
        lakehouse=lakehouse.name,
        description=lakehouse.config.file.description,
        as_of=as_of,
        run_id=run_id,
        generated_at=datetime.now(UTC),
        verdict=verdict(stages, feeds, models, audits, watch),
        stages=stages,
        feeds=feeds,
        rejects=rejects,
        feature_tables=tuple(
            FeatureRow(table, rows=int(found["rows"])) for table, found in numbers.get("features", {}).items()
        ),
        audits=audits,
        models=models,
        calibration=calibration,
        realised=realised,
        history=history,
        watch=watch,
        prices=lakehouse.environment.prices,
        links=links,
    )


def _all(lakehouse: Lakehouse, *questions: Callable[[], Any]) -> list[Any]:
    """The answers to questions that do not wait for one another."""
    return side_by_side(lakehouse, lambda question: question(), questions)


def _told_by_ledger(lakehouse: Lakehouse, as_of: datetime) -> tuple[Any, ...]:
    """The night's runs and numbers, the newest nights of all, the models' trainings, and the newest audits."""
    models = tuple(lakehouse.config.models)
    every = ledger.runs(lakehouse).withColumn("model", model_of(models)).persist()
    recent = every.where(F.col("as_of") <= F.lit(as_of))
    try:
        last = _last_runs(recent, as_of)
        trained = trainings(recent, _versions(last, models, "score"), as_of)
        return last, _numbers(recent, as_of), _history(every), trained, _audits(recent)
    finally:
        every.unpersist()


def stages_of(lakehouse: Lakehouse, as_of: datetime) -> tuple[tuple[StageRow, ...], dict[str, Any]]:
    """A night's stages as its page shows them, and its numbers: stage -> target -> metric -> value."""
    names = tuple(lakehouse.config.models)
    runs = ledger.runs(lakehouse).where(F.col("as_of") == F.lit(as_of)).withColumn("model", model_of(names))
    numbers = _numbers(runs, as_of)
    last = _last_runs(runs, as_of)
    return tuple(_stage(run, numbers, apart=len(names) > 1 and run["stage"] in OF_MODELS) for run in last), numbers


def _last_runs(recent: DataFrame, as_of: datetime) -> list[Any]:
    """The newest run of each stage, and of each model in it, for the night that did something; else its newest.

    A run that does not tell its model stands until the stage's next one, and one that failed or was stopped until its next.
    """
    of_night = (F.col("as_of") == F.lit(as_of)) & (F.col("stage") != "report") & ~F.startswith("stage", F.lit(AUDIT))
    rows = recent.where(of_night).orderBy("started_at").collect()
    found: dict[tuple[str, str | None], Any] = {}
    for row in rows:
        stage, model = row["stage"], row["model"]
        if model is not None:
            found.pop((stage, None), None)
        did = any(m["value"] for m in row["metrics"]) or row["status"] != "done"
        mended = (stage, model) in found and found[stage, model]["status"] != "done"
        if did or mended or not any(of == stage for of, _ in found):
            found[stage, model] = row
    return sorted(found.values(), key=lambda row: row["started_at"])


def _numbers(recent: DataFrame, as_of: datetime) -> dict[str, dict[str, dict[str, float]]]:
    """stage -> target -> metric (or `metric label`) -> sum over the night's runs."""
    rows = (
        recent.where(F.col("as_of") == F.lit(as_of))
        .select("stage", F.inline("metrics").alias("target", "batch", "metric", "label", "value"))
        .groupBy("stage", "target", "metric", "label")
        .agg(F.sum("value").alias("total"), F.max("value").alias("newest"))
        .orderBy("stage", "target", "metric", "label")
        .collect()
    )
    result: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        name = f"{row['metric']} {row['label']}".strip()
        adds_up = row["stage"] in ("bronze", "silver")
        target = result.setdefault(row["stage"], {}).setdefault(row["target"], {})
        target[name] = row["total"] if adds_up else row["newest"]
    return result


def _stage(run: Any, numbers: dict[str, dict[str, dict[str, float]]], *, apart: bool) -> StageRow:
    """A stage, with the numbers of all its targets; or of the run's model only, where each model has a run `apart`."""
    ins, outs = ROWS_IN.get(run["stage"]), ROWS_OUT.get(run["stage"], "rows")
    targets = numbers.get(run["stage"], {})
    found = [targets.get(run["model"], {})] if apart else targets.values()

    def total(name: str | None) -> int | None:
        values = [int(target[name]) for target in found if name in target]
        return sum(values) if values else None

    return StageRow(
        run["stage"], run["status"], run["seconds"], run["spark_jobs"], total(ins), total(outs), run["error"],
        run["model"], run["cpu_seconds"], run["shuffle_bytes"], run["files_written"],
    )  # fmt: skip


def _history(every: DataFrame) -> tuple[HistoryNight, ...]:
    metrics = F.aggregate(
        F.filter("metrics", lambda m: (F.col("stage") == "silver") & (m["metric"] == "landed")),
        F.lit(0.0), lambda total, m: total + m["value"],
    )  # fmt: skip
    rejected = F.aggregate(
        F.filter("metrics", lambda m: (F.col("stage") == "silver") & (m["metric"] == "quarantined")),
        F.lit(0.0), lambda total, m: total + m["value"],
    )  # fmt: skip
    worked = F.col("stage") != "report"
    judged = (F.col("stage") == "report") & (F.col("status") == "done")
    rows = (
        every.where("exists(notes, note -> note LIKE 'built in one pass%') = false")
        .groupBy("as_of")
        .agg(
            F.sum(metrics).alias("landed"),
            F.sum(rejected).alias("quarantined"),
            F.sum(F.when(worked, F.col("seconds"))).alias("seconds"),
            F.count_if(worked).alias("stages"),
            F.max_by(F.when(judged, F.struct("metrics", "notes")), F.when(judged, F.col("started_at"))).alias("page"),
        )
        .where("stages > 0")
        .orderBy(F.col("as_of").desc())
        .limit(HISTORY_NIGHTS)
        .collect()
    )
    return tuple(
        HistoryNight(
            row["as_of"].replace(tzinfo=UTC), int(row["landed"]), int(row["quarantined"]), row["seconds"],
            _verdict(row["page"]),
        )
        for row in reversed(rows)
    )  # fmt: skip


def on_record(outcome: ledger.Outcome, verdict: Verdict) -> None:
    """Write a page's verdict into its run: its level as a metric's label, its reasons as notes."""
    outcome.measure("night", label=verdict.level, verdict=get_args(Level).index(verdict.level))
    outcome.notes += [f"{verdict.level}: {reason}" for reason in verdict.reasons]


def _verdict(page: Any) -> Verdict | None:
    """What `on_record` wrote, if the page's run is of a release that did."""
    for metric in page["metrics"] if page else ():
        if metric["metric"] == "verdict" and metric["label"] in get_args(Level):
            begin = f"{metric['label']}: "
            reasons = [note.removeprefix(begin) for note in page["notes"] if note.startswith(begin)]
            return Verdict(metric["label"], tuple(reasons))
    return None


def _audits(recent: DataFrame) -> tuple[AuditRow, ...]:
    """The newest audit of each kind and model. One that does not tell its model stands until the next of its kind."""
    newest = (
        recent.where(F.startswith("stage", F.lit(AUDIT)))
        .groupBy("stage", "model")
        .agg(F.max_by(F.struct("started_at", "as_of", "status", "error", "metrics"), "started_at").alias("run"))
        .orderBy(F.col("stage").desc(), "model")
        .collect()
    )
    last = {stage: max(row["run"]["started_at"] for row in newest if row["stage"] == stage)
            for stage in {row["stage"] for row in newest}}  # fmt: skip

    def row(stage: str, model: str | None, run: Any) -> AuditRow:
        values: dict[str, list[float]] = {}
        for metric in run["metrics"]:
            values.setdefault(metric["metric"], []).append(metric["value"])
        rows, compared = (int(sum(values[name])) if name in values else None for name in ("rows", "values"))
        before = min(values.get("hours_known_before", []), default=None)
        as_of = run["as_of"].replace(tzinfo=UTC)
        return AuditRow(stage.removeprefix(AUDIT), as_of, run["status"], rows, compared, before, run["error"], model)

    return tuple(
        row(found["stage"], found["model"], found["run"])
        for found in newest
        if found["model"] is not None or found["run"]["started_at"] == last[found["stage"]]
    )


def _versions(runs: list[Any], models: Sequence[str], stage: str) -> dict[str, float | None]:
    """The version of each model that scored the night in a stage."""
    found = {m["target"]: m["value"] for run in runs if run["stage"] == stage
             for m in run["metrics"] if m["metric"] == "version"}  # fmt: skip
    return {name: found.get(name) for name in models}


def _rows_of(lakehouse: Lakehouse, table: str, as_of: datetime, read: Callable[[DataFrame], list[Any]]) -> list[Any]:
    if not lakehouse.tables.exists(table):
        return []
    return read(lakehouse.tables.read(table).where(F.col("as_of") <= F.lit(as_of)))


def _realised(lakehouse: Lakehouse, as_of: datetime) -> tuple[NightQuality, ...]:
    """The nights whose outcomes are known, from the dbt model."""
    rows = _rows_of(
        lakehouse, QUALITY, as_of, lambda found: found.where("flights_known > 0").orderBy("as_of").collect()
    )
    return tuple(
        NightQuality(
            row["as_of"].replace(tzinfo=UTC), row["flights_known"], row["auc"], row["baseline_auc"], row["log_loss"]
        )
        for row in rows
    )


def _calibration(lakehouse: Lakehouse, as_of: datetime) -> tuple[CalibrationBin, ...]:
    rows = _rows_of(
        lakehouse, "gold.daily_calibration", as_of,
        lambda found: found.where("flights_known > 0").groupBy("bin").agg(
            (F.sum(F.col("mean_score") * F.col("flights_known")) / F.sum("flights_known")).alias("mean_score"),
            (F.sum(F.col("late_rate") * F.col("flights_known")) / F.sum("flights_known")).alias("late_rate"),
            F.sum("flights_known").alias("flights"),
        ).orderBy("bin").collect(),
    )  # fmt: skip
    return tuple(CalibrationBin(row["mean_score"], row["late_rate"], row["flights"]) for row in rows)
