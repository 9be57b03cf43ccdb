"""What is measured of a night's records in a batch. A metric is a function of a few aggregates; a registry makes it
known.

The aggregates are Spark's, worked out for all columns and nights at once over one row per cell: `number` and `text` hold
the value of an accepted row, `hash` tells values of any type apart, and `missing` is told of rejected rows too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F
from pyspark.sql import types as T

Kind = Literal["row", "number", "text", "time", "other"]
Scale = Literal["points", "relative", "ratio"]

TOP = 20
"""A column of more different values than these has no shares of single values."""

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
OTHERS = "other values"


@dataclass(frozen=True)
class Number:
    """One number of a night."""

    value: float
    noise: float = 0.0
    """Its standard error, as far as the records themselves tell: a few records say little."""


Found = Mapping[str, Any]
Measures = Callable[[Found], Mapping[str, Number]]
"""From the aggregates of a night's column to its numbers by label; none where there is no value to measure."""


@dataclass(frozen=True)
class Metric:
    """One metric, ready to be measured and compared."""

    name: str
    of: frozenset[Kind]
    floor: float
    """The least difference that can stop a batch."""

    scale: Scale
    """What the floor is of: `points` is a difference, `relative` a part of what is expected, `ratio` a factor up or
    down, of numbers that are compared by their logarithm."""

    needs: Mapping[str, Callable[[], SparkColumn]]
    """The aggregates that it is made of, beside `rows`, `missing` and `values`."""

    measure: Measures
    about: str
    """What it is, in a sentence."""

    absent: float | None = None
    """What a label that a night does not have stands for."""

    falls: bool = True
    """Whether less than expected can stop a batch too."""


METRICS: dict[str, Metric] = {}
ALWAYS: dict[str, Callable[[], SparkColumn]] = {
    "rows": lambda: F.count("*"),
    "missing": lambda: F.count_if("missing"),
    "values": lambda: F.count("hash"),
}
"""The aggregates that every column has."""


def metric(
    name: str,
    of: set[Kind],
    floor: float,
    scale: Scale,
    needs: Mapping[str, Callable[[], SparkColumn]] | None = None,
    **more: Any,
) -> Callable[[Measures], Measures]:
    """Register a metric: its name, the kinds of column it is for, its floor, and the aggregates it is made of."""

    def register(function: Measures) -> Measures:
        about = " ".join((function.__doc__ or "").split())
        METRICS[name] = Metric(name, frozenset(of), floor, scale, needs or {}, function, about, **more)
        return function

    return register


def kind_of(kind: T.DataType) -> Kind:
    """The kind of a column, by its type."""
    match kind:
        case T.NumericType():
            return "number"
        case T.StringType() | T.BooleanType():
            return "text"
        case T.DateType() | T.TimestampType():
            return "time"
    return "other"


@metric("rows", {"row"}, 0.4, "ratio")
def _rows(found: Found) -> Mapping[str, Number]:
    """How many records there are."""
    return {"": Number(found["rows"])}


@metric("rejected", {"row"}, 0.05, "points", falls=False)
def _rejected(found: Found) -> Mapping[str, Number]:
    """Share of records that go to quarantine. Fewer than expected stop nothing."""
    return _share(found["missing"], found["rows"])


@metric("nulls", {"number", "text", "time", "other"}, 0.05, "points")
def _nulls(found: Found) -> Mapping[str, Number]:
    """Share of records without a value."""
    return _share(found["missing"], found["rows"])


_MEAN = {"mean": lambda: F.avg("number"), "stddev": lambda: F.stddev_pop("number")}


@metric("mean", {"number"}, 0.1, "relative", _MEAN)
def _mean(found: Found) -> Mapping[str, Number]:
    """Mean of the values."""
    return {"": Number(found["mean"], _error(found))} if found["values"] else {}


@metric("stddev", {"number"}, 0.5, "relative", _MEAN)
def _stddev(found: Found) -> Mapping[str, Number]:
    """Standard deviation of the values."""
    return {"": Number(found["stddev"], _error(found))} if found["values"] else {}


@metric(
    "quantiles", {"number"}, 0.25, "relative",
    {**_MEAN, "quantiles": lambda: F.percentile_approx("number", list(QUANTILES.values()), 1000)},
)  # fmt: skip
def _quantiles(found: Found) -> Mapping[str, Number]:
    """The values that 10%, 50% and 90% of the values do not exceed."""
    if not found["values"] or found["quantiles"] is None:
        return {}
    noise = 1.7 * _error(found)  # of the outer ones, were the values spread as a bell
    return {label: Number(value, noise) for label, value in zip(QUANTILES, found["quantiles"], strict=True)}


@metric("unique", {"number", "text"}, 1.0, "ratio", {"unique": lambda: F.approx_count_distinct("hash")})
def _unique(found: Found) -> Mapping[str, Number]:
    """How many different values there are, to within a twentieth."""
    return {"": Number(found["unique"])} if found["values"] else {}


@metric(
    "shares", {"text"}, 0.01, "points",
    {"top": lambda: F.expr(f"approx_top_k(text, {TOP + 1}, 128) FILTER (WHERE text IS NOT NULL)")}, absent=0.0,
)  # fmt: skip
def _shares(found: Found) -> Mapping[str, Number]:
    """Share of each value among all, of a column of few different values: at most 20."""
    top = found["top"] or []
    if not found["values"]:
        return {}
    few = {item["item"]: item["count"] for item in top} if len(top) <= TOP else {}
    rest = found["values"] - sum(few.values())
    shares = {str(text): _share(count, found["values"])[""] for text, count in few.items()}
    return {**shares, OTHERS: _share(rest, found["values"])[""]}


def _share(part: int, whole: int) -> dict[str, Number]:
    share = part / whole if whole else 0.0
    return {"": Number(share, math.sqrt(max(share * (1 - share), 0.0) / whole) if whole else 0.0)}


def _error(found: Found) -> float:
    """The standard error of a mean; nothing where there is no spread."""
    return (found["stddev"] or 0.0) / math.sqrt(found["values"])
