"""Columns of the training set that a model's file names."""

from pyspark.sql import DataFrame

from assay.config import Model
from assay.errors import nearest


def check_column(model: Model, column: str, rows: DataFrame | None, *path: str | int) -> None:
    """Raise ConfigError where the training set does not have a column; without one nothing is known."""
    if rows is not None and column not in rows.columns:
        raise model.error(
            f"The training set of {model.name} has no column {column!r}.", *path,
            found=column, expected=nearest(column, rows.columns),
        )  # fmt: skip
