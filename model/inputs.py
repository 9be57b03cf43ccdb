"""A model's inputs as numbers: the same expressions in training and in scoring, kept with the model as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.config.model import XGBoost
from assay.errors import ModelError
from assay.tables import quoted

_NAN = float("nan")
SMOOTHING = 20
"""How many rows of the overall mean a category's mean of the label is mixed with."""
MOST_CATEGORIES = {"one_hot": 100, "categorical": 1_000, "target": 100_000, "frequency": 100_000}
"""How many values a column may have that is used so: they are kept with the model, and looked up for each row."""


@dataclass(frozen=True)
class Encoding:
    """A number for each category of a column; missing stays missing."""

    column: str
    numbers: Mapping[str, float]
    otherwise: float
    """Of a category that training had not seen."""


@dataclass(frozen=True)
class Inputs:
    """Names of the inputs in the trees' order, and how columns become numbers."""

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    """Categorical input -> its values in training, in order; a value's place is its code."""

    encodings: Mapping[str, Encoding] = field(default_factory=dict)
    """Encoded input -> how."""

    @property
    def types(self) -> list[str]:
        """XGBoost's feature types: `c` for categories, `q` for quantities."""
        return ["c" if name in self.categories else "q" for name in self.names]

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        return tuple(dict.fromkeys(map(self.column_of, self.names)))

    def column_of(self, name: str) -> str:
        """The column that an input is read from."""
        return self.encodings[name].column if name in self.encodings else name

    def columns(self) -> list[Column]:
        """One double column per input; NULL for a missing value and for a category that training had not seen."""
        return [self._column(name).alias(name) for name in self.names]

    def _column(self, name: str) -> Column:
        if name in self.encodings:
            return _encoded(self.encodings[name])
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
        return cls(
            tuple(data["names"]),
            {name: tuple(values) for name, values in data["categories"].items()},
            {
                name: Encoding(**encoding) for name, encoding in data.get("encodings", {}).items()
            },  # versions of before have none
        )


def packed(numbers: Sequence[Column]) -> Column:
    """Numbers of a row as one array of 32-bit floats, which is all that XGBoost looks at; a missing one is NaN.

    Spark hands over one array in two thirds of the time that as many columns take.
    """
    return F.array(*(F.coalesce(number.cast("float"), F.lit(_NAN).cast("float")) for number in numbers))


def unpacked(rows: pa.ListArray, count: int) -> NDArray[np.float32]:
    """What `packed` made of some rows, as it lies in memory; not to be written to.

    Args:
        rows: The arrays, one of each row.
        count: How many numbers a row has.
    """
    found: NDArray[np.float32] = rows.flatten().to_numpy().reshape(-1, count)
    return found


def _encoded(encoding: Encoding) -> Column:
    value = F.col(quoted(encoding.column)).cast("string")
    numbers = F.from_json(F.lit(json.dumps(encoding.numbers)), "map<string,double>")  # one literal, however many
    return F.when(value.isNotNull(), F.coalesce(F.try_element_at(numbers, value), F.lit(encoding.otherwise)))


def names_of(model: Model, columns: Sequence[str]) -> list[str]:
    """The inputs that a model has from features and requests, among the columns of its training set.

    What older versions of feature tables give, `<table>__v<version>__<feature>`, is there for models of before alone.
    """
    features = [name for name in columns if name.partition("__")[0] in model.features and name.count("__") == 1]
    return [*features, *model.request]


