"""Fill a night's report from the ledger and the tables."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay import ledger
from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.report.night import (
    AuditRow,
    CalibrationBin,
    FeatureRow,
    GateRow,
    HistoryNight,
    ModelBlock,
    NightQuality,
    NightReport,
    Scores,
    StageRow,
)
from assay.report.sources import feeds_of, rejects_of
from assay.report.verdict import SHADOW, verdict
from assay.stages import side_by_side

HISTORY_NIGHTS = 30
SCORE_BINS = 20
QUALITY = "gold.nightly_quality"
AUDIT = "audit_"
"""How the stages of audits are named: they are of many nights, not of one."""


def collect(lakehouse: Lakehouse, as_of: datetime, run_id: str, links: dict[str, str]) -> NightReport:
    """What the tables say of a night.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        run_id: The run that writes the page.
        links: Name -> address, relative to the page.
    """
    model = next(iter(lakehouse.config.models.values()), None)
    (runs, numbers, history, trained, audits), scores, realised, calibration = _all(
        lakehouse,
        partial(_told_by_ledger, lakehouse, as_of, model),
        partial(_scores, lakehouse, model, as_of),
        partial(_realised, lakehouse, as_of),
        partial(_calibration, lakehouse, as_of),
    )
    feeds, rejects = _all(
        lakehouse, partial(feeds_of, lakehouse, as_of, numbers), partial(rejects_of, lakehouse, as_of, numbers)
    )
    stages = tuple(_stage(run, numbers) for run in runs)
    block = _model(lakehouse, model, trained, _scored_by(runs, model.name, SHADOW)) if model else None
    return NightReport(
        lakehouse=lakehouse.name,
        description=lakehouse.config.file.description,
        as_of=as_of,
        run_id=run_id,
        generated_at=datetime.now(UTC),
        verdict=verdict(stages, feeds, scores, model, block, audits),
        stages=stages,
        feeds=feeds,
        rejects=rejects,
        feature_tables=tuple(
            FeatureRow(table, rows=int(found["rows"])) for table, found in numbers.get("features", {}).items()
        ),
        audits=audits,
        model=block,
        scores=scores,
        calibration=calibration,
        realised=realised,
        history=history,
        links=links,
    )


def _all(lakehouse: Lakehouse, *questions: Callable[[], Any]) -> list[Any]:
    """The answers to questions that do not wait for one another."""
    return side_by_side(lakehouse, lambda question: question(), questions)


def _told_by_ledger(lakehouse: Lakehouse, as_of: datetime, model: Model | None) -> tuple[Any, ...]:
    """The night's runs and numbers, the nights before it, the model's last training, and the newest audits."""
    recent = ledger.runs(lakehouse).where(F.col("as_of") <= F.lit(as_of)).persist()
    try:
        runs = _last_runs(recent, as_of)
        trained = _training(recent, model.name, _scored_by(runs, model.name, "score")) if model else None
        return runs, _numbers(recent, as_of), _history(recent), trained, _audits(recent)
    finally:
        recent.unpersist()


def _last_runs(recent: DataFrame, as_of: datetime) -> list[Any]:
    """The newest run of each stage for the night that did something; else its newest."""
    of_night = (F.col("as_of") == F.lit(as_of)) & (F.col("stage") != "report") & ~F.startswith("stage", F.lit(AUDIT))
    rows = recent.where(of_night).orderBy("started_at").collect()
    found: dict[str, Any] = {}
    for row in rows:
        if row["stage"] not in found or any(m["value"] for m in row["metrics"]) or row["status"] == "failed":
            found[row["stage"]] = row
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


def _stage(run: Any, numbers: dict[str, dict[str, dict[str, float]]]) -> StageRow:
    ins, outs = {"bronze": (None, "records"), "silver": ("landed", "accepted")}.get(run["stage"], (None, "rows"))
    found = numbers.get(run["stage"], {}).values()

    def total(name: str | None) -> int | None:
        values = [int(target[name]) for target in found if name in target]
        return sum(values) if values else None

    return StageRow(
        run["stage"], run["status"], run["seconds"], run["spark_jobs"], total(ins), total(outs), run["error"]
    )


def _history(recent: DataFrame) -> tuple[HistoryNight, ...]:
    metrics = F.aggregate(
        F.filter("metrics", lambda m: (F.col("stage") == "silver") & (m["metric"] == "landed")),
        F.lit(0.0), lambda total, m: total + m["value"],
    )  # fmt: skip
    rejected = F.aggregate(
        F.filter("metrics", lambda m: (F.col("stage") == "silver") & (m["metric"] == "quarantined")),
        F.lit(0.0), lambda total, m: total + m["value"],
    )  # fmt: skip
    rows = (
        recent.where("stage <> 'report'")
        .where("exists(notes, note -> note LIKE 'built in one pass%') = false")
        .groupBy("as_of")
        .agg(F.sum(metrics).alias("landed"), F.sum(rejected).alias("quarantined"), F.sum("seconds").alias("seconds"))
        .orderBy(F.col("as_of").desc())
        .limit(HISTORY_NIGHTS)
        .collect()
    )
    return tuple(
        HistoryNight(row["as_of"].replace(tzinfo=UTC), int(row["landed"]), int(row["quarantined"]), row["seconds"])
        for row in reversed(rows)
    )


def _audits(recent: DataFrame) -> tuple[AuditRow, ...]:
    newest = (
        recent.where(F.startswith("stage", F.lit(AUDIT)))
        .groupBy("stage")
        .agg(F.max_by(F.struct("as_of", "status", "error", "metrics"), "started_at").alias("run"))
        .orderBy(F.col("stage").desc())
        .collect()
    )

    def row(stage: str, run: Any) -> AuditRow:
        values: dict[str, list[float]] = {}
        for metric in run["metrics"]:
            values.setdefault(metric["metric"], []).append(metric["value"])
        rows, compared = (int(sum(values[name])) if name in values else None for name in ("rows", "values"))
        before = min(values.get("hours_known_before", []), default=None)
        as_of = run["as_of"].replace(tzinfo=UTC)
        return AuditRow(stage.removeprefix(AUDIT), as_of, run["status"], rows, compared, before, run["error"])

    return tuple(row(found["stage"], found["run"]) for found in newest)


def _scored_by(runs: list[Any], model: str, stage: str) -> float | None:
    """The version that scored the night in a stage."""
    found = [m["value"] for run in runs if run["stage"] == stage for m in run["metrics"]
             if (m["target"], m["metric"]) == (model, "version")]  # fmt: skip
    return found[-1] if found else None


def _training(recent: DataFrame, model: str, version: float | None) -> Any:
    """The training of a version of a model; the newest of all where that is not known."""
    wanted = F.exists("metrics", lambda m: (m["metric"] == "version") & (m["value"] == F.lit(version)))
    return (
        recent.where("stage = 'train' AND status = 'done'")
        .where(F.exists("targets", lambda t: t["target"] == F.lit(model)))
        .orderBy(F.coalesce(wanted, F.lit(False)).desc(), F.col("started_at").desc())
        .first()
    )


def _model(lakehouse: Lakehouse, model: Model, run: Any, challenger: float | None) -> ModelBlock | None:
    if run is None:
        return None
    values = {(m["metric"], m["label"]): m["value"] for m in run["metrics"]}
    splits = {
        split: {name: value for (name, label), value in values.items() if label == split}
        for split in ("train", "validation", "holdout")
    }
    version = int(values.get(("version", ""), 0))
    gates = _gates(lakehouse, run["run_id"], model.name)
    beside = None if challenger is None else int(challenger)
    return ModelBlock(model.name, version, run["as_of"].replace(tzinfo=UTC), splits, gates, challenger=beside)


def _gates(lakehouse: Lakehouse, run_id: str, model: str) -> tuple[GateRow, ...]:
    """What each gate said of a training, those first that it did not pass."""
    if not lakehouse.tables.exists(ledger.GATES):
        return ()
    rows = (
        lakehouse.tables.read(ledger.GATES)
        .where((F.col("run_id") == run_id) & (F.col("model") == model))
        .orderBy("passed", "gate")
        .collect()
    )
    return tuple(GateRow(row["gate"], row["value"], row["limit"], row["passed"], row["why"]) for row in rows)


def _scores(lakehouse: Lakehouse, model: Model | None, as_of: datetime) -> Scores | None:
    if model is None:
        return None
    table = f"gold.{model.name}_predictions"
    if not lakehouse.tables.exists(table):
        return None
    place = F.least(F.floor(F.col("score") * SCORE_BINS), F.lit(SCORE_BINS - 1)).cast("int")
    counted = (F.col("as_of") == F.lit(as_of)) & (F.col("role") == "champion")
    rows = lakehouse.tables.read(table).where(counted).groupBy(place.alias("bin")).count().collect()
    counts = {row["bin"]: row["count"] for row in rows}
    if not counts:
        return None
    edges = tuple(at / SCORE_BINS for at in range(SCORE_BINS + 1))
    return Scores(edges, tuple(counts.get(at, 0) for at in range(SCORE_BINS)), sum(counts.values()))


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
