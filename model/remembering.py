"""A training's reference, from its scored rows: what `model.reference` says is kept of a version."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from model.artifact import Artifact
from model.evaluation import Evaluation
from model.gates.rows import brought, sample
from model.reference import MOST_VALUES, Distribution, Reference, as_read, distribution
from model.split import HOLDOUT, TRAIN

NIGHT = "__night"
MOST_SLICES = 50
"""So many slices are compared later, those of most rows."""


def reference_of(model: Model, trained: Artifact, scored: DataFrame, found: Evaluation) -> Reference:
    """What is kept of a training: two Spark jobs, whatever the number of inputs and nights.

    Args:
        model: The model.
        trained: Its trees.
        scored: The training set with `split` and `score`; the caller holds it.
        found: How it did.
    """
    columns: Mapping[str, str] = trained.about["columns"]
    inputs = _distributions(model, scored, TRAIN, as_read(columns, trained.inputs), found)
    score = _distributions(model, scored, HOLDOUT, [F.col("score").cast("double").alias("score")], found)
    slices = sorted(found.slices, key=lambda each: (-each.metrics["rows"], each.column, str(each.value)))
    return Reference(inputs, score.get("score"), found.splits.get(HOLDOUT, {}), tuple(slices[:MOST_SLICES]))


def _distributions(
    model: Model, scored: DataFrame, split: str, columns: Sequence[Column], found: Evaluation
) -> dict[str, Distribution]:
    """Column -> how its values are spread in a split; nothing of a split without rows."""
    rows = found.splits[split]["rows"] if split in found.splits else 0
    if not rows:
        return {}
    part = sample(scored.where(F.col("split") == split), [*model.key, "as_of"], share_of(rows, len(columns)))
    table: Any = brought(part, [F.unix_micros("as_of").alias(NIGHT), *columns])
    if not table.num_rows:
        return {}
    nights = table.column(NIGHT).to_numpy().astype(np.int64)
    return {name: distribution(table.column(name), nights) for name in table.column_names if name != NIGHT}


def share_of(rows: float, columns: int) -> float:
    """The share of some rows whose values are brought to the driver."""
    return MOST_VALUES / max(1, columns) / max(1, rows)
