"""How a training set was made, and a hash of what is in it: the same recipe gives the same rows."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import FeatureTable, Model
from assay.config.version import contract_version
from assay.frames import local_frame, only_row
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.tables import Commit, quoted
from gold.definitions import definition_key, recorded, version_of

TRAINING_SETS = "ops.training_sets"
SCHEMA = """
    run_id string, lakehouse string, model string, training_as_of timestamp, written_at timestamp, version bigint,
    rows bigint, content_hash string, recipe string
"""


def recipe(
    lakehouse: Lakehouse, model: Model, as_of: datetime, nights: Sequence[datetime], kept: Sequence[FeatureTable] = ()
) -> dict[str, Any]:
    """What a training set is made from: the spine, the features and their tables' versions, the sources' contracts.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        as_of: What the set may know.
        nights: The nights whose features were built.
        kept: Older versions of feature tables whose features are in it too.
    """
    tables, known = lakehouse.tables, recorded(lakehouse)
    return {
        "as_of": as_of.isoformat(),
        "spine": model.spine.train,
        "feature_service": model.name,
        "request": dict(model.request),
        "features": {
            name: {
                "of": chosen if chosen == "all" else list(chosen),
                "definition": definition_key(lakehouse.config.features[name]),
                "definition_version": version_of(known, lakehouse.config.features[name]),
                "version": tables.version(f"gold.{name}"),
            }
            for name, chosen in model.features.items()
        },
        **({"older": {table.name: tables.version(f"gold.{table.name}") for table in kept}} if kept else {}),
        "sources": {
            name: {
                "contract": contract_version(source, lakehouse.time_zone),
                "version": tables.version(f"silver.{name}__history"),
            }
            for name, source in lakehouse.config.sources.items()
            if tables.exists(f"silver.{name}__history")
        },
        "nights": [night.isoformat() for night in nights],
    }


def content_hash(rows: DataFrame) -> str:
    """Twelve digits that are equal for frames with the same rows and columns, in whatever order.

    A sum and an exclusive or of two 64-bit hashes of each row, and the number of rows. Maps are hashed by their JSON.
    """
    columns = [_hashed(field) for field in sorted(rows.schema.fields, key=lambda field: field.name)]
    row = only_row(
        rows.agg(
            F.count("*").alias("rows"),
            F.sum(F.xxhash64(F.lit(1), *columns).cast("decimal(38,0)")).alias("sum"),
            F.bit_xor(F.xxhash64(F.lit(2), *columns)).alias("xor"),
        )
    )
    told = json.dumps([[field.name for field in rows.schema.fields], row["rows"], str(row["sum"]), row["xor"]])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _hashed(field: T.StructField) -> Column:
    column = F.col(quoted(field.name))
    # A NULL is skipped by Spark's hash: rows that differ only in which column is NULL would be equal.
    return F.struct(F.to_json(column) if isinstance(field.dataType, T.MapType) else column, column.isNull())


def write(
    lakehouse: Lakehouse, model: Model, outcome: Outcome, commit: Commit, found: str, made_from: Mapping[str, Any]
) -> None:
    """Add a training set's recipe and hash to `ops.training_sets`, unless the night's newest is of the same rows and recipe."""
    told = json.dumps(made_from, sort_keys=True)
    if newest(lakehouse, model, outcome.as_of) == (found, told):
        return
    row = {
        "run_id": outcome.run_id, "lakehouse": lakehouse.name, "model": model.name, "training_as_of": outcome.as_of,
        "written_at": datetime.now(UTC), "version": commit.version, "rows": commit.rows, "content_hash": found,
        "recipe": told,
    }  # fmt: skip
    lakehouse.tables.append(TRAINING_SETS, local_frame(lakehouse.spark, [row], SCHEMA).coalesce(1))


def newest(lakehouse: Lakehouse, model: Model, as_of: datetime) -> tuple[str, str] | None:
    """The hash and, as JSON, the recipe of the newest training set of a night; None where nobody noted it."""
    if not lakehouse.tables.exists(TRAINING_SETS):
        return None
    of_night = (F.col("model") == model.name) & (F.col("training_as_of") == F.lit(as_of))
    rows = lakehouse.tables.read(TRAINING_SETS).where(of_night).orderBy(F.desc("version")).limit(1).collect()
    return (rows[0]["content_hash"], rows[0]["recipe"]) if rows else None
