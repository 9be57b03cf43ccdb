"""MLflow: what is logged of a training, and how its model is registered."""

import io
import json
import math
import re
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING

from assay import __version__, build
from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.report import training as training_page
from model.artifact import Artifact
from model.evaluation import Evaluation
from model.gates import GateResult
from model.registry import CHAMPION, Champion, connect, registered_name
from model.tasks import TASKS
from model.trainings import Training, facts, page_of
from model.tuning import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REFUSED = re.compile(r"[^\w\-. :/]")
"""What MLflow does not allow in a metric's name."""
_MOST_SLICES = 200


def log_training(
    lakehouse: Lakehouse,
    model: Model,
    trained: Artifact,
    found: Evaluation,
    gates: Sequence[GateResult],
    trials: Sequence[Trial] = (),
) -> Champion:
    """Log a training as an MLflow run and register its model; `champion` moves to it only if every gate passed."""
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
        mlflow.log_dict([asdict(gate) for gate in gates], "gates.json")
        mlflow.log_dict(json.loads(model.model_dump_json()), "config/model.json")
        mlflow.log_dict(build.packages(), "environment.json")
        mlflow.log_dict(trained.about, "about.json")
        mlflow.log_dict(asdict(found), "evaluation.json")
        with tempfile.TemporaryDirectory() as folder:
            trained.save(Path(folder))
            mlflow.log_artifacts(folder, "assay")
        _log_trials(client, experiment, run.info.run_id, trials)
        registered = _register(trained, name)
        for gate in gates:
            client.set_model_version_tag(name, registered, f"gate.{gate.gate}", f"{gate.passed}: {gate.why}")
        if passed:
            client.set_registered_model_alias(name, CHAMPION, registered)
    return Champion(int(registered), run.info.run_id, datetime.fromisoformat(about["as_of"]), trained)


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


def publish(lakehouse: Lakehouse, model: Model, mlflow_run: str, training: Training) -> Path:
    """Write the page of a training, beside the nights' pages and into its MLflow run."""
    html = training_page.render(facts(lakehouse, model, training))
    path = page_of(lakehouse, model.name, training.version)
    path.write_text(html, encoding="utf-8")
    connect(lakehouse).log_text(mlflow_run, html, "training.html")
    return path


def _register(trained: Artifact, name: str) -> str:
    """Log the trees as an MLflow model too, for MLflow's own tools, and register it; returns the version."""
    import mlflow
    import xgboost as xgb

    booster = xgb.Booster()
    booster.load_model(bytearray(trained.booster))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow advises a signature; the recipe holds names and types
        logged = mlflow.xgboost.log_model(
            booster,
            name="model",
            model_format="ubj",
            pip_requirements=[f"xgboost=={package_version(_xgboost())}"],
            metadata={"trees_sha256": trained.sha256, "best_iteration": trained.best_iteration},
        )
        with redirect_stderr(io.StringIO()):  # it tells there what the ledger and the terminal tell already
            return str(mlflow.register_model(logged.model_uri, name).version)


def _experiment(lakehouse: Lakehouse, client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None
    if lakehouse.environment.mlflow.tracking_uri is None:
        location = (lakehouse.folder("mlflow") / "artifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _xgboost() -> str:
    """The distribution that provides xgboost here: the CPU build, or the plain one."""
    from importlib.metadata import PackageNotFoundError

    try:
        package_version("xgboost-cpu")
    except PackageNotFoundError:
        return "xgboost"
    return "xgboost-cpu"
