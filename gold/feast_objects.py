"""Feast's entities, feature views and feature services, built from the same YAML as the tables."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException
from pyspark.sql import types as T

from assay.config import FeatureTable, Model
from assay.errors import FeatureError
from assay.lakehouse import Lakehouse
from assay.sql_expression import NotAllowedError, columns_of, row_expression
from gold.definitions import older_tables
from gold.slices import EMPTY, SLICES, empty_values
from gold.spine import spine_of

if TYPE_CHECKING:
    from feast import Entity, FeatureService, FeatureView, OnDemandFeatureView

logger = logging.getLogger(__name__)

TTL = timedelta(days=1) - timedelta(seconds=1)
"""A feature row serves its own night and the moments up to the next; an entity without a row tonight reads as empty, not
as what it was last night."""


def request_name(model: Model) -> str:
    """The on-demand feature view of a model's request inputs."""
    return f"{model.name}__request"


def objects(lakehouse: Lakehouse) -> "list[Entity | FeatureView | OnDemandFeatureView | FeatureService]":
    """Everything that the Feast registry holds for a lakehouse.

    Feature tables that have not been built yet, and models that need them, are left out. So are models whose request
    inputs do not fit their spine as silver is now.
    """
    tables = lakehouse.config.features.values()
    built = [*older_tables(lakehouse), *(table for table in tables if lakehouse.tables.exists(f"gold.{table.name}"))]
    schemas = {table.name: lakehouse.tables.read(f"gold.{table.name}").schema for table in built}
    entities = _entities(built, schemas)
    views = {table.name: _view(lakehouse, table, schemas[table.name], entities) for table in built}
    requests: list[OnDemandFeatureView] = []
    services: list[FeatureService] = []
    for model in lakehouse.config.models.values():
        if not set(model.features) <= set(views):
            continue
        try:
            request = [_request_view(lakehouse, model, views, schemas)] if model.request else []
        except (FeatureError, NotAllowedError, AnalysisException) as error:
            logger.info("the model %s is not in Feast's registry: %s", model.name, error)
            continue
        requests += request
        services.append(_service(model, views, request))
    return [*entities.values(), *views.values(), *requests, *services]


def _entities(tables: list[FeatureTable], schemas: dict[str, T.StructType]) -> "dict[str, Entity]":
    """One entity per key column: Feast gives an entity a single join key, and a view several entities."""
    from feast import Entity

    return {
        key: Entity(name=key, join_keys=[key], value_type=_value_type(schemas[table.name][key].dataType))
        for table in tables
        for key in table.keys
    }


def _view(
    lakehouse: Lakehouse, table: FeatureTable, schema: T.StructType, entities: "dict[str, Entity]"
) -> "FeatureView":
    from feast import FeatureView, Field
    from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
    from feast.table_format import DeltaFormat

    source = SparkSource(
        name=f"{lakehouse.name}_{table.name}",
        path=lakehouse.tables.path(f"gold.{table.name}"),
        table_format=DeltaFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    empty = empty_values(lakehouse.spark, table, schema)
    fields = [
        Field(
            name=column.name,
            dtype=_field_type(schema[column.name].dataType),
            description=table.features[column.feature].description,
            tags={EMPTY: empty[column.name]} if column.name in empty else {},
        )
        for column in table.output
        if column.name in schema.names
    ]
    keys = [Field(name=key, dtype=_field_type(schema[key].dataType)) for key in table.keys]
    return FeatureView(
        name=table.name,
        entities=[entities[key] for key in table.keys],
        schema=[*keys, *fields],
        source=source,
        ttl=TTL,
        online=False,
        description=table.description,
        tags={"entity": next(iter(table.entity)), "source": table.source, SLICES: "event_timestamp"},
    )


def _chosen(model: Model, views: "dict[str, FeatureView]") -> "dict[str, FeatureView]":
    """The views that a model reads, each with the features that it reads."""
    return {
        name: views[name] if features == "all" else views[name][list(features)]
        for name, features in model.features.items()
    }


def _request_view(
    lakehouse: Lakehouse, model: Model, views: "dict[str, FeatureView]", schemas: dict[str, T.StructType]
) -> "OnDemandFeatureView":
    """The request inputs of a model: of the columns that its spine gives, and of its features."""
    from feast import Field

    from gold.on_demand import request_view

    features = {
        f"{name}__{field.name}": schemas[name][field.name]
        for name, view in _chosen(model, views).items()
        for field in view.projection.features
    }
    spine = {field.name: field for field in spine_of(lakehouse, model, "score", datetime.now(UTC)).schema}
    fields = [T.StructField(name, field.dataType) for name, field in {**spine, **features}.items()]
    frame = lakehouse.spark.createDataFrame([], T.StructType(fields))
    given = frame.select(*[row_expression(text, frame.columns).alias(name) for name, text in model.request.items()])
    named = {column.lower() for text in model.request.values() for column in columns_of(text)}
    used = [field for field in fields if field.name.lower() in named]
    of_row = [field for field in used if field.name in spine and field.name != "as_of"]
    of_features = [field.name.split("__") for field in used if field.name in features]
    return request_view(
        request_name(model),
        model.request,
        T.StructType(used),
        columns=[Field(name=field.name, dtype=_field_type(field.dataType)) for field in of_row],
        features=[
            views[name][[feature for of, feature in of_features if of == name]]
            for name in dict.fromkeys(name for name, _ in of_features)
        ],
        declared=[Field(name=field.name, dtype=_field_type(field.dataType)) for field in given.schema],
        description=f"What is worked out of a row that {model.name} is asked for: "
        + "; ".join(f"{name} is {text}" for name, text in model.request.items()),
    )


def _service(model: Model, views: "dict[str, FeatureView]", request: "list[OnDemandFeatureView]") -> "FeatureService":
    from feast import FeatureService

    features: list[FeatureView | OnDemandFeatureView] = [*_chosen(model, views).values(), *request]
    return FeatureService(name=model.name, features=features, description=model.description)


def _field_type(kind: T.DataType) -> Any:
    from feast import types as feast_types

    names: dict[type[T.DataType], Any] = {
        T.StringType: feast_types.String,
        T.BooleanType: feast_types.Bool,
        T.IntegerType: feast_types.Int32,
        T.LongType: feast_types.Int64,
        T.DoubleType: feast_types.Float64,
        T.FloatType: feast_types.Float32,
        T.TimestampType: feast_types.UnixTimestamp,
        T.DateType: feast_types.UnixTimestamp,
        T.DecimalType: feast_types.Decimal,
    }
    return names.get(type(kind), feast_types.String)


def _value_type(kind: T.DataType) -> Any:
    return _field_type(kind).to_value_type()
