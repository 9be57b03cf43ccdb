"""Aggregates on their own: each against plain Python, from rows and from states of any pieces of them; the registry."""

import math
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Feature, FeatureTable
from assay.errors import ConfigError, FeatureError
from gold import aggregates
from gold.aggregates import ACCURACY, AGGREGATES, Part, State, Values, aggregate, check_aggregates
from gold.plain import PLAIN, Window, agrees

AS_OF = datetime(2013, 3, 1, tzinfo=UTC)
FIRST = AS_OF - timedelta(hours=100)
Q, K = 0.75, 2
LONG, DOUBLE, FLAG, TEXT = T.LongType(), T.DoubleType(), T.BooleanType(), T.StringType()
DRAWN: dict[str, tuple[T.DataType, list[Any]]] = {
    "long": (LONG, [None, -3, 0, 1, 1, 2, 7, 50_000]),
    "double": (DOUBLE, [None, 0.1, 0.2, 0.3, -2.5, 1e-7, 0.0, 1234.567891234, 1e9, -1e9]),
    "flag": (FLAG, [None, True, False, False]),
    "text": (TEXT, [None, "a", "b", "b", "ß", ""]),
}


def feature_of(name: str) -> Feature:
    settings: dict[str, dict[str, Any]] = {
        "quantile": {"q": Q},
        "top_share": {"k": K},
        "decayed_sum": {"half_life": "5h"},
    }
    return Feature.model_validate({name: "v", "description": "", **settings.get(name, {})})


def plain(name: str, values: list[Any]) -> Any:
    """What plain Python tells of some values."""
    events = [(FIRST + timedelta(hours=at), value) for at, value in enumerate(values) if value is not None]
    return PLAIN[name](Window(events, AS_OF, feature_of(name)))


def state_of(name: str, kind: T.DataType) -> State:
    order, time = F.struct("place"), F.expr(f"timestamp'{FIRST:%Y-%m-%dT%H:%M:%SZ}' + make_dt_interval(0, place)")
    as_of = F.lit(AS_OF)
    return AGGREGATES[name].state(Values(F.col("v"), kind, order, time, as_of, feature_of(name)))


def fitting(kind: T.DataType) -> list[str]:
    return [name for name, found in AGGREGATES.items() if isinstance(kind, aggregates._TAKES[found.takes])]


def frame(
    spark: SparkSession, kind: T.DataType, groups: dict[str, list[Any]], pieces: Random | None = None
) -> DataFrame:
    """Rows of some groups; the place in the list is the order, and the hours since FIRST."""
    rows = [
        (group, place, value, pieces.randint(0, 3) if pieces else 0)
        for group, values in groups.items()
        for place, value in enumerate(values)
    ]
    return spark.createDataFrame(
        rows, T.StructType().add("g", TEXT).add("place", "integer").add("v", kind).add("piece", "integer")
    )


def finished(states: dict[str, State], rows: DataFrame) -> dict[str, dict[str, Any]]:
    """Aggregate -> group -> its value, from a frame with the parts."""
    told = rows.select(
        "g",
        *[
            state.finish({part: F.col(f"{name}:{part}") for part in state.parts}).alias(name)
            for name, state in states.items()
        ],
    ).collect()
    return {name: {row["g"]: row[name] for row in told} for name in states}


def from_rows(states: dict[str, State], rows: DataFrame, *by: str) -> DataFrame:
    parts = [
        part.of_rows.alias(f"{name}:{label}") for name, state in states.items() for label, part in state.parts.items()
    ]
    return rows.groupBy("g", *by).agg(*parts)


def from_parts(states: dict[str, State], pieces: DataFrame) -> DataFrame:
    parts = [
        part.of_parts(F.col(f"{name}:{label}")).alias(f"{name}:{label}")
        for name, state in states.items()
        for label, part in state.parts.items()
    ]
    return pieces.groupBy("g").agg(*parts)


def aggregated(
    spark: SparkSession, kind: T.DataType, groups: dict[str, list[Any]], *names: str
) -> dict[str, dict[str, Any]]:
    states = {name: state_of(name, kind) for name in names or fitting(kind)}
    return finished(states, from_rows(states, frame(spark, kind, groups)))