def fit(training: DataFrame, names: Sequence[str], settings: XGBoost) -> Inputs:
    """The inputs of a model, with the categories found in its training range.

    Args:
        training: Rows of the training range only, with `label`.
        names: Inputs from features and requests.
        settings: Which of them, or of the spine's columns, are categories, and which become numbers.

    Raises:
        ModelError: An input that is a category is not a column of the training set, or has too many values.
    """
    asked = [*settings.categorical, *settings.encode]
    for key in ("categorical", "encode"):
        if missing := [name for name in getattr(settings, key) if name not in training.columns]:
            raise ModelError(
                f"Categorical inputs that the training set does not have: {', '.join(missing)}.",
                expected="columns of the spine, features or request inputs: " + ", ".join(training.columns),
                do=f"correct xgboost.{key} in the model's file",
            )
    if twice := sorted(set(settings.categorical) & set(settings.encode)):
        raise ModelError(
            f"Inputs that are categories and encoded: {', '.join(twice)}.",
            do="name them in xgboost.categorical or in xgboost.encode",
        )
    uses = {**dict.fromkeys(settings.categorical, "categorical"), **settings.encode}
    found = _found(training, uses) if uses else {}
    encodings: dict[str, Encoding] = {}
    for name, how in settings.encode.items():
        encodings |= _encodings(name, how, found[name])
    rest = [name for name in names if name not in asked]
    categories = {name: tuple(sorted(found[name])) for name in settings.categorical}
    return Inputs((*categories, *encodings, *rest), categories, encodings)


Category = Mapping[str, tuple[int, float]]
"""Value -> rows that have it, and the sum of their labels."""


def _found(training: DataFrame, columns: Mapping[str, str]) -> dict[str, Category]:
    """The values of some columns, all in one pass. Sums are of decimals: whatever the order of rows, they are the same.

    Args:
        training: The rows.
        columns: Column -> how it is used, which decides how many values it may have.
    """
    most = sum(MOST_CATEGORIES[how] for how in columns.values())
    each = F.array(
        *[F.struct(F.lit(name).alias("name"), F.col(quoted(name)).cast("string").alias("value")) for name in columns]
    )
    kind = training.schema["label"].dataType.typeName()
    label = F.lit(0) if kind == "string" else F.col("label").cast("int" if kind == "boolean" else "double")
    rows = (
        training.select(label.cast("decimal(28,9)").alias("label"), F.inline(each))
        .where(F.col("value").isNotNull())
        .groupBy("name", "value")
        .agg(F.count("*").alias("rows"), F.sum("label").alias("sum"))
        .limit(most + 1)  # what is too many stays in Spark
        .collect()
    )
    result: dict[str, dict[str, tuple[int, float]]] = {name: {} for name in columns}
    for row in rows:
        result[row["name"]][row["value"]] = row["rows"], float(row["sum"])
    for name, values in result.items():
        _check_values(name, columns[name], len(values), cut=len(rows) > most)
    return {name: dict(sorted(values.items())) for name, values in result.items()}


def _check_values(name: str, how: str, count: int, *, cut: bool) -> None:
    """Raise ModelError where a column has more values than its use can hold."""
    most = MOST_CATEGORIES[how]
    if count > most:
        rest = " or more" if cut else ""
        raise ModelError(
            f"The input {name} has too many values for {how}.", found=f"{count:,}{rest} values in the training range",
            expected=f"at most {most:,}",
            do="group its values in silver, or "
            + ("leave it out" if how in ("target", "frequency") else "encode it: encode: {" + name + ": target}"),
        )  # fmt: skip


def _encodings(name: str, how: str, found: Category) -> dict[str, Encoding]:
    """The inputs that a column becomes."""
    rows = sum(count for count, _ in found.values())
    if how == "frequency":
        return {name: Encoding(name, {value: count / rows for value, (count, _) in found.items()}, 0.0)}
    if how == "target":  # Micci-Barreca, SIGKDD Explorations 2001
        mean = sum(total for _, total in found.values()) / rows if rows else 0.0
        means = {
            value: (total + SMOOTHING * mean) / (count + SMOOTHING) for value, (count, total) in sorted(found.items())
        }
        return {name: Encoding(name, means, mean)}
    return {f"{name}={value}": Encoding(name, {value: 1.0}, 0.0) for value in found}
