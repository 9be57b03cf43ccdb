"""Champion against challenger on what really happened, over the rows that both have scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import ModelError
from assay.tables import quoted
from model.registry import CHALLENGER, CHAMPION
from model.tasks import TASKS, Metrics
from model.tasks.ranking import GROUP

ROLES = (CHAMPION, CHALLENGER)
_ALL = "all"


@dataclass(frozen=True)
class Comparison:
    """Both roles over the same rows."""

    as_of: datetime | None
    """The night; None for all nights together."""
    versions: Mapping[str, tuple[int, ...]]
    """Role -> the versions that had it."""
    metrics: Mapping[str, Metrics]
    """Role -> metrics of its scores."""


def compare(predictions: DataFrame, labels: DataFrame, model: Model) -> list[Comparison]:
    """Each night, oldest first, then all together.

    Args:
        predictions: Rows of `gold.<model>_predictions`.
        labels: The model's key, `as_of` and `label`, a row for each prediction whose outcome is known.
        model: The model.

    Raises:
        ModelError: There is no row that both roles have scored and whose outcome is known.
    """
    both = _scored_by_both(predictions, labels, model).persist()
    try:
        nights = _versions(both)
        found = TASKS[model.task].evaluate(_by_slice(both, model), "slice") if nights else {}
    finally:
        both.unpersist()
    if not nights:
        raise ModelError(
            f"Champion and challenger of {model.name} cannot be compared.", where=f"gold.{model.name}_predictions",
            found="no row that both have scored and whose outcome is known",
            do="wait for outcomes, or choose other nights with --from and --to; a version becomes challenger by "
            "promote: by_hand in the model's file, or by assay promote --as challenger",
        )  # fmt: skip
    every = {role: tuple(sorted({version for night in nights.values() for version in night[role]})) for role in ROLES}
    return [
        Comparison(as_of, versions, {role: found[f"{role} {as_of.isoformat() if as_of else _ALL}"] for role in ROLES})
        for as_of, versions in [*sorted(nights.items()), (None, every)]
    ]


def _scored_by_both(predictions: DataFrame, labels: DataFrame, model: Model) -> DataFrame:
    """A row per key and as_of: `label`, and for each role what it scored and its `version`, as a struct of its name."""
    key = [*model.key, "as_of"]
    sides = [
        predictions.where(F.col("role") == role).select(
            *map(quoted, key),
            F.struct(*TASKS[model.task].scored, F.col("model_version").alias("version")).alias(f"__{role}"),
        )
        for role in ROLES
    ]
    return labels.join(sides[0], key, "inner").join(sides[1], key, "inner")


def _versions(both: DataFrame) -> dict[datetime, dict[str, tuple[int, ...]]]:
    """Night -> role -> the versions that scored it."""
    rows = both.groupBy("as_of").agg(
        *[F.sort_array(F.collect_set(F.col(f"__{role}.version"))).alias(role) for role in ROLES]
    )
    return {
        row["as_of"].replace(tzinfo=UTC): {role: tuple(row[role]) for role in ROLES} for row in rows.collect()
    }  # fmt: skip


def _by_slice(both: DataFrame, model: Model) -> DataFrame:
    """A row per role, once in the slice of its night and once in that of all."""
    group = F.struct(*map(quoted, [*model.rank_within, "as_of"]))
    scored = TASKS[model.task].scored
    each = F.array(
        *[
            F.struct(F.lit(role).alias("role"), *[F.col(f"__{role}.{name}").alias(name) for name in scored])
            for role in ROLES
        ]
    )
    night = F.date_format("as_of", "yyyy-MM-dd'T'HH:mm:ssxxx")
    return (
        both.select("*", F.explode(each).alias("__each"))
        .select("*", F.explode(F.array(night, F.lit(_ALL))).alias("__slice"))
        .select(
            *[quoted(name) for name in both.columns if not name.startswith("__")],
            *[F.col(f"__each.{name}").alias(name) for name in scored],
            *([group.alias(GROUP)] if model.rank_within else []),
            F.concat_ws(" ", "__each.role", "__slice").alias("slice"),
        )
    )
