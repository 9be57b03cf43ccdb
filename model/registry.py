"""MLflow's registry: where a model's versions are, which of them have a role, and their files, checked by their hashes."""

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from assay.lineage import MODELS
from assay.redaction import without_login
from model.artifact import Artifact, check_hashes, load

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
"""Aliases: the version that scores, the one that scores in its shadow, and the one that scored before."""
HASHES = "assay.sha256"
"""The tag of a version that has the hash of each of its files, as JSON."""
AS_OF, GATES, HOLDOUT, RUN = "assay.as_of", "assay.gates", "assay.holdout", "assay.run_id"
"""Tags of a version: as of when it was trained, what its gates said, its metrics on the holdout as JSON, its run in
`ops.runs`."""
FOLDER = "artifacts/assay"
"""Where trees and recipe lie in a registered model."""
_META = "registered_model_meta"
"""MLflow writes it beside what it downloads; no part of the model."""


@dataclass(frozen=True)
class Registered:
    """A version of a model, its files as they were registered."""

    version: int
    mlflow_run: str
    trained_as_of: datetime
    artifact: Artifact

    role: str = ""
    """The alias that it was found or registered under: champion, challenger, or none."""


def registered_name(lakehouse: Lakehouse, model: Model) -> str:
    """The model's name in the registry, which lakehouses may share."""
    return f"{lakehouse.name}.{model.name}"


def uri(model: Model) -> str:
    """What a model is called in the ledger, among tables."""
    return f"{MODELS}{model.name}"


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


def untouched(lakehouse: Lakehouse) -> bool:
    """Whether nothing was ever registered where MLflow keeps it by default; to ask MLflow itself would begin a database."""
    return lakehouse.environment.mlflow.tracking_uri is None and not (lakehouse.place("mlflow") / "mlflow.db").exists()


@contextmanager
def answering(lakehouse: Lakehouse) -> Iterator[None]:
    """MLflow's errors inside the block become ModelErrors."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise ModelError("MLflow does not answer.", where=tracking_uri(lakehouse), found=error.message) from error


def aliases(lakehouse: Lakehouse, model: Model) -> dict[str, int]:
    """Alias -> version; none before the first training."""
    known = asked(lakehouse, lambda client: client.get_registered_model(registered_name(lakehouse, model)))
    return {} if known is None else {alias: int(version) for alias, version in known.aliases.items()}


def champion(lakehouse: Lakehouse, model: Model) -> Registered | None:
    """The version that scores, its files' hashes checked; None before the first promotion."""
    return with_role(lakehouse, model, CHAMPION)


def challenger(lakehouse: Lakehouse, model: Model) -> Registered | None:
    """The version that scores in the champion's shadow, its files' hashes checked; None where there is none."""
    held = aliases(lakehouse, model)
    if held.get(CHALLENGER) in (None, held.get(CHAMPION)):
        return None
    return with_role(lakehouse, model, CHALLENGER)


def with_role(lakehouse: Lakehouse, model: Model, role: str) -> Registered | None:
    """The version that an alias stands for, its files' hashes checked; None where there is none."""
    name = registered_name(lakehouse, model)
    found = asked(lakehouse, lambda client: client.get_model_version_by_alias(name, role))
    return None if found is None else _loaded(lakehouse, model, found, role)


def in_use(lakehouse: Lakehouse, model: Model) -> list[Registered]:
    """The versions that have a role, each once: champion, challenger, and the one before. What cannot be read is left out:
    who scores with it is told.
    """
    found: dict[int, Registered] = {}
    held = aliases(lakehouse, model)
    for role in (CHAMPION, CHALLENGER, PREVIOUS):
        if role in held and held[role] not in found:
            try:
                read = with_role(lakehouse, model, role)
            except ModelError as error:
                logger.warning("the %s of %s is not looked at: %s", role, model.name, error)
                continue
            if read is not None:
                found[read.version] = read
    return list(found.values())


def with_number(lakehouse: Lakehouse, model: Model, version: int) -> Registered | None:
    """A version by its number, its files' hashes checked; None where there is none."""
    found = version_of(lakehouse, model, version)
    return None if found is None else _loaded(lakehouse, model, found, "")


def version_of(lakehouse: Lakehouse, model: Model, version: int) -> Any:
    """A version as MLflow has it; None where there is none."""
    name = registered_name(lakehouse, model)
    return asked(lakehouse, lambda client: client.get_model_version(name, str(version)))


def waiting(lakehouse: Lakehouse, model: Model) -> datetime | None:
    """As of when the challenger was trained, its files not looked at; None where there is none."""
    name = registered_name(lakehouse, model)
    found = asked(lakehouse, lambda client: client.get_model_version_by_alias(name, CHALLENGER))
    told = found.tags.get(AS_OF) if found is not None else None
    return datetime.fromisoformat(told) if told else None


def due(current: Registered | None, model: Model, as_of: datetime, waits: datetime | None = None) -> bool:
    """Whether a nightly run should train: there is no champion, or it is as old as `train.every`.

    Args:
        current: The champion.
        model: The model.
        as_of: The night.
        waits: As of when the challenger was trained, if there is one: while it waits to be promoted, it counts too.
    """
    newest = max((at for at in (current and current.trained_as_of, waits) if at), default=None)
    return newest is None or as_of.astimezone(UTC) - newest >= model.train.every


@contextmanager
def files(lakehouse: Lakehouse, model: Model, found: Any) -> Iterator[Path]:
    """A version's files as MLflow has them, in a folder of their own while the block runs.

    Args:
        lakehouse: The lakehouse.
        model: Whose version.
        found: The version, as MLflow's client gives it.

    Raises:
        ModelError: They cannot be read, or are not the ones that were registered.
    """
    import mlflow

    of = f"{model.name} version {found.version}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(mlflow.artifacts.download_artifacts(found.source, dst_path=folder))
            if not any(path.glob(f"{FOLDER}/*")):  # of a folder that is gone MLflow makes an empty one
                raise FileNotFoundError(f"there is nothing in {FOLDER}")
        except (mlflow.exceptions.MlflowException, OSError) as error:
            raise ModelError(
                f"The files of {of} cannot be read.", where=f"{tracking_uri(lakehouse)}, {found.source}",
                found=str(error).splitlines()[0],
                do="bring the artifacts back, or promote a version that has its own: assay promote",
            ) from error  # fmt: skip
        (path / _META).unlink(missing_ok=True)
        check_hashes(path, _expected(found, of), of)
        yield path


def _expected(found: Any, of: str) -> Mapping[str, str]:
    """The hashes that were registered with a version."""
    if HASHES not in found.tags:
        raise ModelError(
            f"{of} has no hashes of its files on record.", where=f"MLflow's tag {HASHES}",
            do="use versions that assay train has registered",
        )  # fmt: skip
    return dict(json.loads(found.tags[HASHES]))


def _loaded(lakehouse: Lakehouse, model: Model, found: Any, role: str) -> Registered:
    with files(lakehouse, model, found) as folder:
        loaded = load(folder / FOLDER)
    return Registered(int(found.version), found.run_id, datetime.fromisoformat(loaded.about["as_of"]), loaded, role)


def asked(lakehouse: Lakehouse, question: Callable[["MlflowClient"], Any]) -> Any:
    """What MLflow's client answers; None for what does not exist."""
    from mlflow.exceptions import MlflowException

    client = connect(lakehouse)
    with answering(lakehouse):
        try:
            return question(client)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
