"""A training whose version is registered, and which no run has told of: the one that made it has died first.

What a training has found lies in its MLflow run before its version is registered. So it is finished from there, and
neither done twice nor judged twice.
"""

import json
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from assay import ledger
from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from model.evaluation import Evaluation
from model.fitting.fitted import Fitted
from model.gates import GateResult
from model.registry import AS_OF, RUN, asked, registered_name, tracking_uri, untouched, uri, with_number
from model.tracking import EVALUATION, FIT, VERDICTS
from model.trainings import Training


def cut_off(lakehouse: Lakehouse, model: Model, as_of: datetime) -> datetime | None:
    """As of when the newest version of a model was trained, if no run has told of it; None where one has.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        as_of: The night that asks.
    """
    found = None if untouched(lakehouse) else _newest(lakehouse, model)
    if found is None or RUN not in found.tags:  # somebody else's
        return None
    told = ledger.known(lakehouse, [as_of]).newest.get(uri(model))
    if told is not None and told.version >= int(found.version):
        return None
    artifacts = asked(lakehouse, lambda client: client.list_artifacts(found.run_id)) or ()
    if not any(each.path == FIT for each in artifacts):  # of a release that left no more than the version
        return None
    return datetime.fromisoformat(found.tags[AS_OF])


def read(lakehouse: Lakehouse, model: Model) -> Training:
    """The training of a model's newest version, as it was found and judged then; its MLflow run is ended.

    Raises:
        ModelError: Its files cannot be read, or are not the ones that were registered.
    """
    import mlflow

    version = int(_newest(lakehouse, model).version)
    registered = with_number(lakehouse, model, version)
    assert registered is not None  # noqa: S101  # nobody takes versions away while roles change
    trained, mlflow_run = registered.artifact, registered.mlflow_run
    try:
        fit, verdicts, found = (
            json.loads(mlflow.artifacts.load_text(f"runs:/{mlflow_run}/{name}")) for name in (FIT, VERDICTS, EVALUATION)
        )
    except (mlflow.exceptions.MlflowException, OSError, ValueError) as error:
        raise ModelError(
            f"What the training of {model.name} version {version} has found cannot be read.",
            where=f"{tracking_uri(lakehouse)}, run {mlflow_run}", found=str(error).splitlines()[0],
            do="bring the run's artifacts back, or delete the version in MLflow: the model is trained again",
        ) from error  # fmt: skip
    asked(lakehouse, lambda client: client.set_terminated(mlflow_run))
    trained_at = datetime.fromisoformat(fit.pop("trained_at"))
    fitted = Fitted(trained.booster, trained.best_iteration, classes=trained.classes, **fit)
    gates = TypeAdapter(tuple[GateResult, ...]).validate_python(verdicts)
    evaluation = TypeAdapter(Evaluation).validate_python(found)
    return Training(
        trained.about["run_id"], registered.trained_as_of, trained, fitted, evaluation, gates, version, mlflow_run,
        trained_at,
    )  # fmt: skip


def _newest(lakehouse: Lakehouse, model: Model) -> Any:
    """The newest version, as MLflow has it; None before the first."""
    name = registered_name(lakehouse, model)
    found = asked(
        lakehouse,
        lambda client: client.search_model_versions(f"name = '{name}'", 1, order_by=["version_number DESC"]),
    )
    return found[0] if found else None
