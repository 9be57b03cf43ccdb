"""XGBoost's parameters from a model's configuration, the same for both ways of fitting."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import ModelError
from assay.frames import only_row
from model.inputs import Inputs
from model.split import TRAIN
from model.tasks import TASKS

SAME = ("max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda", "reg_alpha", "gamma")
"""What is called alike in the configuration and by XGBoost."""


def parameters(model: Model, inputs: Inputs, parts: DataFrame, classes: Sequence[str] = ()) -> dict[str, Any]:
    """The parameters, by the names of XGBoost's scikit-learn interface, which its native one knows too."""
    settings = model.xgboost
    found: dict[str, Any] = {
        "objective": TASKS[model.task].objective,
        "eval_metric": TASKS[model.task].loss,
        "learning_rate": settings.eta,
        "tree_method": "hist",
        "monotone_constraints": monotone(model, inputs),
        "random_state": settings.seed,
        **settings.model_dump(include=set(SAME)),
    }
    if classes:
        found["num_class"] = len(classes)
    if settings.balance:
        found["scale_pos_weight"] = _rarity(parts)
    return found


def _rarity(parts: DataFrame) -> float:
    """How many negative labels there are to a positive one in the training range."""
    late = F.col("label").cast("boolean")
    train = parts.where(F.col("split") == TRAIN)
    row = only_row(train.agg(F.count_if(late).alias("positives"), F.count_if(~late).alias("negatives")))
    return float(row["negatives"] / row["positives"])


def monotone(model: Model, inputs: Inputs) -> str:
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
