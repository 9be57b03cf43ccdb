"""The aggregates that a feature may use. Each is one function; the registry makes it known by its name in YAML.

An aggregate makes a state of rows, and one state of several; what it tells is worked out from a state alone. A state
does not depend on the order of the rows nor on how they were shared out, so that a feature computed again, in one pass
or from partial states, is equal bit for bit: whole numbers are summed as such, other numbers as decimals of nine places.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import log
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Feature, FeatureTable
from assay.errors import FeatureError, nearest

ACCURACY = 0.01
"""A quantile's greatest relative error."""
_LOG_GAMMA = log((1 + ACCURACY) / (1 - ACCURACY))
_MIDDLE = 1 << 20
"""Number of the bucket of 1; the buckets of all doubles lie within 40,000 of it, and those below zero mirror them."""


@dataclass(frozen=True)
class Values:
    """The values of one feature column's window: NULL for rows outside it."""

    value: Column
    type: T.DataType
    order: Column
    """Ascending in time, unique: event time, available time, source file and position."""
    time: Column
    """The event time of a row."""
    as_of: Column
    """The time that the feature is computed for."""
    feature: Feature
    """The definition."""


@dataclass(frozen=True)
class Part:
    """One value of a state."""

    of_rows: Column
    """Made of rows: an aggregate."""
    of_parts: Callable[[Column], Column]
    """Made of the same part of several states: an aggregate of a column."""


@dataclass(frozen=True)
class State:
    """What is kept of some rows, and what it tells."""

    parts: Mapping[str, Part]
    finish: Callable[[Mapping[str, Column]], Column]
    """The feature, from the parts by their names."""


Kind = Literal["any", "number", "condition"]
_TAKES: Mapping[Kind, tuple[type[T.DataType], ...]] = {
    "any": (T.AtomicType, T.NullType),
    "number": (T.NumericType,),
    "condition": (T.BooleanType,),
}


@dataclass(frozen=True)
class Aggregate:
    """A registered aggregate."""

    state: Callable[[Values], State]
    takes: Kind
    """What its argument is."""
    empty: int | None
    """What it tells of a window without a value."""
    setting: str | None
    """The setting of a feature that it needs."""
    ages: bool
    """Whether its state depends on the as_of, so that another as_of cannot be told from it."""

    def check(self, table: FeatureTable, name: str, kind: T.DataType) -> None:
        """FeatureError unless it can take what a feature gives it."""
        if not isinstance(kind, _TAKES[self.takes]):
            feature = table.features[name]
            raise FeatureError(
                f"The feature {name} of {table.name} cannot be computed.",
                where=table.at("features", name),
                found=f"{feature.argument} is {kind.simpleString()}",
                expected=f"a {'value' if self.takes == 'any' else self.takes}, for {feature.aggregate}",
            )


AGGREGATES: dict[str, Aggregate] = {}


def aggregate(
    name: str, takes: Kind = "any", *, empty: int | None = None, setting: str | None = None, ages: bool = False
) -> Callable[[Callable[[Values], State]], Callable[[Values], State]]:
    """Register an aggregate.

    Args:
        name: Its name in YAML.
        takes: What its argument is.
        empty: What it tells of a window without a value: 0, or NULL.
        setting: The setting of a feature that it needs, and that no other feature may have: a field of `Feature`.
        ages: Whether its state depends on the as_of.
    """

    def register(function: Callable[[Values], State]) -> Callable[[Values], State]:
        AGGREGATES[name] = Aggregate(function, takes, empty, setting, ages)
        return function

    return register


