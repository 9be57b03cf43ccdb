"""Why a key was given its score on a night: the versions that scored it, and what each input did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Row
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from assay.report.explanation import InputFacts, PredictionFacts
from assay.stages import side_by_side
from assay.tables import quoted
from assay.time_travel import Read, as_of_versions
from model.artifact import Artifact
from model.contributions import by_column, of_prediction
from model.definitions import as_trained, given_to
from model.explain.gates import gates_of
from model.explain.key import given_key, predictions_of, told
from model.explain.training import Training, training_of
from model.inputs import Inputs
from model.registry import Registered, connect, with_number
from model.tasks import TASKS
from model.tasks.multiclass import PREDICTED, PROBABILITIES


@dataclass(frozen=True)
class Found:
    """A key of a night: its predictions, the versions that made them, and what they were given."""

    key: Mapping[str, Any]
    scored: Sequence[Mapping[str, Any]]
    versions: Sequence[Registered]
    given: Sequence["Given"]
    """What each of the versions was given."""


@dataclass(frozen=True)
class Given:
    """What a version's trees were given of a key."""

    row: Mapping[str, Any]
    """The inputs as they were when the night was scored."""
    numbers: NDArray[np.float32]
    """The row as the trees see it."""
    notes: tuple[str, ...] = ()


def find(lakehouse: Lakehouse, model: Model, words: Sequence[str], as_of: datetime) -> Found:
    """Find a key's predictions of a night.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        words: The key: `column=value`, or values in the order of the model's key.
        as_of: The night.

    Raises:
        ConfigError: The words name no column of the key.
        ModelError: The night was not scored, has no such key or several, or a version that scored is gone.
    """
    given = given_key(model, words)
    questions: list[Callable[[], Any]] = [
        partial(predictions_of, lakehouse, model, given, as_of), partial(connect, lakehouse)
    ]  # fmt: skip
    scored = side_by_side(lakehouse, lambda question: question(), questions)[0]  # MLflow takes seconds to import
    key = {name: scored[0][name] for name in model.key}
    versions = [_version(lakehouse, model, prediction["model_version"]) for prediction in scored]
    given_to = [
        _inputs(lakehouse, model, key, prediction, version.artifact)
        for prediction, version in zip(scored, versions, strict=True)
    ]
    return Found(key, scored, versions, given_to)


def predictions(lakehouse: Lakehouse, model: Model, found: Found) -> tuple[PredictionFacts, ...]:
    """What each input did to each prediction: one Spark job per version."""
    return tuple(
        _facts(lakehouse, model, prediction, version, given)
        for prediction, version, given in zip(found.scored, found.versions, found.given, strict=True)
    )


def _version(lakehouse: Lakehouse, model: Model, version: int) -> Registered:
    found = with_number(lakehouse, model, version)
    if found is None:
        raise ModelError(
            f"The version of {model.name} that made this prediction is not in the registry any more.",
            found=f"version {version}", where=f"gold.{model.name}_predictions",
            do="bring it back into MLflow, or score the night again by the champion: assay score --rewrite --as-of …",
        )  # fmt: skip
    return found


def _inputs(
    lakehouse: Lakehouse, model: Model, key: Mapping[str, Any], prediction: Mapping[str, Any], trained: Artifact
) -> Given:
    """The row of inputs that a prediction was made of, at the version of the table that it names."""
    table, as_of = f"gold.{model.name}_inputs", prediction["as_of"].replace(tzinfo=UTC)

    def question(read: Read) -> Row | None:
        rows = read(table).where(F.col("as_of") == F.lit(as_of))
        for name, value in key.items():
            rows = rows.where(F.col(quoted(name)) == F.lit(value))
        rows = as_trained(lakehouse, model, trained, rows, given_to(rows))
        if missing := [name for name in trained.inputs.read if name not in rows.columns]:
            raise ModelError(
                f"The inputs of {model.name} lack what its version was trained on.", where=table,
                found="missing " + ", ".join(missing), do="score the night again by the champion: assay score --rewrite",
            )  # fmt: skip
        return rows.select("*", F.array(*trained.inputs.columns()).alias("__numbers")).first()

    found, notes = as_of_versions(lakehouse.tables, {table: prediction.get("inputs_version")}, question)
    if found is None:
        raise ModelError(
            f"The inputs of this prediction of {model.name} are gone.", where=f"{table}, as_of {as_of:%Y-%m-%dT%H:%MZ}",
            found="no row of " + told(model, tuple(key.values())), do="assay score --rewrite --as-of …",
        )  # fmt: skip
    row = {name: _aware(value) for name, value in found.asDict(recursive=True).items()}
    return Given(row, np.array([row.pop("__numbers")], dtype=np.float32), notes)


def _facts(
    lakehouse: Lakehouse, model: Model, prediction: Mapping[str, Any], version: Registered, given: Given
) -> PredictionFacts:
    trained, row = version.artifact, given.row
    scores, found = _contributions(trained, given.numbers)
    score = float(scores.max())  # of several classes, that of the one that is predicted
    moved, bias = by_column(found, trained.inputs)
    training = training_of(lakehouse, model, trained, row)
    notes = [*given.notes, *training.notes]
    if score != prediction["score"]:
        notes.append(f"these trees and inputs give {score!r}: one of them has changed since the night was scored")
    return PredictionFacts(
        version=version.version,
        role=prediction["role"],
        score=prediction["score"],
        margin=float(found.sum(dtype=np.float64)),
        bias=float(bias[0]),
        is_probability=TASKS[model.task].probability,
        predicted=prediction.get(PREDICTED),
        probabilities=prediction.get(PROBABILITIES) or {},
        run_id=prediction.get("run_id"),
        trees_sha256=trained.sha256,
        trained_as_of=version.trained_as_of,
        training_table=training.table,
        training_version=training.version,
        training_rows=training.rows,
        mlflow_run=version.mlflow_run,
        gates=gates_of(lakehouse, model, version),
        inputs=tuple(_input_facts(trained.inputs, moved[0], row, training)),
        notes=tuple(notes),
    )


def _contributions(trained: Artifact, numbers: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """What the trees give of a row, and XGBoost's contributions to the prediction: a column per input, then the bias."""
    import xgboost as xgb

    booster = xgb.Booster(params={"nthread": 1})
    booster.load_model(bytearray(trained.booster))
    data = xgb.DMatrix(numbers, feature_types=trained.inputs.types, enable_categorical=True, nthread=1)
    scores = booster.predict(data, iteration_range=trained.rounds, validate_features=False).astype(np.float64)
    found = booster.predict(data, pred_contribs=True, iteration_range=trained.rounds, validate_features=False)
    return scores, of_prediction(found, scores)


def _input_facts(
    inputs: Inputs, moved: NDArray[np.float64], row: Mapping[str, Any], training: Training
) -> list[InputFacts]:
    """The inputs, the one that moved the margin most first."""
    facts = [
        InputFacts(name, row[name], float(moved[at]), training.rows, *training.standing.get(name, (None, None, None)))
        for at, name in enumerate(inputs.read)
    ]
    return sorted(facts, key=lambda each: (-abs(each.contribution), each.input))


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
