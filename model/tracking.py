"""MLflow: what is logged of a training, and how its model is registered."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assay import __version__, build
from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.report import training as training_page
from model.artifact import Artifact
from model.evaluation import Evaluation
from model.fitting.fitted import Fitted
from model.gates import GateResult
from model.registration import register
from model.registry import connect, registered_name
from model.split import HOLDOUT
from model.tasks import TASKS
from model.trainings import Training, facts, page_of
from model.tuning import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient

EVALUATION, VERDICTS, FIT = "evaluation.json", "gates.json", "fit.json"
"""What a training's MLflow run has of what was found, of what the gates said, and of the fitting."""
_REFUSED = re.compile(r"[^\w\-. :/]")
"""What MLflow does not allow in a metric's name."""
_MOST_SLICES = 200
_MOST_METRICS = 1000
"""As many as MLflow takes at once."""


def log_training(
    lakehouse: Lakehouse,
    model: Model,
    trained: Artifact,
    fitted: Fitted,
    found: Evaluation,
    gates: Sequence[GateResult],
    trials: Sequence[Trial] = (),
) -> Training:
    """Log a training as an MLflow run, all that was found, and then register its model, without a role."""
    import mlflow

    client = connect(lakehouse)
    name = registered_name(lakehouse, model)
    experiment = _experiment(lakehouse, client, name)
    about = trained.about
    passed = all(gate.passed for gate in gates)
    with mlflow.start_run(experiment_id=experiment, run_name=f"{model.name} as of {about['as_of'][:10]}") as run:
        mlflow.set_tags({
            "assay.as_of": about["as_of"], "assay.version": __version__, "assay.gates": "passed" if passed else "failed",
            "assay.training_version": about["training_version"], "assay.trees_sha256": trained.sha256,
            "assay.content_hash": about.get("content_hash"), "assay.commit": about.get("commit"),
            "assay.packages": about.get("packages"),
        })  # fmt: skip
        mlflow.log_params({**model.xgboost.model_dump(mode="json"), "best_iteration": trained.best_iteration})
        mlflow.log_metrics(_metrics(model, found))
        dataset = mlflow.data.load_delta(
            path=lakehouse.tables.path(f"gold.{model.name}_training"), version=about["training_version"],
            name=f"{model.name}_training", digest=about.get("content_hash"),
        )  # fmt: skip
        mlflow.log_input(dataset, context="training")
        trained_at = datetime.now(UTC)
        fit = {name: value for name, value in asdict(fitted).items() if name in ("path", "why", "seconds", "losses")}
        mlflow.log_dict({**fit, "trained_at": trained_at.isoformat()}, FIT)
        mlflow.log_dict([asdict(gate) for gate in gates], VERDICTS)
        mlflow.log_dict(json.loads(model.model_dump_json()), "config/model.json")
        mlflow.log_dict(build.packages(), "environment.json")
        mlflow.log_dict(trained.about, "about.json")
        mlflow.log_dict(asdict(found), EVALUATION)
        _log_trials(client, experiment, run.info.run_id, trials)
        version = register(lakehouse, model, trained, found.splits.get(HOLDOUT), gates).version
    return Training(
        about["run_id"], datetime.fromisoformat(about["as_of"]), trained, fitted, found, tuple(gates), version,
        run.info.run_id, trained_at,
    )  # fmt: skip


def _metrics(model: Model, found: Evaluation) -> dict[str, float]:
    """Metrics by MLflow's names for them: `holdout_auc`, and `holdout/origin/EWR/auc` of a slice."""
    named = {f"{split}_{name}": value for split, metrics in found.splits.items() for name, value in metrics.items()}
    main = TASKS[model.task].main
    for each in found.slices[:_MOST_SLICES]:
        where = f"holdout/{each.column}/{_REFUSED.sub('_', str(each.value))}"
        named |= {f"{where}/{name}": each.metrics[name] for name in (main, "rows")}
    return {name: float(value) for name, value in named.items() if not math.isnan(value)}


def _log_trials(client: "MlflowClient", experiment: str, parent: str, trials: Sequence[Trial]) -> None:
    """The trials of a search, as runs below the training's."""
    from mlflow.entities import Metric, Param

    for trial in trials:
        tags = {"mlflow.parentRunId": parent, "assay.trial": trial.state}
        run = client.create_run(experiment, tags=tags, run_name=f"trial {trial.number}").info.run_id
        loss = [Metric("loss", trial.loss, 0, 0)] if trial.loss is not None else []
        parameters = [Param(name, str(value)) for name, value in trial.parameters.items()]
        client.log_batch(run, metrics=[*loss, Metric("seconds", trial.seconds, 0, 0)], params=parameters)
        client.set_terminated(run, "FINISHED" if trial.state == "complete" else "KILLED")


def publish(lakehouse: Lakehouse, model: Model, training: Training) -> Path:
    """Write the page of a training, beside the nights' pages and into its MLflow run, with its curves and plots."""
    shown = facts(lakehouse, model, training)
    html = training_page.render(shown)
    path = page_of(lakehouse, model.name, training.version)
    path.write_text(html, encoding="utf-8")
    client, mlflow_run = connect(lakehouse), training.mlflow_run
    client.log_text(mlflow_run, html, "training.html")
    for name, figure in training_page.figures(shown).items():
        client.log_text(mlflow_run, figure, f"plots/{name}.svg")
    client.log_metric(mlflow_run, "fit_seconds", training.fitted.seconds)
    _log_losses(client, TASKS[model.task].loss, training)
    return path


def _log_losses(client: "MlflowClient", loss: str, training: Training) -> None:
    """The loss of each round as a curve of MLflow's own."""
    from mlflow.entities import Metric

    at = int(training.trained_at.timestamp() * 1000)
    points = [
        Metric(f"{split}_{loss}_by_round", value, at, rounds)
        for split, values in training.fitted.losses.items()
        for rounds, value in enumerate(values, start=1)
    ]
    for first in range(0, len(points), _MOST_METRICS):
        client.log_batch(training.mlflow_run, metrics=points[first : first + _MOST_METRICS])


def _experiment(lakehouse: Lakehouse, client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None
    if lakehouse.environment.mlflow.tracking_uri is None:
        location = (lakehouse.folder("mlflow") / "artifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=location))
