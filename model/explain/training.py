"""Where the values of a row stand among those that a model version was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Model
from assay.explained import first_lines
from assay.frames import only_row
from assay.lakehouse import Lakehouse
from assay.tables import quoted
from assay.time_travel import UNREADABLE
from model.artifact import Artifact
from model.split import TRAIN

Standing = tuple[int | None, int | None, int | None]
"""Rows of the training range without a value, with a lower one (None: it is no number), with the same one."""


@dataclass(frozen=True)
class Training:
    """What a version was trained on, as far as it can still be read."""

    table: str
    version: int | None
    rows: int | None = None
    standing: Mapping[str, Standing] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def training_of(lakehouse: Lakehouse, model: Model, trained: Artifact, row: Mapping[str, Any]) -> Training:
    """Where a row's inputs stand in a version's training range: one Spark job over the Delta version that was read then."""
    about = trained.about
    table, version = about.get("training_table", f"gold.{model.name}_training"), about.get("training_version")
    try:
        rows = lakehouse.tables.read(table, version)
        rows = rows.where(F.col("training_as_of") == F.lit(datetime.fromisoformat(about["as_of"])))
        if TRAIN in about.get("ranges", {}):
            first, last = map(datetime.fromisoformat, about["ranges"][TRAIN])
            rows = rows.where(F.col("as_of").between(F.lit(first), F.lit(last)))
        names = [name for name in trained.inputs.read if name in rows.columns]
        found = only_row(rows.agg(F.count("*").alias("rows"), *asked(rows, {name: row[name] for name in names})))
    except UNREADABLE as error:
        note = f"{table} at version {version} cannot be read any more: {first_lines(error)}"
        return Training(table, version, notes=(note,))
    return Training(
        table,
        version,
        found["rows"],
        {name: (found[f"missing {name}"], found[f"below {name}"], found[f"equal {name}"]) for name in names},
    )


def asked(rows: DataFrame, values: Mapping[str, Any]) -> list[Column]:
    """Aggregates over training rows: of each value, how many are missing, lower, and the same."""
    found: list[Column] = []
    for name, value in values.items():
        column, given = F.col(quoted(name)), F.lit(value)
        is_number = isinstance(rows.schema[name].dataType, T.NumericType)
        below = F.count_if(column < given) if is_number and value is not None else F.lit(None).cast("bigint")
        found += [
            F.count_if(column.isNull()).alias(f"missing {name}"), below.alias(f"below {name}"),
            F.count_if(column == given).alias(f"equal {name}"),
        ]  # fmt: skip
    return found
