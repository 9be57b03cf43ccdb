"""Features of a spine through Feast: one row in, one row out, the same for training and for scoring."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import FeatureTable, Model
from assay.errors import FeatureError
from assay.frames import only_row, together
from assay.lakehouse import Lakehouse
from assay.sql_expression import NotAllowedError, row_expression
from assay.tables import quoted
from gold.feast_objects import request_name
from gold.store import apply, feature_store

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore

FEATURE_VERSIONS = "feature_versions"
"""A column of the inputs: feature table -> the Delta version that they were looked up in."""
FEATURE_DEFINITIONS = "feature_definitions"
"""A column of the inputs: feature table -> the version of its definition that its slice of the night was built by."""
SPINE = "spine"
"""A column of the inputs: how many rows the spine has, and a hash of their keys, of which none is there twice."""
ADDED = (FEATURE_VERSIONS, FEATURE_DEFINITIONS, SPINE)
"""What the inputs have beside the spine, features and request inputs; no column of a spine is named so."""


def input_columns(lakehouse: Lakehouse, model: Model) -> list[str]:
    """A model's inputs from feature tables, in order, named `<table>__<feature>` as Feast's full feature names."""
    return [
        f"{name}__{column.name}"
        for name, chosen in model.features.items()
        for column in lakehouse.config.features[name].output
        if chosen == "all" or column.name in chosen
    ]


def retrieve(
    lakehouse: Lakehouse, model: Model, spine: DataFrame, kept: Sequence[FeatureTable] = ()
) -> DataFrame:  # fmt: skip
    """The spine with the model's features as of each row's `as_of`, and its request inputs.

    Args:
        lakehouse: The lakehouse.
        model: Whose feature service is asked.
        spine: The model's key, once for each `as_of`, the entities' keys, and anything else, which is kept.
        kept: Older versions of feature tables whose features come too; the spine has their keys.

    Returns:
        The spine's columns and rows, then the features, then those of older versions, then the request inputs. An entity
        without an event reads as empty, as each aggregate says; NULL where a night was not built.

    Raises:
        FeatureError: The spine lacks a column.
    """
    _check_columns(lakehouse, model, spine)
    features = input_columns(lakehouse, model)
    older = [f"{table.name}__{column.name}" for table in kept for column in table.output]
    _check_request(model, [*spine.columns, *features])
    found = _ask_feast(lakehouse, model, spine, kept)
    return found.select(
        *[F.col(quoted(name)) for name in spine.columns if name != "as_of"],
        F.col("event_timestamp").alias("as_of"),
        *[F.col(quoted(name)) for name in (*features, *older)],
        *[F.col(quoted(f"{request_name(model)}__{name}")).alias(name) for name in model.request],
    )


def _check_request(model: Model, columns: list[str]) -> None:
    for name, expression in model.request.items():
        try:
            row_expression(expression, columns)
        except NotAllowedError as error:
            raise FeatureError(
                f"The input {name} of model {model.name} cannot be used.", where=model.at("request", name),
                found=error.found, expected=error.expected,
            ) from error  # fmt: skip


def _ask_feast(lakehouse: Lakehouse, model: Model, spine: DataFrame, kept: Sequence[FeatureTable]) -> DataFrame:
    apply(lakehouse)
    store = feature_store(lakehouse)
    service = _service(store, model)
    chosen = [
        f"{view.name_to_use()}:{field.name}" for view in service.feature_view_projections for field in view.features
    ]
    more = [f"{table.name}:{column.name}" for table in kept for column in table.output]
    job = store.get_historical_features(
        entity_df=spine.withColumnRenamed("as_of", "event_timestamp"),
        features=[*chosen, *more] if more else service,
        full_feature_names=True,
    )
    found: DataFrame = job.to_spark_df()
    return found


def _service(store: "FeatureStore", model: Model) -> "FeatureService":
    """The model's feature service, which has the request inputs that the model has now."""
    from feast.errors import FeastObjectNotFoundException

    from gold.on_demand import expressions

    found: FeatureService | None = None
    held: dict[str, str] = {}
    with suppress(FeastObjectNotFoundException):
        found = store.get_feature_service(model.name)
        held = expressions(store.get_on_demand_feature_view(request_name(model))) if model.request else {}
    if found is None or held != model.request:
        raise FeatureError(
            f"Feast's registry does not have the model {model.name} as it is now.", where=model.at("spine", "score"),
            found="request inputs that do not fit what spine.score gives",
            expected="columns of spine.score, or of the model's features, for " + ", ".join(model.request),
        )  # fmt: skip
    return found


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
    if taken := sorted(
        {*input_columns(lakehouse, model), *model.request, "event_timestamp", *ADDED} & set(spine.columns)
    ):
        raise FeatureError(
            f"The spine of model {model.name} has columns named like its inputs.", where=model.at("spine"),
            found=", ".join(taken), do="rename them in spine.train and spine.score",
        )  # fmt: skip


def check_spine(lakehouse: Lakehouse, model: Model, spine: DataFrame) -> tuple[int, int]:
    """How many rows a spine has, and a hash of their keys `together`.

    Raises:
        FeatureError: It lacks a column, has one that is named like an input, or a key twice for one as_of.
    """
    _check_columns(lakehouse, model, spine)
    key = F.struct(*[F.col(quoted(name)) for name in (*model.key, "as_of")])
    counts = [F.count("*").alias("rows"), F.count_distinct(key).alias("different"), together(model.key).alias("keys")]
    found = only_row(spine.agg(*counts))
    if found["rows"] != found["different"]:
        raise FeatureError(
            f"The spine of model {model.name} has a key more than once.", where=model.at("spine"),
            found=f"{found['rows']} rows, {found['different']} different keys", expected="one row per key and as_of",
            do="make the key finer, or select one row of each",
        )  # fmt: skip
    return found["rows"], found["keys"]
