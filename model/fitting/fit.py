"""Fit a model's trees on its training and validation rows, the way that suits their number."""

import time

from pyspark.sql import DataFrame

from assay.config import Model
from assay.session import compiled
from model.fitting import by_spark, native
from model.fitting.fitted import Fitted
from model.fitting.parameters import parameters
from model.fitting.plan import plan
from model.fitting.rows import check_learnable, classes_of, prepared
from model.inputs import Inputs


def fit_trees(model: Model, parts: DataFrame, inputs: Inputs) -> Fitted:
    """Fit.

    Args:
        model: The model.
        parts: The training set with `split`.
        inputs: How columns become numbers.

    Raises:
        ModelError: The rows cannot be learned from, or there is neither room nor slots for them.
    """
    begun = time.perf_counter()
    rows = check_learnable(parts, model, f"gold.{model.name}_training")
    classes = classes_of(parts, model)
    chosen = plan(parts.sparkSession, model, inputs, rows)
    asked, frame = parameters(model, inputs, parts, classes), prepared(parts, model, inputs, classes)
    if chosen.path == "spark":
        booster, losses = by_spark.fit(frame, model, inputs, asked)
    else:
        with (
            compiled(parts.sparkSession, rows=rows),
            native.matrices(frame, model, inputs, external=chosen.external) as data,
        ):
            booster, losses = native.boost(data, model, asked, threads=model.xgboost.threads)
    best = booster.best_iteration if model.xgboost.early_stopping else booster.num_boosted_rounds() - 1
    booster.feature_names = [name.translate(_REFUSED) for name in inputs.names]
    raw = bytes(booster.save_raw("ubj"))
    return Fitted(raw, int(best), chosen.path, chosen.why, time.perf_counter() - begun, losses, classes)


_REFUSED = str.maketrans("[]<", "___")
"""What XGBoost does not allow in an input's name."""
