"""MLflow's own interface to a version, for callers that want it with the registry's hashes checked first."""

from typing import Any

from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from model.registry import CHAMPION, asked, files, registered_name


def pyfunc(lakehouse: Lakehouse, model: Model, role: str = CHAMPION) -> Any:
    """A version as `mlflow.pyfunc` loads it, every file of it, `MLmodel` among them, as it was registered.

    MLflow runs the code that `MLmodel` names; by itself it asks nobody whether that is the code that was logged.

    Raises:
        ModelError: No version has the role, or a file of it is not the one that was registered.
    """
    import mlflow

    name = registered_name(lakehouse, model)
    found = asked(lakehouse, lambda client: client.get_model_version_by_alias(name, role))
    if found is None:
        raise ModelError(f"No version of {model.name} is {role}.", where=name, do="assay models lists them")
    with files(lakehouse, model, found) as folder:
        return mlflow.pyfunc.load_model(str(folder))
