"""Trees fitted by Spark tasks that train together, through `xgboost.spark`."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from assay.config import Model
from model.fitting.rows import GROUP, IS_VALIDATION, LABEL, WEIGHT, in_order, number_columns, told_columns
from model.inputs import Inputs


def fit(
    rows: DataFrame, model: Model, inputs: Inputs, parameters: Mapping[str, Any]
) -> tuple[Any, Mapping[str, list[float]]]:
    """The booster, and its losses by round.

    Rows are dealt out by a hash of their key, so that every worker gets about as many; what is ranked together goes to
    one worker. One worker's rows are in the same order whenever they are read, so its trees are the same.
    """
    dealt = rows.repartition(model.xgboost.workers, GROUP if model.rank_within else "order")
    ordered = (
        dealt.sortWithinPartitions(*in_order(dealt)).select(*number_columns(inputs), *told_columns(model)).persist()
    )
    try:
        with _one_arrow_batch(rows.sparkSession, model), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # xgboost.spark warns of its own use of Spark's API
            fitted = _estimator(model, inputs, parameters).fit(ordered)
    finally:
        ordered.unpersist()
    summary = fitted.training_summary
    return fitted.get_booster(), {
        split: [float(value) for values in (history or {}).values() for value in values]
        for split, history in (
            ("train", summary.train_objective_history), ("validation", summary.validation_objective_history),
        )
    }  # fmt: skip


def _estimator(model: Model, inputs: Inputs, parameters: Mapping[str, Any]) -> Any:
    from xgboost.spark import SparkXGBClassifier, SparkXGBRanker, SparkXGBRegressor

    settings = model.xgboost
    asked: dict[str, Any] = {"n_estimators": settings.rounds, "feature_types": inputs.types, **parameters}
    if model.split.validation is not None:
        asked["validation_indicator_col"] = IS_VALIDATION
    if settings.early_stopping is not None:
        asked["early_stopping_rounds"] = settings.early_stopping
    if model.weight is not None:
        asked["weight_col"] = WEIGHT
    if model.rank_within:
        asked["qid_col"] = GROUP
    if model.task in ("binary", "multiclass"):  # the classifier's own, from the labels that it finds
        asked.pop("objective")
        asked.pop("num_class", None)
    kind = {"regression": SparkXGBRegressor, "ranking": SparkXGBRanker}.get(model.task, SparkXGBClassifier)
    return kind(
        features_col=number_columns(inputs), label_col=LABEL, num_workers=settings.workers,
        verbosity=0, verbose=False, **asked,
    )  # fmt: skip


@contextmanager
def _one_arrow_batch(spark: SparkSession, model: Model) -> Iterator[None]:
    """Give each worker its rows in one batch: xgboost.spark fails on a batch without rows of both ranges."""
    setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(setting)
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)
    if model.split.validation is not None:
        spark.conf.set(setting, "0")
    try:
        yield
    finally:
        spark.conf.set(setting, str(before))