def check_aggregates(table: FeatureTable) -> None:
    """Raise ConfigError where a feature names an aggregate that does not exist, or lacks the setting it needs."""
    settings = {found.setting for found in AGGREGATES.values() if found.setting}
    for name, feature in table.features.items():
        if feature.is_expression:
            continue
        if feature.aggregate not in AGGREGATES:
            raise table.error(
                f"There is no aggregate {feature.aggregate!r}.",
                "features", name, feature.aggregate,
                found=feature.aggregate,
                expected=nearest(feature.aggregate, AGGREGATES),
            )  # fmt: skip
        needed = AGGREGATES[feature.aggregate].setting
        given = {setting for setting in settings if getattr(feature, setting) is not None}
        if given != ({needed} if needed else set()):
            raise table.error(
                f"The feature {name!r} does not have the settings of {feature.aggregate}.", "features", name,
                found=", ".join(sorted(given)) or "none", expected=needed or "none",
            )  # fmt: skip


@aggregate("count", empty=0)
def _count(values: Values) -> State:
    """Rows with a value (all rows for `*`), 0 when there is none."""
    return State({"n": _n(values)}, lambda of: of["n"])


@aggregate("sum", "number")
def _sum(values: Values) -> State:
    """Sum, NULL when there is no value."""
    return State({"sum": _total(values)}, lambda of: of["sum"] if _whole(values) else of["sum"].cast("double"))


@aggregate("mean", "number")
def _mean(values: Values) -> State:
    """Arithmetic mean, NULL when there is no value."""
    return State({"sum": _total(values), "n": _n(values)}, lambda of: F.try_divide(of["sum"].cast("double"), of["n"]))


@aggregate("min")
def _min(values: Values) -> State:
    """Least value."""
    return State({"least": Part(F.min(values.value), F.min)}, lambda of: of["least"])


@aggregate("max")
def _max(values: Values) -> State:
    """Greatest value."""
    return State({"most": Part(F.max(values.value), F.max)}, lambda of: of["most"])


@aggregate("variance", "number")
def _variance(values: Values) -> State:
    """Sample variance from exact sums, NULL for fewer than two values."""
    return State(_moments(values), _spread)


@aggregate("stddev", "number")
def _stddev(values: Values) -> State:
    """Sample standard deviation from exact sums, NULL for fewer than two values."""
    return State(_moments(values), lambda of: F.sqrt(_spread(of)))


@aggregate("rate", "condition")
def _rate(values: Values) -> State:
    """Share of rows for which a condition holds, of those where it is not NULL; between 0 and 1."""
    holds = Part(F.count_if(values.value), _sum_of_counts)
    return State({"holds": holds, "n": _n(values)}, lambda of: F.try_divide(of["holds"].cast("double"), of["n"]))


@aggregate("first")
def _first(values: Values) -> State:
    """The oldest value that is not NULL."""
    return State({"first": _at_end(values, F.min)}, lambda of: of["first"]["value"])


@aggregate("last")
def _last(values: Values) -> State:
    """The newest value that is not NULL."""
    return State({"last": _at_end(values, F.max)}, lambda of: of["last"]["value"])


@aggregate("first_age")
def _first_age(values: Values) -> State:
    """Hours from the event of the oldest value that is not NULL to the as_of."""
    return State({"first": _at_end(values, F.min)}, lambda of: _hours(of["first"]["time"], values.as_of))


@aggregate("last_age")
def _last_age(values: Values) -> State:
    """Hours from the event of the newest value that is not NULL to the as_of."""
    return State({"last": _at_end(values, F.max)}, lambda of: _hours(of["last"]["time"], values.as_of))


@aggregate("distinct", empty=0)
def _distinct(values: Values) -> State:
    """How many different values, exactly; 0 when there is none."""
    return State({"counts": _counts(values.value)}, lambda of: F.size(of["counts"]).cast("bigint"))


@aggregate("distinct_approx", empty=0)
def _distinct_approx(values: Values) -> State:
    """How many different values, by a HyperLogLog sketch of 4,096 registers: within 1.6% for two values of three."""
    hashed = F.when(values.value.isNotNull(), F.xxhash64(values.value))  # the sketch itself takes no empty text
    sketch = Part(F.hll_sketch_agg(hashed), F.hll_union_agg)
    # Estimated from a union always: what a sketch of rows tells depends on their order.
    return State({"sketch": sketch}, lambda of: F.hll_sketch_estimate(F.hll_union(of["sketch"], of["sketch"])))


