"""Metrics of the probabilities of several classes: all groups of rows in one pass over them."""

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from model.tasks import binary
from model.tasks.task import Metrics

METRICS = ("classes", "log_loss", "accuracy", "auc", "brier", "calibration_error")
LEAST, MOST = 3, 100
"""How many classes there may be."""
PREDICTED, PROBABILITIES = "predicted", "probabilities"
"""Columns of scored rows: the class of most probability, which `score` is of; and each class's probability."""


def right() -> Column:
    """Whether the predicted class is the label."""
    return F.col("label").cast("string") == F.col(PREDICTED)


def of_label() -> Column:
    """The probability of the class that was; 0 of one that training had not seen."""
    return F.coalesce(F.try_element_at(PROBABILITIES, F.col("label").cast("string")), F.lit(0.0))


def evaluate(scored: DataFrame, split: str = "split") -> dict[str, Metrics]:
    """Metrics per split: `rows`, `classes` (those that occur), `log_loss` (nats), `accuracy`, `auc`, `brier`,
    `calibration_error`.

    `auc` is the mean of each class against the rest, every class that occurs alike, as scikit-learn's `roc_auc_score`
    has it with `multi_class="ovr"`. `brier` is the sum over classes of squared differences, as in Brier's paper (Monthly
    Weather Review 1950): between 0 and 2. The calibration error is that of the predicted class: mean distance of its probability and how
    often it is right, over ten bins of equal width (Guo et al., ICML 2017).

    Args:
        scored: Rows with `score`, `predicted`, `probabilities`, `label` and the split's column.
        split: That column: a split, a slice, a night.
    """
    one = "struct<of: string, score: double, label: int>"

    def question(of: Column | str, score: Column, label: Column) -> Column:
        name = F.lit(of) if isinstance(of, str) else of
        return F.struct(name.alias("of"), score.alias("score"), label.cast("int").alias("label")).cast(one)

    label = F.col("label").cast("string")
    classes = F.transform(
        F.map_entries(PROBABILITIES),
        lambda each: question(F.concat(F.lit("="), each["key"]), each["value"], label == each["key"]),
    )
    whole = F.array(question("right", F.col("score"), right()), question("of_label", of_label(), F.lit(1)))
    asked = scored.select(F.col(split).alias("__split"), F.explode(F.concat(whole, classes)).alias("__asked"))
    answers = binary.evaluate(
        asked.select(
            F.struct("__split", "__asked.of").alias("group"), F.col("__asked.score").alias("score"),
            F.col("__asked.label").alias("label"),
        ),
        "group",
    )  # fmt: skip
    groups: dict[str, dict[str, Metrics]] = {}
    for key, metrics in answers.items():
        group = dict(zip(("split", "of"), key, strict=True))
        groups.setdefault(group["split"], {})[group["of"]] = metrics
    return {name: _together(found) for name, found in groups.items()}


def _together(found: dict[str, Metrics]) -> Metrics:
    """The metrics of a group, from the questions that were asked of it."""
    whole, of_label_ = found["right"], found["of_label"]
    each = [metrics for of, metrics in found.items() if of.startswith("=")]
    aucs = [metrics["auc"] for metrics in each if not math.isnan(metrics["auc"])]
    return {
        "rows": whole["rows"],
        "classes": sum(1 for metrics in each if metrics["positives"]),
        "log_loss": of_label_["log_loss"],
        "accuracy": whole["positives"] / whole["rows"],
        "auc": sum(aucs) / len(aucs) if aucs else math.nan,
        "brier": sum(metrics["brier"] for metrics in each),
        "calibration_error": whole["calibration_error"],
    }
