"""A model's spine: the rows that one of its queries over silver gives, as of a run."""

import re
from datetime import datetime
from typing import Literal

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import FeatureError
from assay.lakehouse import Lakehouse
from assay.sql_expression import NotAllowedError
from assay.sql_query import query, tables_of
from assay.tables import literal, quoted

_AS_OF = re.compile(r":as_of\b")
"""Put in by us: Delta's SQL parser loses the parameters of Spark 4.2's `sql(query, args)`."""


Spine = Literal["train", "score"]
"""The model's queries."""


def sources_of(lakehouse: Lakehouse, model: Model, which: Spine) -> list[str]:
    """The sources that one of the model's queries reads."""
    read = tables_of(_AS_OF.sub("NULL", getattr(model.spine, which)))
    return [name for name in lakehouse.config.sources if name.lower() in read]


def spine_of(lakehouse: Lakehouse, model: Model, which: Spine, as_of: datetime) -> DataFrame:
    """The rows of one of the model's queries over silver as of the run."""
    text: str = getattr(model.spine, which)
    names = [name for name in lakehouse.config.sources if lakehouse.tables.exists(f"silver.{name}__history")]
    for name in names:
        as_known(lakehouse.tables.read(f"silver.{name}__history"), as_of).createOrReplaceTempView(name)
    try:
        spine = query(lakehouse.spark, _AS_OF.sub(literal(as_of), text), names)
    except NotAllowedError as error:
        raise FeatureError(
            f"The spine of model {model.name} cannot be used.", where=model.at("spine", which),
            found=error.found, expected=error.expected,
        ) from error  # fmt: skip
    except PySparkException as error:
        raise FeatureError(
            f"The spine of model {model.name} is not a query that Spark understands.",
            where=model.at("spine", which),
            found=str(error).splitlines()[0],
            expected="a select over " + ", ".join(names),
        ) from error
    finally:
        for name in names:
            lakehouse.spark.catalog.dropTempView(name)
    needed = [*model.key, "as_of", *(["label", "label_known_at"] if which == "train" else [])]
    if missing := [name for name in needed if name not in spine.columns]:
        raise FeatureError(
            f"The spine of model {model.name} lacks {', '.join(missing)}.", where=model.at("spine", which),
            found="columns " + ", ".join(spine.columns), expected=", ".join(needed),
        )  # fmt: skip
    rest = [quoted(name) for name in spine.columns if name != "as_of"]
    return spine.select(*rest, F.col("as_of").cast("timestamp"))


def as_known(history: DataFrame, as_of: datetime) -> DataFrame:
    """The versions of a silver history that were valid as of a time."""
    at = F.lit(as_of)
    return history.where((F.col("valid_from") <= at) & (F.col("valid_to").isNull() | (F.col("valid_to") > at)))
