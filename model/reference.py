"""What a version was trained on, in a few numbers that are kept with it: later nights are compared with them.

Of each column that inputs are read from, its distribution in the training range; of the scores, theirs on the holdout; and how
far the nights of training themselves lay from all of them together, which is what is usual. Some features are the same for
all rows of a night: such a night is always far from all nights together, and that is no drift.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column
from pyspark.sql import functions as F

from assay.report.training import SliceRow
from assay.tables import quoted
from model.distances import Numbers, binned, deciles, index
from model.inputs import Inputs
from model.tasks import Metrics

FORMAT = 1
"""Another number where the file is read in another way."""
LABELS = 50
"""So many different values of a category are told apart; all others are one bin."""
QUANTILES = np.arange(1, 20) / 20
MOST_VALUES = 10_000_000
"""Values that are brought to the driver, of all columns together; of more rows a part is taken by a hash of their key."""
_MEASURED_AS_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "timestamp", "date")


@dataclass(frozen=True)
class Usual:
    """What the nights of training had of one number."""

    middle: float
    """The median night."""
    most: float
    """The night with the most."""


@dataclass(frozen=True)
class Distribution:
    """How the values of one column are spread."""

    counts: tuple[int, ...]
    """Rows per bin: of a number up to each of `ends`, and above; of a category each of `labels`, and others; last those
    without a value."""
    ends: tuple[float, ...] = ()
    labels: tuple[str, ...] | None = None
    """The most frequent values of a category; None of a number."""
    quantiles: tuple[float, ...] = ()
    """Of a number: at 5%, 10%, to 95%."""
    psi: Usual | None = None
    """The nights of training against all of them together; None of less than two nights."""
    nulls: Usual | None = None
    """The share of rows without a value, over the nights of training."""

    @property
    def missing(self) -> float:
        """The share of rows without a value."""
        return share_missing(np.array(self.counts, np.float64))

    def count(self, values: Any) -> Numbers:
        """Rows per bin of other values of the same column."""
        if self.labels is None:
            return binned(_numbers(values), np.array(self.ends))
        return np.bincount(_places(values, self.labels), minlength=len(self.labels) + 2).astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        labels = data["labels"]
        usual = {name: Usual(**data[name]) if data[name] else None for name in ("psi", "nulls")}
        return cls(
            tuple(data["counts"]), tuple(data["ends"]), None if labels is None else tuple(labels),
            tuple(data["quantiles"]), **usual,
        )  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """All of it."""

    inputs: Mapping[str, Distribution]
    """Column -> its values in the training range."""
    score: Distribution | None
    """Of the holdout; None without one."""
    holdout: Metrics = field(default_factory=dict)
    """Its metrics, those that are numbers."""
    slices: Sequence[SliceRow] = ()
    """The same of the slices of most rows."""

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "format": FORMAT,
            "inputs": {name: found.to_json() for name, found in self.inputs.items()},
            "score": self.score.to_json() if self.score else None,
            "holdout": _known(self.holdout),
            "slices": [{**asdict(each), "metrics": _known(each.metrics)} for each in self.slices],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self | None:
        """The inverse of `to_json`; None where the format is another one."""
        if data["format"] != FORMAT:
            return None
        score = data["score"]
        return cls(
            {name: Distribution.from_json(found) for name, found in data["inputs"].items()},
            Distribution.from_json(score) if score else None,
            dict(data["holdout"]),
            tuple(SliceRow(**each) for each in data["slices"]),
        )


def _known(metrics: Metrics) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def as_read(columns: Mapping[str, str], inputs: Inputs) -> list[Column]:
    """The columns that inputs are read from, as they are measured: numbers and times as double, all else as text.

    Args:
        columns: Column -> its type, as Spark names it.
        inputs: The model's inputs: a number that is used as a category is text.
    """
    coded = {*inputs.categories, *(encoding.column for encoding in inputs.encodings.values())}

    def one(name: str, kind: str) -> Column:
        number = (kind in _MEASURED_AS_NUMBERS or kind.startswith("decimal")) and name not in coded
        column = F.col(quoted(name)).cast("timestamp") if kind == "date" else F.col(quoted(name))
        return column.cast("double" if number else "string").alias(name)

    return [one(name, kind) for name, kind in columns.items()]


def distribution(values: Any, nights: NDArray[np.int64]) -> Distribution:
    """How values are spread, and what was usual over the nights that they are of.

    Args:
        values: A column of numbers or of texts, as Arrow has it.
        nights: A number for each row, the same for rows of one night.
    """
    if pa.types.is_floating(values.type):
        known = _numbers(values)
        found = known[~np.isnan(known)]
        ends, labels = deciles(known), None
        quantiles = np.quantile(found, QUANTILES) if len(found) else np.empty(0)
        places = np.where(np.isnan(known), len(ends) + 1, np.searchsorted(ends, known, side="left"))
        bins = len(ends) + 2
    else:
        ends, quantiles, labels = np.empty(0), np.empty(0), _most_frequent(values)
        places, bins = _places(values, labels), len(labels) + 2
    each = _by_night(places, bins, nights)
    counts = each.sum(axis=0)
    psi = [index(counts, night) for night in each]
    nulls = [share_missing(night) for night in each]
    enough = len(each) > 1
    return Distribution(
        tuple(int(rows) for rows in counts), tuple(map(float, ends)), labels, tuple(map(float, quantiles)),
        Usual(median(psi), max(psi)) if enough else None, Usual(median(nulls), max(nulls)) if enough else None,
    )  # fmt: skip


def _by_night(places: NDArray[np.int64], bins: int, nights: NDArray[np.int64]) -> Numbers:
    """Rows per night and bin."""
    different, at = np.unique(nights, return_inverse=True)
    counts = np.bincount(at * bins + places, minlength=len(different) * bins)
    return counts.reshape(len(different), bins).astype(np.float64)


def share_missing(counts: Numbers) -> float:
    """The share of rows in the last bin, which is of those without a value."""
    rows = counts.sum()
    return float(counts[-1] / rows) if rows else 0.0


def quantiles_of(values: Any) -> Numbers:
    """The quantiles that a distribution has, of other values."""
    known = _numbers(values)
    known = known[~np.isnan(known)]
    return np.quantile(known, QUANTILES) if len(known) else np.empty(0)


def _numbers(values: Any) -> Numbers:
    """Numbers as numpy has them; what is missing, or endless, is NaN."""
    found: Numbers = np.array(values.to_numpy(), np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def _most_frequent(values: Any) -> tuple[str, ...]:
    counts = [(each["values"], each["counts"]) for each in pc.value_counts(values).to_pylist()]
    ordered = sorted(((-rows, value) for value, rows in counts if value is not None))
    return tuple(value for _, value in ordered[:LABELS])


def _places(values: Any, labels: Sequence[str]) -> NDArray[np.int64]:
    """The bin of each value: its label's, that of others, or that of those without a value."""
    others = len(labels)
    at = pc.index_in(values, value_set=pa.array(labels, pa.string()), skip_nulls=True)
    found = pc.fill_null(at, others).to_numpy().astype(np.int64)
    return np.where(pc.is_null(values).to_numpy(), others + 1, found)
