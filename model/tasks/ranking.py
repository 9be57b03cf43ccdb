"""Metrics of rankings: all splits in one pass over their rows."""

import math

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from model.tasks.task import Metrics

METRICS = ("groups", "ndcg", "ndcg_10", "mrr")
GROUP = "rank_group"
"""The column of scored rows that says which are ranked among each other."""


def evaluate(scored: DataFrame, split: str = "split") -> dict[str, Metrics]:
    """Metrics per split, means over groups: `rows`, `groups`, `ndcg`, `ndcg_10`, `mrr`.

    Gains are `2^label - 1`, discounted by `log2(1 + rank)` (Järvelin and Kekäläinen, ACM TOIS 2002); equal scores share
    the mean of the gains at their ranks, so that no order among them is made up (McSherry and Najork, ECIR 2008).
    `mrr` is the mean of one over the rank of the first row with a label above 0, ties counted at their last rank. Groups
    in which no label is above 0 say nothing of a ranking and do not count, in `groups` neither.

    Args:
        scored: Rows with `score`, `label`, `rank_group` and the split's column.
        split: That column: a split, a slice, a night.
    """
    label = F.col("label").cast("double")
    gain = F.pow(F.lit(2.0), label) - 1
    group = [split, GROUP]
    by_score = Window.partitionBy(*group).orderBy(F.col("score").desc())
    tied = Window.partitionBy(*group, "score")
    ideal = Window.partitionBy(*group).orderBy(label.desc())
    ranked = scored.select(
        split, GROUP, label.alias("label"),
        F.row_number().over(by_score).alias("rank"),
        F.avg(gain).over(tied).alias("gain"),
        (F.rank().over(by_score) + F.count("*").over(tied) - 1).alias("last"),
        F.row_number().over(ideal).alias("ideal_rank"),
        gain.alias("own_gain"),
    )  # fmt: skip

    def total(gains: str, rank: str, most: int | None = None) -> Column:
        value = F.col(gains) / F.log2(F.col(rank) + 1.0)
        return F.sum(value if most is None else F.when(F.col(rank) <= most, value).otherwise(0.0))

    groups = ranked.groupBy(*group).agg(
        F.count("*").alias("rows"),
        total("gain", "rank").alias("dcg"), total("own_gain", "ideal_rank").alias("best"),
        total("gain", "rank", 10).alias("dcg_10"), total("own_gain", "ideal_rank", 10).alias("best_10"),
        F.min(F.when(F.col("label") > 0, F.col("last"))).alias("first"),
    )  # fmt: skip
    counts = F.col("best") > 0
    rows = (
        groups.groupBy(split)
        .agg(
            F.sum("rows").alias("rows"), F.count_if(counts).alias("groups"),
            F.avg(F.when(counts, F.col("dcg") / F.col("best"))).alias("ndcg"),
            F.avg(F.when(counts, F.col("dcg_10") / F.col("best_10"))).alias("ndcg_10"),
            F.avg(F.when(counts, 1 / F.col("first"))).alias("mrr"),
        )
        .collect()
    )  # fmt: skip
    names = ("rows", "groups", "ndcg", "ndcg_10", "mrr")
    return {row[split]: {name: math.nan if row[name] is None else row[name] for name in names} for row in rows}
