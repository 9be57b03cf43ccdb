"""How a trained model gets into MLflow's registry: as a model that MLflow's own tools can serve, its files' hashes beside it."""

import io
import json
import math
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.config import Model
from assay.lakehouse import Lakehouse
from model.artifact import Artifact, hashes
from model.gates import GateResult
from model.promotion import PASSED
from model.registry import AS_OF, GATES, HASHES, HOLDOUT, RUN, Registered, registered_name
from model.tasks import Metrics

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

SCRIPT = Path(__file__).with_name("served.py")
WHOLE = ("tinyint", "smallint", "int", "bigint")
"""Types of whole numbers, as Spark names them."""


def register(
    lakehouse: Lakehouse, model: Model, trained: Artifact, holdout: Metrics | None, gates: Sequence[GateResult]
) -> Registered:
    """Register a model within the active MLflow run; it has no role yet.

    Args:
        lakehouse: The lakehouse.
        model: Its configuration.
        trained: Its trees and recipe.
        holdout: Its metrics on the holdout.
        gates: Every gate's verdict.
    """
    import mlflow

    name = registered_name(lakehouse, model)
    tags = {
        AS_OF: trained.about["as_of"], RUN: trained.about["run_id"], GATES: summary(gates),
        HOLDOUT: json.dumps({metric: value for metric, value in (holdout or {}).items() if math.isfinite(value)}),
        **{f"gate.{gate.gate}": f"{'passed' if gate.passed else 'failed'}: {gate.why}" for gate in gates},
    }  # fmt: skip
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):  # what it tells there, the ledger tells too
        warnings.simplefilter("ignore")  # MLflow asks for an example of the input; the signature is the recipe's
        logged = _log(trained)
        made = mlflow.register_model(logged.model_uri, name, tags={**tags, HASHES: _hashes(logged.model_uri)})
    version, run = int(made.version), mlflow.active_run().info.run_id
    return Registered(version, run, datetime.fromisoformat(trained.about["as_of"]), trained)


def summary(gates: Sequence[GateResult]) -> str:
    """What the gates said, in a line: how many passed, or which failed."""
    if failed := list(dict.fromkeys(gate.gate for gate in gates if not gate.passed)):
        return f"failed: {', '.join(failed)}"
    return f"{PASSED}: {', '.join(dict.fromkeys(gate.gate for gate in gates))}" if gates else f"{PASSED}: none asked"


def signature(trained: Artifact) -> "ModelSignature":
    """MLflow's description of the rows: each column that the inputs are read from, with its type.

    Whole numbers are of any type: pandas makes floats of them where one is missing, which MLflow refuses for integers.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

    kinds = {
        "string": DataType.string, "boolean": DataType.boolean, "timestamp": DataType.datetime,
        "date": DataType.datetime, **{kind: AnyType() for kind in WHOLE},
    }  # fmt: skip
    columns = [
        ColSpec(kinds.get(kind, DataType.double), name, required=False)
        for name, kind in trained.about["columns"].items()
    ]
    outputs = [ColSpec(DataType.double, name) for name in trained.classes] or [ColSpec(DataType.double)]
    return ModelSignature(inputs=Schema(columns), outputs=Schema(outputs))


def _log(trained: Artifact) -> Any:
    """Log trees, recipe and the file that serves them. MLflow pickles nothing of a model that is a file of code."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "assay"
        files.mkdir()
        trained.save(files)
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(SCRIPT),
            artifacts={"assay": str(files)},
            model_config={"sha256": hashes(files)},
            signature=signature(trained),
            pip_requirements=[f"{package}=={package_version(package)}" for package in ("mlflow", xgboost(), "pandas")],
        )


def _hashes(model_uri: str) -> str:
    """The hash of every file of a logged model, as JSON."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        path = Path(mlflow.artifacts.download_artifacts(model_uri, dst_path=folder))
        (path / "registered_model_meta").unlink(missing_ok=True)
        return json.dumps(hashes(path))


def xgboost() -> str:
    """The distribution that provides xgboost here: the CPU build, or the plain one."""
    try:
        package_version("xgboost-cpu")
    except PackageNotFoundError:
        return "xgboost"
    return "xgboost-cpu"