@pytest.mark.parametrize("kind", DRAWN)
@settings(max_examples=1, phases=[Phase.generate])
@given(random=st.randoms(use_true_random=True))
def test_every_aggregate_tells_what_plain_python_does_and_the_same_of_any_pieces(
    spark: SparkSession, kind: str, random: Random
) -> None:
    type_, drawn = DRAWN[kind]
    groups = {str(n): random.choices(drawn, k=random.randint(1, 12)) for n in range(60)} | {"none": [None]}
    states = {name: state_of(name, type_) for name in fitting(type_)}
    rows = frame(spark, type_, groups, random).persist()
    try:
        found = finished(states, from_rows(states, rows))
        in_pieces = finished(states, from_parts(states, from_rows(states, rows, "piece").repartition(3)))
    finally:
        rows.unpersist()
    assert in_pieces == found
    for name in states:
        for group, values in groups.items():
            assert agrees(feature_of(name), found[name][group], plain(name, values)), (name, values, found[name][group])
    assert {found[name]["none"] for name in states if AGGREGATES[name].empty is None} <= {None}
    assert {found[name]["none"] for name in states if AGGREGATES[name].empty == 0} == {0}


def test_every_aggregate_is_there_in_plain_python() -> None:
    assert set(PLAIN) == set(AGGREGATES)


def test_aggregates_of_whole_numbers(spark: SparkSession) -> None:
    groups: dict[str, list[Any]] = {"some": [3, None, -1, 4], "one": [7], "none": [None], "large": [2**53, 1, 2**53]}
    found = aggregated(spark, LONG, groups)
    assert found["stddev"].pop("large") == pytest.approx(2**53 / 3**0.5)
    assert {name: found[name] for name in ("sum", "mean", "stddev")} == {
        "sum": {"some": 6, "one": 7, "none": None, "large": 2**54 + 1},
        "mean": {"some": 2.0, "one": 7.0, "none": None, "large": float(2**54) / 3},
        "stddev": {"some": 7**0.5, "one": None, "none": None},
    }
    assert found["variance"]["some"] == pytest.approx(7)


def test_sums_of_fractions_are_exact_whatever_the_order_and_partitions(spark: SparkSession) -> None:
    values = [0.1, 0.2, 0.3, 1e9, -1e9, 1234.567891234, 1e-9] * 20
    groups = {str(seed): Random(seed).sample(values, len(values)) for seed in range(20)}  # noqa: S311 - rows to shuffle, no secret
    found = aggregated(spark, DOUBLE, groups)
    assert set(found["sum"].values()) == {20 * 1235167891235 / 10**9}
    assert len(set(found["mean"].values())) == len(set(found["stddev"].values())) == 1


def test_sketches_of_many_values_are_as_near_as_they_say_whatever_the_order(spark: SparkSession) -> None:
    values = [1.001**n for n in range(12_000)]
    groups = {"up": values, "down": values[::-1]}
    found = aggregated(spark, DOUBLE, groups, "quantile", "distinct_approx")
    assert found["quantile"]["up"] == pytest.approx(sorted(values)[math.floor(Q * 11_999)], rel=ACCURACY)
    assert found["distinct_approx"]["up"] == pytest.approx(12_000, rel=0.05)
    assert len(set(found["quantile"].values())) == len(set(found["distinct_approx"].values())) == 1


def table(**feature: Any) -> FeatureTable:
    return FeatureTable.model_validate({
        "name": "delays", "description": "", "entity": {"carrier": ["carrier"]}, "source": "outcomes",
        "features": {"late": {"description": "", "within": "7d", **feature}},
    })  # fmt: skip


def test_check_aggregates_names_the_nearest_aggregate_there_is() -> None:
    check_aggregates(table(mean="delay"))
    with pytest.raises(ConfigError) as raised:
        check_aggregates(table(maen="delay"))
    assert (raised.value.what, raised.value.found, raised.value.expected) == (
        "There is no aggregate 'maen'.", "maen", "did you mean 'mean'?",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "found", "expected"),
    [
        ({"quantile": "delay"}, "none", "q"),
        ({"quantile": "delay", "q": 0.5, "k": 3}, "k, q", "q"),
        ({"mean": "delay", "q": 0.5}, "q", "none"),
    ],
)
def test_check_aggregates_says_which_setting_is_missing_or_too_many(
    feature: dict[str, Any], found: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        check_aggregates(table(**feature))
    assert (raised.value.found, raised.value.expected) == (found, expected)


def test_an_aggregate_says_what_it_does_not_take() -> None:
    with pytest.raises(FeatureError) as raised:
        AGGREGATES["mean"].check(table(mean="carrier"), "late", TEXT)
    assert (raised.value.found, raised.value.expected) == ("carrier is string", "a number, for mean")


def test_aggregate_makes_a_new_one_known(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "AGGREGATES", dict(AGGREGATES))

    @aggregate("any")
    def _any(values: Values) -> State:
        return State({"any": Part(F.any_value(values.value), F.any_value)}, lambda of: of["any"])

    check_aggregates(table(any="delay"))
    assert aggregates.AGGREGATES["any"].state is _any
