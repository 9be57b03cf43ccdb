"""The train stage: fit boosted trees on a training set, evaluate, judge, register."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay import __version__
from assay.config import Model
from assay.frames import held
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.ledger import Metric, Outcome, key_of
from assay.stages import run_stage
from assay.tables import quoted
from model import trainings
from model.artifact import Artifact
from model.candidate import Candidate
from model.cut_off import cut_off, read
from model.evaluation import evaluation
from model.fitting.fit import fit_trees
from model.gates import asks_for, check_gates, judge
from model.gates.record import newest_inputs, record_gates
from model.inputs import fit, names_of
from model.predict import predict
from model.promotion import settle
from model.registry import CHAMPION, champion, uri
from model.remembering import reference_of
from model.split import HOLDOUT, TRAIN, VALIDATION, assign, with_split
from model.tasks.ranking import GROUP
from model.tracking import log_training, publish
from model.trainings import REFUSED, Training, made_of, training_set
from model.tuning import tune


def run(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Outcome:
    """Train a model on its training set of the as_of and register it; it becomes champion if its gates pass, or
    challenger where it is promoted by hand.

    The outcome's metric `passed` is 1 if its gates passed, `promoted` if it became champion; its notes say what each
    gate found.

    Raises:
        ConfigError: A gate or limit does not exist.
        ModelError: The training set is missing or too short, or Spark has too few slots for the workers.
    """
    check_gates(model)
    return run_stage(lakehouse, "train", as_of, lambda outcome: _train(lakehouse, model, outcome))


def finish(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Outcome | None:
    """Finish a training that was cut off after its version was registered, of whichever night; None where none was.

    Its run goes on: the ledger has it under the `run_id` that its gates and its version name.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        as_of: The night that asks.

    Raises:
        ModelError: Its files cannot be read, or are not the ones that were registered.
    """
    of = cut_off(lakehouse, model, as_of)
    if of is None:
        return None
    return run_stage(lakehouse, "train", of, lambda outcome: _finish(lakehouse, model, outcome))


def _train(lakehouse: Lakehouse, model: Model, outcome: Outcome) -> None:
    table = f"gold.{model.name}_training"
    version = lakehouse.tables.version(table) if lakehouse.tables.exists(table) else None
    rows = lakehouse.tables.read(table, version).where(F.col("training_as_of") == F.lit(outcome.as_of))
    check_gates(model, rows)
    current = champion(lakehouse, model) if asks_for(model, "champion") else None
    nights = _nights(rows)
    ranges = assign(nights, model.split)
    made_from = training_set(lakehouse, model, outcome.as_of)
    parts = with_split(rows, ranges, model.split.group).persist()
    try:
        learnable = [night for night in nights if ranges[night[0]] in (TRAIN, VALIDATION)]
        tuned = tune(lakehouse, model, parts, learnable, str(made_from.get("content_hash", version)))
        model = tuned.model
        inputs = fit(parts.where(F.col("split") == TRAIN), names_of(model, parts.columns), model.xgboost)
        fitted = fit_trees(model, parts, inputs)
        about = {
            "as_of": outcome.as_of.isoformat(),
            "training_table": table,
            "training_version": version,
            "task": model.task,
            **made_from,
            "parameters": model.xgboost.model_dump(mode="json"),
            "ranges": _told(ranges),
            "columns": {name: kind for name, kind in parts.dtypes if name in inputs.read},
            "code": __version__,
            **made_of(),
            "run_id": outcome.run_id,
        }
        trained = Artifact(model.name, fitted.booster, fitted.best_iteration, inputs, about, fitted.classes)
        with held(predict(_ranked(parts, model), trained)) as scored:
            found = evaluation(model, trained, scored)
            trained = replace(trained, reference=reference_of(model, trained, scored, found))
            newest = newest_inputs(lakehouse, model, outcome.as_of) if asks_for(model, "drift") else None
            gates = judge(Candidate(lakehouse, model, trained, found.splits, found.slices, scored, current, newest))
    finally:
        parts.unpersist()
    _settle(lakehouse, model, log_training(lakehouse, model, trained, fitted, found, gates, tuned.trials), outcome)


def _finish(lakehouse: Lakehouse, model: Model, outcome: Outcome) -> None:
    training = read(lakehouse, model)
    outcome.run_id = training.run_id  # what it has written already is of that run
    outcome.notes.append(f"version {training.version} was registered by a run that was cut off")
    _settle(lakehouse, model, training, outcome)


def _settle(lakehouse: Lakehouse, model: Model, training: Training, outcome: Outcome) -> None:
    """Put a training on record and give its version what it has earned. Whatever of it was done is not done again."""
    record_gates(lakehouse, model, outcome, training.gates, training.version)
    trainings.write(lakehouse, model, training)
    publish(lakehouse, model, training)
    settle(lakehouse, model, training.version)  # last: no version has a role whose gates are not on record
    about = training.trained.about
    table, version = about["training_table"], about["training_version"]
    key = key_of("train", model.name, about["parameters"], version)
    made_of_set = () if version is None else (Input(table, version),)
    outcome.targets.append(Target(model.name, key, uri(model), training.version, made_of_set))
    _tell(model, training, outcome)


def _tell(model: Model, training: Training, outcome: Outcome) -> None:
    """What a training found, in the run's numbers and notes."""
    for split, metrics in training.found.splits.items():
        outcome.metrics += [Metric(model.name, metric, value, split) for metric, value in metrics.items()]
    trees = training.trained.best_iteration + 1
    fate = training.fate(model)
    passed, promoted = float(fate != REFUSED), float(fate == CHAMPION)
    outcome.measure(model.name, passed=passed, promoted=promoted, version=training.version, trees=trees)
    outcome.notes.append(f"version {training.version} is {fate}")
    outcome.notes.append(f"trained by the {training.fitted.path} path: {training.fitted.why}")


def _nights(rows: DataFrame) -> list[tuple[datetime, datetime]]:
    """Each as_of of a training set, and when the last of its labels became known."""
    return [
        (row["as_of"].replace(tzinfo=UTC), row["known_at"].replace(tzinfo=UTC))
        for row in rows.groupBy("as_of").agg(F.max("label_known_at").alias("known_at")).collect()
    ]


def _ranked(parts: DataFrame, model: Model) -> DataFrame:
    """Of a ranking, the rows with what they are ranked within."""
    if not model.rank_within:
        return parts
    return parts.withColumn(GROUP, F.struct(*[quoted(name) for name in (*model.rank_within, "as_of")]))


def _told(ranges: Mapping[datetime, str]) -> dict[str, list[str]]:
    """First and last night of each range."""
    result = {}
    for name in (TRAIN, VALIDATION, HOLDOUT):
        nights = sorted(as_of for as_of, found in ranges.items() if found == name)
        if nights:
            result[name] = [nights[0].isoformat(), nights[-1].isoformat()]
    return result
