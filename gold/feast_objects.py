"""Feast's entities, feature views and feature services, built from the same YAML as the tables."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as T

from assay.config import FeatureTable, Model
from assay.lakehouse import Lakehouse
from gold.definitions import older_tables

if TYPE_CHECKING:
    from feast import Entity, FeatureService, FeatureView

TTL = timedelta(days=1) - timedelta(seconds=1)
"""A feature row serves its own night and the moments up to the next; an entity without a row tonight reads as NULL,
not as what it was last night."""


def objects(lakehouse: Lakehouse) -> "list[Entity | FeatureView | FeatureService]":
    """Everything that the Feast registry holds for a lakehouse.

    Feature tables that have not been built yet, and models that need them, are left out.
    """
    tables = lakehouse.config.features.values()
    built = [*older_tables(lakehouse), *(table for table in tables if lakehouse.tables.exists(f"gold.{table.name}"))]
    schemas = {table.name: lakehouse.tables.read(f"gold.{table.name}").schema for table in built}
    entities = _entities(built, schemas)
    views = {table.name: _view(lakehouse, table, schemas[table.name], entities) for table in built}
    services = [
        _service(model, views) for model in lakehouse.config.models.values() if set(model.features) <= set(views)
    ]
    return [*entities.values(), *views.values(), *services]


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
    fields = [
        Field(
            name=column.name,
            dtype=_field_type(schema[column.name].dataType),
            description=table.features[column.feature].description,
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
        tags={"entity": next(iter(table.entity)), "source": table.source},
    )


def _service(model: Model, views: "dict[str, FeatureView]") -> "FeatureService":
    from feast import FeatureService

    chosen = [
        views[name] if features == "all" else views[name][list(features)] for name, features in model.features.items()
    ]
    return FeatureService(name=model.name, features=chosen, description=model.description)


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
    }
    return names.get(type(kind), feast_types.String)


def _value_type(kind: T.DataType) -> Any:
    return _field_type(kind).to_value_type()
