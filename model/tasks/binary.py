"""Metrics of probabilities: all groups of rows in one pass over them."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from model.tasks.task import Metrics

BINS = 10
METRICS = ("positives", "auc", "log_loss", "brier", "calibration_error")


def evaluate(scored: DataFrame, split: str = "split") -> dict[str, Metrics]:
    """Metrics per split: `rows`, `positives`, `auc`, `log_loss` (nats), `brier`, `calibration_error`.

    AUC is exact: the Mann-Whitney statistic over distinct scores (Hanley and McNeil, Radiology 1982); NaN with a single
    class. The calibration error is the expected one over ten bins of equal width: mean |score - label rate|, weighted
    by rows (Naeini et al., AAAI 2015).

    Args:
        scored: Rows with `score`, `label` (boolean or 0/1) and the split's column.
        split: That column: a split, a slice, a night.
    """
    label = F.col("label").cast("int")
    bounded = F.least(F.greatest(F.col("score"), F.lit(1e-15)), F.lit(1 - 1e-15))
    loss = -F.when(label == 1, F.log(bounded)).otherwise(F.log(1 - bounded))
    grouped = scored.groupBy(split, "score").agg(
        F.sum(label).alias("positives"),
        F.sum(1 - label).alias("negatives"),
        F.sum(loss).alias("loss"),
        F.sum((F.col("score") - label) ** 2).alias("squares"),
    )
    below = Window.partitionBy(split).orderBy("score").rowsBetween(Window.unboundedPreceding, -1)
    ranked = grouped.select(
        "*",
        F.coalesce(F.sum("negatives").over(below), F.lit(0)).alias("negatives_below"),
        F.least(F.floor(F.col("score") * BINS), F.lit(BINS - 1)).alias("bin"),
    )
    bins = ranked.groupBy(split, "bin").agg(
        F.sum("positives").alias("positives"),
        F.sum("negatives").alias("negatives"),
        F.sum("loss").alias("loss"),
        F.sum("squares").alias("squares"),
        F.sum(F.col("positives") * (F.col("negatives_below") + F.col("negatives") / 2)).alias("won"),
        F.sum(F.col("score") * (F.col("positives") + F.col("negatives"))).alias("scores"),
    )
    rows = (
        bins.groupBy(split)
        .agg(
            *[F.sum(name).alias(name) for name in ("positives", "negatives", "loss", "squares", "won")],
            F.sum(F.abs(F.col("scores") - F.col("positives"))).alias("gap"),
        )
        .collect()
    )
    result: dict[str, Metrics] = {}
    for row in rows:
        count = row["positives"] + row["negatives"]
        pairs = row["positives"] * row["negatives"]
        result[row[split]] = {
            "rows": count,
            "positives": row["positives"],
            "auc": row["won"] / pairs if pairs else float("nan"),
            "log_loss": row["loss"] / count,
            "brier": row["squares"] / count,
            "calibration_error": row["gap"] / count,
        }
    return result
