"""What became of what was predicted: labels as they are known today."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.tables import quoted
from gold.spine import spine_of


def labels(lakehouse: Lakehouse, model: Model, known_by: datetime, also: Sequence[str] = ()) -> DataFrame:
    """The labels that were known by a time: the model's key, `as_of`, `label`, and what rows are ranked within.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        known_by: The time.
        also: Other columns of the spine.

    Raises:
        FeatureError: The spine's SQL is wrong, or lacks a column.
    """
    spine = spine_of(lakehouse, model, "train", known_by)
    known = (F.col("label_known_at") <= F.lit(known_by)) & F.col("label").isNotNull()
    columns = dict.fromkeys([*model.key, *model.rank_within, *also, "as_of", "label"])
    return spine.where(known).select(*map(quoted, columns))
