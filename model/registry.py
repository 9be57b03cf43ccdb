"""MLflow: where trainings are logged, models are registered, and the champion is found."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from assay.redaction import without_login
from model import artifact
from model.artifact import Artifact

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"


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
    name = registered_name(lakehouse, model)
    found = _asked(lakehouse, lambda client: client.get_model_version_by_alias(name, CHAMPION))
    return None if found is None else _loaded(lakehouse, model, found)


def with_number(lakehouse: Lakehouse, model: Model, version: int) -> Champion | None:
    """A version by its number, its trees' hash checked; None where there is none."""
    name = registered_name(lakehouse, model)
    found = _asked(lakehouse, lambda client: client.get_model_version(name, str(version)))
    return None if found is None else _loaded(lakehouse, model, found)


def _asked(lakehouse: Lakehouse, question: "Callable[[MlflowClient], Any]") -> Any:
    """What MLflow's client answers; None for what does not exist."""
    from mlflow.exceptions import MlflowException

    client = connect(lakehouse)
    try:
        return question(client)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise ModelError("MLflow does not answer.", where=tracking_uri(lakehouse), found=error.message) from error


def _loaded(lakehouse: Lakehouse, model: Model, found: Any) -> Champion:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(connect(lakehouse).download_artifacts(found.run_id, "assay", folder))
        except (MlflowException, OSError) as error:
            raise ModelError(
                f"The files of version {found.version} of {model.name} cannot be read.",
                where=f"{tracking_uri(lakehouse)}, version {found.version}, run {found.run_id}",
                found=str(error).splitlines()[0],
                do="bring the artifacts of that run back, or set the alias champion to a version that has its own",
            ) from error
        loaded = artifact.load(path)
    trained = datetime.fromisoformat(loaded.about["as_of"])
    return Champion(int(found.version), found.run_id, trained, loaded)


def due(current: Champion | None, model: Model, as_of: datetime) -> bool:
    """Whether a nightly run should train: there is no champion, or it is as old as `train.every`."""
    return current is None or as_of.astimezone(UTC) - current.trained_as_of >= model.train.every