@aggregate("most_frequent")
def _most_frequent(values: Values) -> State:
    """The value that is there most often; of several the least."""

    def finish(of: Mapping[str, Column]) -> Column:
        pairs = F.transform(
            of["counts"], lambda each, at: F.struct(each["n"].alias("n"), (-at).alias("at"), each["value"])
        )
        return F.array_max(pairs)["value"]

    return State({"counts": _counts(values.value)}, finish)


@aggregate("top_share", setting="k")
def _top_share(values: Values) -> State:
    """Share of rows that have one of the `k` most frequent values, of those with a value."""

    def finish(of: Mapping[str, Column]) -> Column:
        most = F.slice(F.reverse(F.array_sort(of["counts"]["n"])), 1, values.feature.k or 1)
        return F.try_divide(_added(most).cast("double"), _added(of["counts"]["n"]))

    return State({"counts": _counts(values.value)}, finish)


@aggregate("quantile", "number", setting="q")
def _quantile(values: Values) -> State:
    """The value that a share `q` of the values is not above, within 1% of it.

    By DDSketch (Masson, Rim, Lee, VLDB 2019): values are counted in buckets whose ends grow by 2%. Unlike sketches that
    draw lots, it tells the same of the same values whatever their order.
    """
    number = values.value.cast("double")
    size = F.abs(number)
    bucket = F.signum(number).cast("bigint") * (F.ceil(F.ln(size) / F.lit(_LOG_GAMMA)) + _MIDDLE)
    buckets = F.when(size < float("inf"), F.when(size > 0, bucket).otherwise(F.lit(0).cast("bigint")))

    def finish(of: Mapping[str, Column]) -> Column:
        nothing = F.struct(F.lit(0).cast("bigint").alias("seen"), F.lit(None).cast("bigint").alias("bucket"))

        def at(rank: Column) -> Column:
            def step(told: Column, each: Column) -> Column:
                seen = told["seen"] + each["n"]
                reached = F.coalesce(told["bucket"], F.when(seen > rank, each["value"]))
                return F.struct(seen.alias("seen"), reached.alias("bucket"))

            return F.aggregate(of["counts"], nothing, step)["bucket"]

        found = _let(F.floor(F.lit(values.feature.q) * (_added(of["counts"]["n"]) - 1)), at)
        middle = F.exp((F.abs(found) - _MIDDLE) * F.lit(_LOG_GAMMA)) * F.lit(1 - ACCURACY)
        return F.when(found == 0, F.lit(0.0)).otherwise(F.signum(found) * middle)

    return State({"counts": _counts(buckets)}, finish)


@aggregate("decayed_sum", "number", setting="half_life", ages=True)
def _decayed_sum(values: Values) -> State:
    """Sum in which a value weighs half as much for every `half_life` that has passed since its event."""
    half_lives = _hours(values.time, values.as_of) / F.lit(
        (values.feature.half_life or timedelta(0)) / timedelta(hours=1)
    )
    decayed = (values.value.cast("double") * F.pow(F.lit(2.0), -half_lives)).cast("decimal(28,9)")
    return State({"sum": Part(F.sum(decayed), F.sum)}, lambda of: of["sum"].cast("double"))


@aggregate("trend", "number", ages=True)
def _trend(values: Values) -> State:
    """By how much the value grows a day: the slope of a straight line by least squares over the events' times.

    NULL where all values are of one time.
    """
    age = F.when(values.value.isNotNull(), _hours(values.time, values.as_of))
    value = values.value.cast("double")
    sums = {"age": age, "value": value, "squares": age * age, "products": age * value}
    parts = {name: Part(F.sum(each.cast("decimal(28,9)")), F.sum) for name, each in sums.items()}

    def finish(of: Mapping[str, Column]) -> Column:
        age, value, squares, products = (of[name].cast("double") for name in sums)
        slope = F.try_divide(of["n"] * products - age * value, of["n"] * squares - age * age)
        return F.when(of["oldest"] > of["newest"], slope * F.lit(-24.0))

    return State(
        {**parts, "n": _n(values), "oldest": Part(F.max(age), F.max), "newest": Part(F.min(age), F.min)}, finish
    )


