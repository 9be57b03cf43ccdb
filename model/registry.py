"""MLflow: where trainings are logged, models are registered, and the champion is found."""

import io
import json
import math
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING

from assay import __version__
from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from assay.redaction import without_login
from model import artifact
from model.artifact import Artifact
from model.evaluate import Metrics
from model.gates import GateResult

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
PACKAGES = ("pyspark", "delta-spark", "xgboost-cpu", "feast", "mlflow", "numpy", "pyarrow")


@dataclass(frozen=True)
class Champion:
    """The version that scores."""

    version: int
    mlflow_run: str
    trained_as_of: datetime
    artifact: Artifact


def registered_name(lakehouse: Lakehouse, model: Model) -> str:
    """The model's name in the registry, which lakehouses may share."""
    return f"{lakehouse.name}.{model.name}"


def connect(lakehouse: Lakehouse) -> "MlflowClient":
    """A client of the environment's tracking server; by default SQLite and files below the lakehouse."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    given = lakehouse.environment.mlflow.tracking_uri or ""
    if given.startswith("http"):
        _, user, password = without_login(given)
        login = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
        os.environ.update({name: value for name, value in login.items() if value is not None})
    import mlflow

    mlflow.set_tracking_uri(tracking_uri(lakehouse))
    return mlflow.MlflowClient()


def tracking_uri(lakehouse: Lakehouse) -> str:
    """Where MLflow keeps runs and models; a server's address without user and password, which MLflow gets apart."""
    given = lakehouse.environment.mlflow.tracking_uri
    if given and given.startswith("http"):
        given = without_login(given)[0]
    return given or f"sqlite:///{lakehouse.folder('mlflow') / 'mlflow.db'}"


def champion(lakehouse: Lakehouse, model: Model) -> Champion | None:
    """The model's champion, its trees' hash checked; None before the first promotion."""
    from mlflow.exceptions import MlflowException

    client = connect(lakehouse)
    name = registered_name(lakehouse, model)
    try:
        found = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise ModelError("MLflow does not answer.", where=tracking_uri(lakehouse), found=error.message) from error
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(client.download_artifacts(found.run_id, "assay", folder))
        except (MlflowException, OSError) as error:
            raise ModelError(
                f"The files of the champion of {model.name} cannot be read.",
                where=f"{tracking_uri(lakehouse)}, version {found.version}, run {found.run_id}",
                found=str(error).splitlines()[0],
                do="bring the artifacts of that run back, or set the alias champion to a version that has its own",
            ) from error
        loaded = artifact.load(path)
    trained = datetime.fromisoformat(loaded.about["as_of"])
    return Champion(int(found.version), found.run_id, trained, loaded)


def log_training(
    lakehouse: Lakehouse,
    model: Model,
    trained: Artifact,
    metrics: Mapping[str, Metrics],
    gates: Sequence[GateResult],
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
        })  # fmt: skip
        mlflow.log_params({**model.xgboost.model_dump(mode="json"), "best_iteration": trained.best_iteration})
        mlflow.log_metrics({
            f"{split}_{metric}": float(value)
            for split, found in metrics.items() for metric, value in asdict(found).items() if not math.isnan(value)
        })  # fmt: skip
        dataset = mlflow.data.load_delta(
            path=lakehouse.tables.path(f"gold.{model.name}_training"), version=about["training_version"],
            name=f"{model.name}_training",
        )  # fmt: skip
        mlflow.log_input(dataset, context="training")
        mlflow.log_dict([asdict(gate) for gate in gates], "gates.json")
        mlflow.log_dict(json.loads(model.model_dump_json()), "config/model.json")
        mlflow.log_dict({package: package_version(package) for package in _installed()}, "environment.json")
        with tempfile.TemporaryDirectory() as folder:
            trained.save(Path(folder))
            mlflow.log_artifacts(folder, "assay")
        registered = _register(trained, name)
        for gate in gates:
            client.set_model_version_tag(name, registered, f"gate.{gate.gate}", f"{gate.passed}: {gate.why}")
        if passed:
            client.set_registered_model_alias(name, CHAMPION, registered)
    return Champion(int(registered), run.info.run_id, datetime.fromisoformat(about["as_of"]), trained)


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


def _installed() -> list[str]:
    return [*(package for package in PACKAGES if package != "xgboost-cpu"), _xgboost()]


def _xgboost() -> str:
    """The distribution that provides xgboost here: the CPU build, or the plain one."""
    from importlib.metadata import PackageNotFoundError

    try:
        package_version("xgboost-cpu")
    except PackageNotFoundError:
        return "xgboost"
    return "xgboost-cpu"


def due(current: Champion | None, model: Model, as_of: datetime) -> bool:
    """Whether a nightly run should train: there is no champion, or it is as old as `train.every`."""
    return current is None or as_of.astimezone(UTC) - current.trained_as_of >= model.train.every
