"""Metrics of predicted numbers: all groups of rows in one pass over them."""

import math

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from model.tasks.task import Metrics

METRICS = ("rmse", "mae", "bias", "r2")


def evaluate(scored: DataFrame, split: str = "split") -> dict[str, Metrics]:
    """Metrics per split, all but `r2` in the label's unit: `rows`, `rmse`, `mae`, `bias` (score - label), `r2`.

    `r2` is the share of the label's variance that the scores explain; NaN where the label does not vary.

    Args:
        scored: Rows with `score`, `label` and the split's column.
        split: That column: a split, a slice, a night.
    """
    label = F.col("label").cast("double")
    off = F.col("score") - label
    rows = (
        scored.groupBy(split)
        .agg(
            F.count("*").alias("rows"),
            F.avg(off * off).alias("squares"),
            F.avg(F.abs(off)).alias("mae"),
            F.avg(off).alias("bias"),
            F.var_pop(label).alias("variance"),
        )
        .collect()
    )
    return {
        row[split]: {
            "rows": row["rows"],
            "rmse": math.sqrt(row["squares"]),
            "mae": row["mae"],
            "bias": row["bias"],
            "r2": 1 - row["squares"] / row["variance"] if row["variance"] else math.nan,
        }
        for row in rows
    }
