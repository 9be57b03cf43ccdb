"""The aggregates that a feature may use. Each is one function; the registry makes it known by its name in YAML.

Sums are exact whatever the order of rows, so that a feature computed again is equal bit for bit: whole numbers are
summed as such, other numbers as decimals of nine places.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import FeatureTable
from assay.errors import nearest


@dataclass(frozen=True)
class Values:
    """The values of one feature column's window: NULL for rows outside it."""

    value: Column
    type: T.DataType
    order: Column
    """Ascending in time, unique: event time, available time, source file and position."""


Aggregate = Callable[[Values], Column]
AGGREGATES: dict[str, Aggregate] = {}


def aggregate(name: str) -> Callable[[Aggregate], Aggregate]:
    """Register an aggregate."""

    def register(function: Aggregate) -> Aggregate:
        AGGREGATES[name] = function
        return function

    return register


def check_aggregates(table: FeatureTable) -> None:
    """Raise ConfigError where a feature names an aggregate that does not exist."""
    for name, feature in table.features.items():
        if feature.aggregate not in AGGREGATES:
            raise table.error(
                f"There is no aggregate {feature.aggregate!r}.",
                "features", name, feature.aggregate,
                found=feature.aggregate,
                expected=nearest(feature.aggregate, AGGREGATES),
            )  # fmt: skip


@aggregate("count")
def _count(values: Values) -> Column:
    """Rows with a value (all rows for `*`), 0 when there is none."""
    return F.count(values.value)


@aggregate("sum")
def _sum(values: Values) -> Column:
    """Sum, NULL when there is no value."""
    total = F.sum(_exact(values))
    return total if _whole(values) else total.cast("double")


@aggregate("mean")
def _mean(values: Values) -> Column:
    """Arithmetic mean, NULL when there is no value."""
    return F.try_divide(F.sum(_exact(values)).cast("double"), F.count(values.value))


@aggregate("min")
def _min(values: Values) -> Column:
    """Least value."""
    return F.min(values.value)


@aggregate("max")
def _max(values: Values) -> Column:
    """Greatest value."""
    return F.max(values.value)


@aggregate("stddev")
def _stddev(values: Values) -> Column:
    """Sample standard deviation from exact sums, NULL for fewer than two values."""
    exact = _exact(values)
    square = (
        exact.cast("decimal(19,0)") * exact.cast("decimal(19,0)")
        if _whole(values)
        else (values.value.cast("double") * values.value.cast("double")).cast("decimal(28,9)")
    )
    n = F.count(values.value)
    total = F.sum(exact).cast("double")
    spread = F.greatest(F.lit(0.0), F.sum(square).cast("double") - F.try_divide(total * total, n))
    return F.when(n > 1, F.sqrt(F.try_divide(spread, n - 1)))


@aggregate("rate")
def _rate(values: Values) -> Column:
    """Share of rows for which a condition holds, of those where it is not NULL; between 0 and 1."""
    return F.try_divide(F.count_if(values.value.cast("boolean")).cast("double"), F.count(values.value))


@aggregate("last")
def _last(values: Values) -> Column:
    """The newest value that is not NULL."""
    return F.max_by(values.value, F.when(values.value.isNotNull(), values.order))


def _whole(values: Values) -> bool:
    return isinstance(values.type, T.IntegralType)


def _exact(values: Values) -> Column:
    return values.value.cast("bigint") if _whole(values) else values.value.cast("decimal(28,9)")
