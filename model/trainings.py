"""What is kept of each training beside its model: a row of `ops.trainings`, and a page."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay import build
from assay.config import Model
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.report import training as page
from assay.report.night import GateRow
from model.artifact import Artifact
from model.evaluation import Evaluation
from model.fitting.fitted import Fitted
from model.gates import GateResult, failed
from model.promotion import earned
from model.tasks import TASKS

TRAININGS = "ops.trainings"
TRAINING_SETS = "ops.training_sets"
REFUSED = "refused"
"""The fate of a training that a gate has failed."""
_METRICS = "map<string, double>"
SCHEMA = f"""
    run_id string, lakehouse string, model string, version bigint, as_of timestamp, trained_at timestamp, fate string,
    content_hash string, trees_sha256 string, trees int, path string, why string, seconds double,
    metrics map<string, {_METRICS}>,
    slices array<struct<column: string, value: string, metrics: {_METRICS}>>,
    curve array<struct<score: double, rows: bigint, label: double>>,
    importance array<struct<input: string, gain: double, contribution: double>>,
    losses map<string, array<double>>, about string
"""


@dataclass(frozen=True)
class Training:
    """A training that is done, judged and registered."""

    run_id: str
    as_of: datetime
    trained: Artifact
    fitted: Fitted
    found: Evaluation
    gates: tuple[GateResult, ...]
    version: int
    mlflow_run: str
    trained_at: datetime

    def fate(self, model: Model) -> str:
        """What its gates let it become: `champion`, `challenger` or `refused`."""
        return REFUSED if failed(self.gates) else earned(model)


def training_set(lakehouse: Lakehouse, model: Model, as_of: datetime) -> dict[str, Any]:
    """How the newest training set of a night was made: its recipe and its content's hash; nothing where nobody noted it."""
    if not lakehouse.tables.exists(TRAINING_SETS):
        return {}
    of_night = (F.col("model") == model.name) & (F.col("training_as_of") == F.lit(as_of))
    rows = lakehouse.tables.read(TRAINING_SETS).where(of_night).orderBy(F.desc("version")).limit(1).collect()
    return {"content_hash": rows[0]["content_hash"], "recipe": json.loads(rows[0]["recipe"])} if rows else {}


def made_of() -> dict[str, Any]:
    """What of this installation decides what a training gives."""
    return {"commit": build.commit(), "packages": build.packages_hash()}


def write(lakehouse: Lakehouse, model: Model, training: Training) -> None:
    """Add a training to `ops.trainings`, unless it is there."""
    trained, fitted, found = training.trained, training.fitted, training.found
    row = {
        "run_id": training.run_id, "lakehouse": lakehouse.name, "model": model.name, "version": training.version,
        "as_of": training.as_of, "trained_at": training.trained_at, "fate": training.fate(model),
        "content_hash": trained.about.get("content_hash"), "trees_sha256": trained.sha256,
        "trees": trained.best_iteration + 1, "path": fitted.path, "why": fitted.why, "seconds": fitted.seconds,
        "metrics": {split: _doubles(metrics) for split, metrics in found.splits.items()},
        "slices": [{**asdict(each), "metrics": _doubles(each.metrics)} for each in found.slices],
        "curve": [asdict(step) for step in found.curve],
        "importance": [asdict(each) for each in found.importance],
        "losses": {split: list(values) for split, values in fitted.losses.items()},
        "about": json.dumps(trained.about, sort_keys=True, default=str),
    }  # fmt: skip
    lakehouse.tables.create(TRAININGS, T.StructType.fromDDL(SCHEMA))
    frame = local_frame(lakehouse.spark, [row], SCHEMA).coalesce(1)
    lakehouse.tables.append_once(TRAININGS, frame, application=f"training {training.run_id}", number=1)


def _doubles(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def page_of(lakehouse: Lakehouse, model: str, version: int) -> Path:
    """Where the page of a training lies."""
    return lakehouse.folder("reports") / f"{model}-v{version}.html"


def facts(lakehouse: Lakehouse, model: Model, training: Training) -> page.TrainingFacts:
    """What the page of a training shows."""
    about, found = training.trained.about, training.found
    ranges = {
        split: (datetime.fromisoformat(nights[0]), datetime.fromisoformat(nights[1]))
        for split, nights in about["ranges"].items()
    }
    return page.TrainingFacts(
        lakehouse.name, model.name, model.description, training.version, training.as_of, training.trained_at,
        training.fate(model), ranges, found.splits, TASKS[model.task].main, model.task,
        gates=tuple(GateRow(gate.gate, gate.value, gate.limit, gate.passed, gate.why) for gate in training.gates),
        steps=tuple(found.curve),
        slices=tuple(found.slices),
        importance=tuple(found.importance),
        losses=training.fitted.losses,
        about=_about(training),
    )  # fmt: skip


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name}: {each}" for name, each in value.items()) + ")"
    return "(" + ", ".join(map(str, value)) + ")" if isinstance(value, list) else str(value)


def _about(training: Training) -> dict[str, str]:
    about, fitted = training.trained.about, training.fitted
    changed = {name: value for name, value in about["parameters"].items() if value not in (None, [], {}, False)}
    return {
        "Training set": f"{about['training_table']}, Delta version {about['training_version']}, "
        f"content {about.get('content_hash') or 'not noted'}",
        "Trees": f"{training.trained.best_iteration + 1}, SHA-256 {training.trained.sha256}",
        "Parameters": ", ".join(f"{name} {_words(value)}" for name, value in changed.items()),
        "Path": f"{fitted.path}: {fitted.why}; {fitted.seconds:.1f} s",
        "Code": f"assay {about['code']}, commit {about.get('commit') or 'not known'}, packages {about.get('packages')}",
        "Run": training.run_id,
    }
