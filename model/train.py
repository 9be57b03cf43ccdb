"""The train stage: fit boosted trees on a training set with Spark, evaluate, judge, register."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay import __version__
from assay.config import Model
from assay.errors import ModelError
from assay.frames import local_frame
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Metric, Outcome, key_of
from assay.stages import run_stage
from assay.tables import quoted
from model.artifact import Artifact
from model.gates import check_gates, judge
from model.inputs import Inputs, fit
from model.predict import predict
from model.split import GAP, HOLDOUT, TRAIN, VALIDATION, assign
from model.tasks import TASKS
from model.tracking import log_training

if TYPE_CHECKING:
    from xgboost.spark import SparkXGBClassifier

SPINE = {"as_of", "label", "label_known_at", "training_as_of", "split"}


def run(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Outcome:
    """Train a model on its training set of the as_of and register it; it becomes champion if its gates pass.

    The outcome's metric `promoted` is 1 if it did; its notes say what each gate found.

    Raises:
        ConfigError: A gate or limit does not exist.
        ModelError: The training set is missing or too short, or Spark has too few slots for the workers.
    """
    check_gates(model)
    return run_stage(lakehouse, "train", as_of, lambda outcome: _train(lakehouse, model, outcome))


def _train(lakehouse: Lakehouse, model: Model, outcome: Outcome) -> None:
    table = f"gold.{model.name}_training"
    version = lakehouse.tables.version(table) if lakehouse.tables.exists(table) else None
    rows = lakehouse.tables.read(table, version).where(F.col("training_as_of") == F.lit(outcome.as_of))
    ranges = _ranges(rows, model)
    parts = _with_split(rows, ranges).persist()
    try:
        names = [name for name in parts.columns if name.partition("__")[0] in model.features and "__" in name]
        inputs = fit(parts.where(F.col("split") == TRAIN), [*names, *model.request], model.xgboost)
        booster, best = _fit(lakehouse, model, parts, inputs)
        about = {
            "as_of": outcome.as_of.isoformat(),
            "training_table": table,
            "training_version": version,
            "parameters": model.xgboost.model_dump(mode="json"),
            "ranges": _told(ranges),
            "code": __version__,
            "run_id": outcome.run_id,
        }
        trained = Artifact(model.name, booster, best, inputs, about)
        metrics = TASKS[model.task].evaluate(predict(parts.select("*"), booster, best, inputs), "split")
    finally:
        parts.unpersist()
    gates = judge(model.gates, metrics.get(HOLDOUT))
    registered = log_training(lakehouse, model, trained, metrics, gates)
    for split, found in metrics.items():
        outcome.metrics += [Metric(model.name, metric, value, split) for metric, value in found.items()]
    for gate in gates:
        outcome.measure(model.name, label=gate.gate, gate=gate.value, gate_passed=float(gate.passed))
        outcome.notes.append(f"gate {gate.gate}: {'passed' if gate.passed else 'FAILED'}, {gate.why}")
    promoted = all(gate.passed for gate in gates)
    outcome.measure(model.name, promoted=float(promoted), version=registered.version, trees=best + 1)
    key = key_of("train", model.name, model.xgboost.model_dump(mode="json"), version)
    outcome.targets.append(Target(model.name, key, f"models:/{model.name}", registered.version))


def _ranges(rows: DataFrame, model: Model) -> Mapping[datetime, str]:
    nights = [
        (row["as_of"].replace(tzinfo=UTC), row["known_at"].replace(tzinfo=UTC))
        for row in rows.groupBy("as_of").agg(F.max("label_known_at").alias("known_at")).collect()
    ]
    return assign(nights, model.split)


def _with_split(rows: DataFrame, ranges: Mapping[datetime, str]) -> DataFrame:
    assigned = [{"as_of": as_of, "split": split} for as_of, split in ranges.items()]
    nights = local_frame(rows.sparkSession, assigned, "as_of timestamp, split string")
    return rows.join(F.broadcast(nights), "as_of", "inner").where(F.col("split") != GAP)


def _told(ranges: Mapping[datetime, str]) -> dict[str, list[str]]:
    """First and last night of each range."""
    result = {}
    for name in (TRAIN, VALIDATION, HOLDOUT):
        nights = sorted(as_of for as_of, found in ranges.items() if found == name)
        if nights:
            result[name] = [nights[0].isoformat(), nights[-1].isoformat()]
    return result


def _fit(lakehouse: Lakehouse, model: Model, parts: DataFrame, inputs: Inputs) -> tuple[bytes, int]:
    """The trees in UBJSON and the last round that counts."""
    workers = model.xgboost.workers
    slots = lakehouse.spark.sparkContext.defaultParallelism
    if workers > slots:
        raise ModelError(
            f"Training {model.name} asks for more workers than Spark has slots.", where=model.at("xgboost", "workers"),
            found=f"{workers} workers", expected=f"at most {slots}", do="lower workers, or give Spark more cores",
        )  # fmt: skip
    key = [F.col(quoted(name)).alias(f"key_{name}") for name in (*model.key, "as_of")]
    names = [f"key_{name}" for name in (*model.key, "as_of")]
    prepared = (
        parts.where(F.col("split").isin(TRAIN, VALIDATION))
        .select(
            *inputs.columns(),
            F.col("label").cast("int").alias("label"),
            (F.col("split") == VALIDATION).alias("is_validation"),
            *key,
        )
        .repartition(workers, *names)
        .sortWithinPartitions(F.xxhash64(*names), *names)
        .select(*inputs.names, "label", "is_validation")
        .persist()
    )
    try:
        with _one_arrow_batch(lakehouse.spark), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # xgboost.spark warns of its own use of Spark's API
            fitted = _estimator(model, inputs).fit(prepared)
    finally:
        prepared.unpersist()
    booster = fitted.get_booster()
    best = booster.best_iteration if model.xgboost.early_stopping else booster.num_boosted_rounds() - 1
    return bytes(booster.save_raw("ubj")), int(best)


def _monotone(model: Model, inputs: Inputs) -> str:
    """XGBoost's constraints, one number per input; ModelError for a pattern that fits no input."""
    for index, pattern in enumerate(model.xgboost.monotone):
        if not any(fnmatchcase(name, pattern) for name in inputs.names):
            raise ModelError(
                f"No input of {model.name} is named like {pattern!r}.",
                where=model.at("xgboost", "monotone", index),
                found=pattern,
                expected="an input or a pattern of inputs: " + ", ".join(inputs.names),
            )
    marks = [any(fnmatchcase(name, pattern) for pattern in model.xgboost.monotone) for name in inputs.names]
    return "(" + ",".join(str(int(mark)) for mark in marks) + ")"


@contextmanager
def _one_arrow_batch(spark: SparkSession) -> Iterator[None]:
    """Give each worker its rows in one batch: xgboost.spark fails on a batch without rows of both ranges."""
    setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(setting)
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)
    spark.conf.set(setting, "0")
    try:
        yield
    finally:
        spark.conf.set(setting, str(before))


def _estimator(model: Model, inputs: Inputs) -> "SparkXGBClassifier":
    from xgboost.spark import SparkXGBClassifier

    settings = model.xgboost
    early: dict[str, Any] = {}
    if settings.early_stopping:
        early = {"early_stopping_rounds": settings.early_stopping, "validation_indicator_col": "is_validation"}
    return SparkXGBClassifier(
        features_col=list(inputs.names),
        label_col="label",
        num_workers=settings.workers,
        n_estimators=settings.rounds,
        eval_metric="logloss",
        learning_rate=settings.eta,
        tree_method="hist",
        monotone_constraints=_monotone(model, inputs),
        feature_types=inputs.types,
        random_state=settings.seed,
        verbosity=0,
        verbose=False,
        **early,
        **settings.model_dump(
            include={
                "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda", "reg_alpha", "gamma"
            }
        ),
    )  # fmt: skip
