"""The catalogue of features: what the definitions say, and what the tables hold. One Spark job per feature table."""

from datetime import timedelta
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import FeatureColumn, FeatureTable
from assay.lakehouse import Lakehouse
from assay.report.features import FeatureFacts, Month, TableFacts
from assay.stages import side_by_side
from assay.tables import quoted
from assay.times import format_duration
from gold.aggregates import AGGREGATES
from gold.definitions import Recorded, older_name, recorded, version_of

_TENTHS = (0.1, 0.5, 0.9)


def catalog(lakehouse: Lakehouse) -> tuple[TableFacts, ...]:
    """What is known of every feature table, in order of their names; also of those not built yet."""
    tables = sorted(lakehouse.config.features.values(), key=lambda table: table.name)
    return tuple(side_by_side(lakehouse, lambda table: _facts(lakehouse, table), tables))


def told(table: FeatureTable, column: FeatureColumn) -> str:
    """How a feature is worked out, in words: `mean of arr_delay where distance > 500, 7d`."""
    feature = table.features[column.feature]
    if feature.is_expression:
        return feature.argument
    words = f"{feature.aggregate} of {feature.argument}"
    setting = AGGREGATES[feature.aggregate].setting if feature.aggregate in AGGREGATES else None
    if setting is not None:
        given = getattr(feature, setting)
        words += f" ({setting} = {format_duration(given) if isinstance(given, timedelta) else given})"
    conditions = [f"{name} = {column.by}" for name in feature.by or {}] + ([feature.where] if feature.where else [])
    if conditions:
        words += " where " + " and ".join(conditions)
    return f"{words}, {format_duration(column.window) if column.window else 'lifetime'}"


def _facts(lakehouse: Lakehouse, table: FeatureTable) -> TableFacts:
    known = recorded(lakehouse)
    months = _by_month(lakehouse, table) if lakehouse.tables.exists(f"gold.{table.name}") else []
    features = tuple(
        FeatureFacts(
            name=column.name,
            description=table.features[column.feature].description,
            unit=table.features[column.feature].unit,
            told=told(table, column),
            used_by=tuple(
                name
                for name, model in sorted(lakehouse.config.models.items())
                if model.features.get(table.name) == "all" or column.name in model.features.get(table.name, ())
            ),
            months=tuple(_month(row, column.name) for row in months if f"nulls {column.name}" in row),
        )
        for column in table.output
    )
    return TableFacts(
        table.name, table.description, next(iter(table.entity)), table.keys, table.source, features,
        nights=sum(row["nights"] for row in months),
        first=min((row["first"] for row in months), default=None),
        last=max((row["last"] for row in months), default=None),
        version=version_of(known, table),
        older=tuple(each.version for each in known if each.table == table.name and _has_own(lakehouse, each)),
    )  # fmt: skip


def _has_own(lakehouse: Lakehouse, version: Recorded) -> bool:
    return lakehouse.tables.exists(f"gold.{older_name(version.table, version.version)}")


def _by_month(lakehouse: Lakehouse, table: FeatureTable) -> list[dict[str, Any]]:
    """Per month of its nights: how many rows a table has, and what its features' values are."""
    rows = lakehouse.tables.read(f"gold.{table.name}")
    columns = {column.name: rows.schema[column.name].dataType for column in table.output if column.name in rows.columns}
    asked: list[Column] = []
    for name, kind in columns.items():
        value = F.col(quoted(name))
        asked.append(F.count_if(value.isNull()).alias(f"nulls {name}"))
        if isinstance(kind, T.NumericType):
            number = F.when(~F.isnan(value.cast("double")), value.cast("double"))
            asked.append(F.percentile_approx(number, list(_TENTHS)).alias(f"tenths {name}"))
    night = F.col("event_timestamp")
    found = (
        rows.groupBy(F.trunc(night, "month").alias("month"))
        .agg(
            F.count("*").alias("rows"), F.count_distinct(night).alias("nights"),
            F.min(night).alias("first"), F.max(night).alias("last"), *asked,
        )
        .orderBy("month")
        .collect()
    )  # fmt: skip
    return [row.asDict() for row in found]


def _month(row: dict[str, Any], name: str) -> Month:
    low, middle, high = row.get(f"tenths {name}") or (None, None, None)
    return Month(row["month"], row["rows"], row[f"nulls {name}"], low, middle, high)