def _whole(values: Values) -> bool:
    return isinstance(values.type, T.IntegralType)


def _exact(values: Values) -> Column:
    return values.value.cast("bigint") if _whole(values) else values.value.cast("decimal(28,9)")


def _n(values: Values) -> Part:
    return Part(F.count(values.value), _sum_of_counts)


def _sum_of_counts(parts: Column) -> Column:
    return F.coalesce(F.sum(parts), F.lit(0).cast("bigint"))


def _total(values: Values) -> Part:
    return Part(F.sum(_exact(values)), F.sum)


def _moments(values: Values) -> dict[str, Part]:
    """Number, sum and sum of squares."""
    exact = _exact(values)
    square = (
        exact.cast("decimal(19,0)") * exact.cast("decimal(19,0)")
        if _whole(values)
        else (values.value.cast("double") * values.value.cast("double")).cast("decimal(28,9)")
    )
    return {"n": _n(values), "sum": _total(values), "squares": Part(F.sum(square), F.sum)}


def _spread(of: Mapping[str, Column]) -> Column:
    total = of["sum"].cast("double")
    spread = F.greatest(F.lit(0.0), of["squares"].cast("double") - F.try_divide(total * total, of["n"]))
    return F.when(of["n"] > 1, F.try_divide(spread, of["n"] - 1))


def _at_end(values: Values, end: Callable[[Column], Column]) -> Part:
    """The row at one end of time that has a value."""
    row = F.struct(values.order.alias("order"), values.time.alias("time"), values.value.alias("value"))
    return Part(end(F.when(values.value.isNotNull(), row)), end)


def _hours(since: Column, until: Column) -> Column:
    return (F.unix_micros(until) - F.unix_micros(since)) / F.lit(3_600_000_000.0)


def _counts(value: Column) -> Part:
    """Every different value with how often it is there, by value. As large as there are different values."""

    def counted(sorted_pairs: Column) -> Column:
        """One pair of each run of pairs of the same value: a pass over them."""
        places = F.when(F.size(sorted_pairs) > 0, F.sequence(F.lit(0), F.size(sorted_pairs) - 1)).otherwise(F.array())
        starts = F.filter(
            places, lambda at: (at == 0) | (F.get(sorted_pairs, at)["value"] != F.get(sorted_pairs, at - 1)["value"])
        )
        return _let(
            starts,
            lambda starts: F.transform(
                starts,
                lambda start, at: F.struct(
                    F.get(sorted_pairs, start)["value"].alias("value"),
                    _added(
                        F.slice(
                            sorted_pairs,
                            start + 1,
                            F.coalesce(F.get(starts, at + 1), F.size(sorted_pairs)) - start,
                        )["n"]
                    ).alias("n"),
                ),
            ),
        )

    def of_pairs(pairs: Column) -> Column:
        return _let(F.array_sort(pairs), counted)

    ones = F.transform(
        F.collect_list(value), lambda each: F.struct(each.alias("value"), F.lit(1).cast("bigint").alias("n"))
    )
    return Part(of_pairs(ones), lambda parts: of_pairs(F.flatten(F.collect_list(parts))))


def _let(value: Column, then: Callable[[Column], Column]) -> Column:
    """What is said of a value, which is worked out once: inside a lambda it would be for every element."""
    return F.get(F.transform(F.array(value), then), F.lit(0))


def _added(numbers: Column) -> Column:
    """The sum of an array of whole numbers; 0 of an empty one."""
    return F.aggregate(numbers, F.lit(0).cast("bigint"), lambda total, number: total + number)
