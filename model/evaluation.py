"""How a trained model does on the rows that it has not seen: numbers for people, for the page and for MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.frames import only_row
from assay.report.curves import Step
from assay.report.training import ImportanceRow, SliceRow
from assay.tables import quoted
from model.artifact import Artifact
from model.split import HOLDOUT
from model.tasks import TASKS, Metrics
from model.tasks.multiclass import right

STEPS = 200
"""Parts that the range of scores is cut into for curves."""
EXPLAINED_ROWS = 5_000
"""Rows of the holdout whose contributions are averaged."""


@dataclass(frozen=True)
class Evaluation:
    """What was found."""

    splits: Mapping[str, Metrics]
    slices: Sequence[SliceRow]
    curve: Sequence[Step]
    importance: Sequence[ImportanceRow]


def evaluation(model: Model, trained: Artifact, scored: DataFrame) -> Evaluation:
    """Evaluate a model.

    Args:
        model: The model.
        trained: Its trees.
        scored: The training set with `split` and `score`; the caller holds it.
    """
    holdout = scored.where(F.col("split") == HOLDOUT)
    splits = TASKS[model.task].evaluate(scored, "split")
    if HOLDOUT not in splits:
        return Evaluation(splits, (), (), ())
    return Evaluation(splits, slices(model, holdout), curve(model, holdout), importance(trained, holdout))


def slices(model: Model, holdout: DataFrame) -> list[SliceRow]:
    """Metrics per value of the model's slice columns, all in one pass."""
    if not model.slices:
        return []
    each = [
        F.struct(F.lit(name).alias("column"), F.col(quoted(name)).cast("string").alias("value"))
        for name in model.slices
    ]
    found = TASKS[model.task].evaluate(holdout.withColumn("__slice", F.explode(F.array(*each))), "__slice")
    rows: Any = found.items()
    ordered = sorted(rows, key=lambda item: (model.slices.index(item[0]["column"]), str(item[0]["value"])))
    return [SliceRow(key["column"], key["value"], metrics) for key, metrics in ordered]


def curve(model: Model, holdout: DataFrame) -> list[Step]:
    """The holdout by its scores, in `STEPS` parts of equal width."""
    if model.task == "multiclass":  # of the predicted class: whether it was right
        holdout = holdout.withColumn("label", right())
    low, high = 0.0, 1.0
    if not TASKS[model.task].probability:
        ends = only_row(holdout.agg(F.min("score").alias("low"), F.max("score").alias("high")))
        low, high = ends["low"], max(ends["high"], ends["low"] + 1e-9)
    part = F.least(F.floor((F.col("score") - low) / (high - low) * STEPS), F.lit(STEPS - 1))
    rows = (
        holdout.groupBy(part.alias("part"))
        .agg(
            F.avg("score").alias("score"), F.count("*").alias("rows"),
            F.sum(F.col("label").cast("int" if TASKS[model.task].probability else "double")).alias("label"),
        )
        .orderBy("part")
        .collect()
    )  # fmt: skip
    return [Step(row["score"], row["rows"], float(row["label"])) for row in rows]


def importance(trained: Artifact, holdout: DataFrame) -> list[ImportanceRow]:
    """What each input does, the one of greatest contribution first."""
    import numpy as np
    import xgboost as xgb

    inputs = trained.inputs
    numbers = [column.cast("float").alias(f"i{n}") for n, column in enumerate(inputs.columns())]
    order = F.xxhash64(*[F.col(quoted(name)) for name in inputs.read])
    sample = holdout.select(*numbers, order.alias("order")).orderBy("order", *[f"i{n}" for n in range(len(numbers))])
    table = sample.limit(EXPLAINED_ROWS).toArrow()
    matrix = np.column_stack([table[f"i{n}"].to_numpy() for n in range(len(numbers))]).astype(np.float32)
    booster = xgb.Booster()
    booster.load_model(bytearray(trained.booster))
    data = xgb.DMatrix(matrix, feature_types=inputs.types, enable_categorical=True)
    found = booster.predict(data, pred_contribs=True, iteration_range=trained.rounds, validate_features=False)
    gains = booster.get_score(importance_type="total_gain")
    names = booster.feature_names or [f"f{n}" for n in range(len(numbers))]
    total = sum(float(gain) for gain in gains.values()) or 1.0
    means = np.abs(found[..., :-1]).reshape(-1, len(names)).mean(axis=0)  # of several classes, over all of them
    each = [
        ImportanceRow(name, float(gains.get(known, 0.0)) / total, float(mean))
        for name, known, mean in zip(inputs.names, names, means, strict=True)
    ]
    return sorted(each, key=lambda one: (-one.contribution, one.input))
