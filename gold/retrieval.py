"""Features of a spine through Feast: one row in, one row out, the same for training and for scoring."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import FeatureError
from assay.lakehouse import Lakehouse
from assay.tables import quoted
from gold.store import apply, feature_store

_KEY = ""
"""Stands for the model's own key, where feature tables are told apart by name."""


def input_columns(lakehouse: Lakehouse, model: Model) -> list[str]:
    """A model's inputs from feature tables, in order, named `<table>__<feature>` as Feast's full feature names."""
    return [
        f"{name}__{column.name}"
        for name, chosen in model.features.items()
        for column in lakehouse.config.features[name].output
        if chosen == "all" or column.name in chosen
    ]


def retrieve(lakehouse: Lakehouse, model: Model, spine: DataFrame) -> DataFrame:
    """The spine with the model's features as of each row's `as_of`, and its request inputs.

    Args:
        lakehouse: The lakehouse.
        model: Whose feature service is asked.
        spine: The model's key, the entities' keys, `as_of`, and anything else, which is kept.

    Returns:
        The spine's columns and rows, then the features, then the request inputs. NULL where an entity had no event.

    Raises:
        FeatureError: The spine lacks a column, has a key twice, or Feast would mix up two of its entities.
    """
    _check_columns(lakehouse, model, spine)
    rows = _check_rows(lakehouse, model, spine)
    found = _ask_feast(lakehouse, model, spine) if rows else _empty(lakehouse, model, spine)
    kept = [F.col(quoted(name)) for name in spine.columns if name != "as_of"]
    features = [F.col(quoted(name)) for name in input_columns(lakehouse, model)]
    wide = found.select(*kept, F.col("event_timestamp").alias("as_of"), *features)
    return wide.select("*", *[F.expr(expression).alias(name) for name, expression in model.request.items()])


def _ask_feast(lakehouse: Lakehouse, model: Model, spine: DataFrame) -> DataFrame:
    apply(lakehouse)
    store = feature_store(lakehouse)
    try:
        job = store.get_historical_features(
            entity_df=spine.withColumnRenamed("as_of", "event_timestamp"),
            features=store.get_feature_service(model.name),
            full_feature_names=True,
        )
        found: DataFrame = job.to_spark_df()
        return found
    finally:
        lakehouse.spark.conf.unset("spark.sql.parser.quotedRegexColumnNames")  # Feast sets it and leaves it set


def _empty(lakehouse: Lakehouse, model: Model, spine: DataFrame) -> DataFrame:
    """What Feast would answer to a spine without rows, on which it fails."""
    frame = spine.withColumnRenamed("as_of", "event_timestamp")
    columns = {}
    for name in model.features:
        schema = lakehouse.tables.read(f"gold.{name}").schema
        for column in lakehouse.config.features[name].output:
            columns[f"{name}__{column.name}"] = F.lit(None).cast(schema[column.name].dataType)
    return frame.withColumns(columns)


def _check_columns(lakehouse: Lakehouse, model: Model, spine: DataFrame) -> None:
    entities = [key for name in model.features for key in lakehouse.config.features[name].keys]
    needed = list(dict.fromkeys([*model.key, "as_of", *entities]))
    if missing := [name for name in needed if name not in spine.columns]:
        raise FeatureError(
            f"The spine of model {model.name} lacks {', '.join(missing)}.",
            where=model.at("spine"),
            found="columns " + ", ".join(spine.columns),
            expected="the model's key, as_of, and the keys of its feature tables: " + ", ".join(needed),
            do="select them in spine.train and spine.score",
        )
    if taken := sorted({*input_columns(lakehouse, model), *model.request, "event_timestamp"} & set(spine.columns)):
        raise FeatureError(
            f"The spine of model {model.name} has columns named like its inputs.", where=model.at("spine"),
            found=", ".join(taken), do="rename them in spine.train and spine.score",
        )  # fmt: skip


def _check_rows(lakehouse: Lakehouse, model: Model, spine: DataFrame) -> int:
    """Count the spine's rows: a key stands once per as_of; and Feast, which tells rows apart by their keys written one
    after the other, can tell them apart ((1, 12) and (11, 2) it could not). One Spark job, whatever the model.
    """
    several = {name: table.keys for name in model.features if len((table := lakehouse.config.features[name]).keys) > 1}
    entries = [_entry(_KEY, [*model.key, "as_of"], "\x1f"), *(_entry(name, keys, "") for name, keys in several.items())]
    found = {
        row["what"]: row
        for row in spine.select(F.inline(F.array(*entries)))
        .groupBy("what", "text")
        .agg(F.count("*").alias("rows"), F.min("told").alias("least"), F.max("told").alias("most"))
        .groupBy("what")
        .agg(
            F.sum("rows").alias("rows"),
            F.count("*").alias("texts"),
            F.count_if(F.col("text").isNotNull() & (F.col("least") != F.col("most"))).alias("mixed"),
        )
        .collect()
    }
    if not found:
        return 0
    rows, keys = found[_KEY]["rows"], found[_KEY]["texts"]
    if rows != keys:
        raise FeatureError(
            f"The spine of model {model.name} has a key more than once.", where=model.at("spine"),
            found=f"{rows} rows, {keys} different keys", expected="one row per key and as_of",
            do="make the key finer, or select one row of each",
        )  # fmt: skip
    for name, columns in several.items():
        if found[name]["mixed"]:
            raise FeatureError(
                f"Feast cannot tell some entities of {name} apart.", where=model.at("features", name),
                found=f"different values of {', '.join(columns)} that are equal when written one after the other",
                do="use one key column that holds them with a separator between",
            )  # fmt: skip
    return int(rows)


def _entry(what: str, keys: Sequence[str], separator: str) -> Column:
    """A row's key as one text, as Feast would write it, and as it can be told apart."""
    texts = [F.col(quoted(key)).cast("string") for key in keys]
    return F.struct(
        F.lit(what).alias("what"),
        F.concat_ws(separator, *texts).alias("text") if separator else F.concat(*texts).alias("text"),
        F.concat_ws("\x1f", *texts).alias("told"),
    )
