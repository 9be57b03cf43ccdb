"""A model's inputs as numbers: the same expressions in training and in scoring, kept with the model as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.errors import ModelError
from assay.frames import only_row
from assay.tables import quoted


@dataclass(frozen=True)
class Inputs:
    """Names of the inputs in the trees' order, and the codes of the categorical ones."""

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    """Categorical input -> its values in training, in order; a value's place is its code."""

    @property
    def types(self) -> list[str]:
        """XGBoost's feature types: `c` for categories, `q` for quantities."""
        return ["c" if name in self.categories else "q" for name in self.names]

    def columns(self) -> list[Column]:
        """One double column per input; NULL for a missing value and for a category that training had not seen."""
        return [self._column(name).alias(name) for name in self.names]

    def _column(self, name: str) -> Column:
        column = F.col(quoted(name))
        if name not in self.categories:
            return column.cast("double")
        known = F.array(*[F.lit(value) for value in self.categories[name]])
        place = F.array_position(known, column.cast("string")).cast("double")
        return F.when(place > 0, place - 1)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(tuple(data["names"]), {name: tuple(values) for name, values in data["categories"].items()})


def fit(training: DataFrame, names: Sequence[str], categorical: Sequence[str]) -> Inputs:
    """The inputs of a model, with the categories found in its training range.

    Args:
        training: Rows of the training range only.
        names: Inputs from features and requests.
        categorical: Inputs that are categories; they may also be columns of the spine.

    Raises:
        ModelError: A categorical input is not a column of the training set.
    """
    if missing := [name for name in categorical if name not in training.columns]:
        raise ModelError(
            f"Categorical inputs that the training set does not have: {', '.join(missing)}.",
            expected="columns of the spine, features or request inputs: " + ", ".join(training.columns),
            do="correct xgboost.categorical in the model's file",
        )
    found: dict[str, tuple[str, ...]] = {}
    if categorical:
        row = only_row(
            training.agg(
                *[F.sort_array(F.collect_set(F.col(quoted(name)).cast("string"))).alias(name) for name in categorical]
            )
        )
        found = {name: tuple(row[name]) for name in categorical}
    return Inputs((*categorical, *(name for name in names if name not in categorical)), found)
