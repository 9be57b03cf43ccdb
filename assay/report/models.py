"""What the report says of models: the version in use, its training, its gates, and the scores of the night."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse
from assay.ledger import GATES
from assay.report.night import GateRow, ModelBlock, Refused, Scores

SCORE_BINS = 20
SPLITS = ("train", "validation", "holdout")


def trainings(recent: DataFrame, versions: Mapping[str, float | None], as_of: datetime) -> dict[str, Any]:
    """Of each model `run`, the training of its version, or the newest of all where that is not known; and `tonight`, the
    night's last training, None where there was none.

    Args:
        recent: Runs of the ledger.
        versions: Model -> version, if known.
        as_of: The night.
    """
    if not versions:
        return {}
    known = [part for name, version in versions.items() for part in (F.lit(name), F.lit(version).cast("double"))]
    version = F.create_map(*known)[F.col("target")]
    wanted = F.exists("metrics", lambda m: (m["metric"] == "version") & (m["value"] == version))
    rows = (
        recent.where("stage = 'train' AND status = 'done'")
        .select("run_id", "as_of", "started_at", "metrics", F.explode("targets.target").alias("target"))
        .where(F.col("target").isin(*versions))
        .groupBy("target")
        .agg(
            F.max_by(
                F.struct("run_id", "as_of", "metrics"),
                F.struct(F.coalesce(wanted, F.lit(False)), "started_at", "run_id"),
            ).alias("run"),
            F.max_by(
                F.struct("run_id", "metrics"), F.when(F.col("as_of") == F.lit(as_of), F.struct("started_at", "run_id"))
            ).alias("tonight"),
        )
        .collect()
    )
    return {row["target"]: row for row in rows}


def blocks(
    lakehouse: Lakehouse,
    trained: Mapping[str, Any],
    challengers: Mapping[str, float | None],
    scores: Mapping[str, Scores],
) -> tuple[ModelBlock, ...]:
    """Every model of the lakehouse; without a version where none has been trained."""
    gates = _gates(lakehouse, trained)

    def block(name: str) -> ModelBlock:
        if name not in trained:
            return ModelBlock(name, None, None, scores=scores.get(name))
        run, tonight, beside = trained[name]["run"], trained[name]["tonight"], challengers.get(name)
        values = _values(run)
        failed = tuple(gate for gate in gates.get(tonight and tonight["run_id"], ()) if not gate.passed)
        splits = {
            split: {metric: value for (metric, label), value in values.items() if label == split} for split in SPLITS
        }
        return ModelBlock(
            name,
            int(values.get(("version", ""), 0)),
            run["as_of"].replace(tzinfo=UTC),
            splits,
            gates.get(run["run_id"], ()),
            challenger=None if beside is None else int(beside),
            scores=scores.get(name),
            refused=Refused(int(_values(tonight)["version", ""]), failed)
            if failed and tonight["run_id"] != run["run_id"]
            else None,
        )

    return tuple(map(block, lakehouse.config.models))


def _values(run: Any) -> dict[tuple[str, str], float]:
    """The numbers of a run, by metric and label."""
    return {(m["metric"], m["label"]): m["value"] for m in run["metrics"]}


def _gates(lakehouse: Lakehouse, trained: Mapping[str, Any]) -> dict[str, tuple[GateRow, ...]]:
    """What each gate said of the trainings, by run; those first that they did not pass."""
    runs = {run["run_id"] for row in trained.values() for run in (row["run"], row["tonight"]) if run}
    if not runs or not lakehouse.tables.exists(GATES):
        return {}
    rows = lakehouse.tables.read(GATES).where(F.col("run_id").isin(*sorted(runs))).orderBy("passed", "gate").collect()
    return {
        run_id: tuple(
            GateRow(row["gate"], row["value"], row["limit"], row["passed"], row["why"])
            for row in rows
            if row["run_id"] == run_id
        )
        for run_id in runs
    }


def scores_of(lakehouse: Lakehouse, as_of: datetime, probabilities: Collection[str]) -> dict[str, Scores]:
    """How the champions' scores of a night are distributed, by model; nothing of a model that scored nothing.

    Probabilities are in bins from 0 to 1; other scores in bins from the smallest to the largest of the night.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        probabilities: Models whose scores are probabilities.
    """
    scored = {
        name: lakehouse.tables.read(table)
        .where((F.col("as_of") == F.lit(as_of)) & (F.col("role") == "champion"))
        .select(F.lit(name).alias("model"), F.col("score").cast("double").alias("score"))
        for name in lakehouse.config.models
        if lakehouse.tables.exists(table := f"gold.{name}_predictions")
    }
    ends = dict.fromkeys(probabilities, (0.0, 1.0)) | _ends(
        [scored[name] for name in scored if name not in probabilities]
    )
    placed = [scored[name].select("model", _place(*ends[name]).alias("bin")) for name in scored if name in ends]
    if not placed:
        return {}
    counts: dict[str, dict[int, int]] = {}
    for row in reduce(DataFrame.unionAll, placed).groupBy("model", "bin").count().collect():
        counts.setdefault(row["model"], {})[row["bin"]] = row["count"]
    return {name: binned(*ends[name], found) for name, found in counts.items()}


def _ends(scored: Sequence[DataFrame]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest score of each model, apart from one another."""
    if not scored:
        return {}
    found = (
        reduce(DataFrame.unionAll, scored)
        .groupBy("model")
        .agg(F.min("score").alias("low"), F.max("score").alias("high"))
    )
    return {row["model"]: apart(row["low"], row["high"]) for row in found.collect()}


def apart(low: float, high: float) -> tuple[float, float]:
    """Two ends with room for bins between them: where all scores are the same, a little below and above."""
    size = max(abs(low), abs(high))
    if high - low > size * 1e-9:
        return low, high
    room = size * 0.1 or 1.0
    return low - room, high + room


def _place(low: float, high: float) -> Column:
    """The bin of a score; the last one holds the high end too."""
    at = F.floor((F.col("score") - F.lit(low)) / F.lit(high - low) * SCORE_BINS)
    return F.least(at, F.lit(SCORE_BINS - 1)).cast("int")


def binned(low: float, high: float, counts: Mapping[int, int]) -> Scores:
    """Scores in bins of equal width; rows outside them are counted, and in no bin."""
    edges = tuple(low + (high - low) * at / SCORE_BINS for at in range(SCORE_BINS + 1))
    return Scores(edges, tuple(counts.get(at, 0) for at in range(SCORE_BINS)), sum(counts.values()))
