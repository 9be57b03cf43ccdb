"""A feature table, read from its file."""

from datetime import timedelta
from pathlib import Path

import pytest

from assay.config.features import FeatureColumn, FeatureTable
from assay.config.load import read_document
from assay.errors import ConfigError
from gold.aggregates import AGGREGATES, check_aggregates

GOOD = """\
description: How late a route's flights have been.
entity: {route: [origin, dest]}
source: outcomes
windows: [1d, 7d]
features:
  flights: {count: "*", description: Flights}
  spread: {stddev: arr_delay, windows: [2w], where: not cancelled, description: Spread}
  newest: {last: arr_delay, within: 28d, description: Newest}
  first_seen: {min: year, within: lifetime, description: First seen}
"""


def read(folder: Path, text: str) -> FeatureTable:
    path = folder / "routes.yml"
    path.write_text(text)
    return read_document(path, FeatureTable, name="routes")


def refusal(folder: Path, text: str) -> tuple[str, str]:
    """What is wrong and where, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return caught.value.what.removeprefix("The configuration is not valid: "), caught.value.where.removeprefix(
        f"{folder}/"
    )


def with_flights(feature: str) -> str:
    return GOOD.replace('{count: "*", description: Flights}', feature)


def test_feature_table_has_one_column_per_feature_and_window(tmp_path: Path) -> None:
    table = read(tmp_path, GOOD)
    assert table.keys == ("origin", "dest")
    assert table.delay == timedelta(0)
    assert table.output == (
        FeatureColumn("flights_1d", "flights", timedelta(days=1)),
        FeatureColumn("flights_7d", "flights", timedelta(days=7)),
        FeatureColumn("spread_14d", "spread", timedelta(days=14)),
        FeatureColumn("newest", "newest", timedelta(days=28)),
        FeatureColumn("first_seen", "first_seen", None),
    )


def test_feature_is_an_aggregate_and_its_argument(tmp_path: Path) -> None:
    features = read(tmp_path, GOOD).features
    assert {name: (feature.aggregate, feature.argument, feature.where) for name, feature in features.items()} == {
        "flights": ("count", "*", None),
        "spread": ("stddev", "arr_delay", "not cancelled"),
        "newest": ("last", "arr_delay", None),
        "first_seen": ("min", "year", None),
    }


def test_unknown_aggregate_is_answered_with_line_and_nearest_name(tmp_path: Path) -> None:
    table = read(tmp_path, with_flights("{maen: arr_delay, description: Mean}"))
    with pytest.raises(ConfigError) as caught:
        check_aggregates(table)
    error = caught.value
    assert (error.what, error.where, error.found, error.expected) == (
        "There is no aggregate 'maen'.",
        f"{tmp_path}/routes.yml:6, key features.flights.maen",
        "maen",
        "did you mean 'mean'?",
    )


def test_every_aggregate_of_the_design_is_known() -> None:
    assert set(AGGREGATES) == {
        "count", "sum", "mean", "min", "max", "variance", "stddev", "rate", "first", "first_age", "last", "last_age",
        "distinct", "distinct_approx", "most_frequent", "top_share", "quantile", "decayed_sum", "trend",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "what"),
    [
        (
            "{mean: x, descripton: Mean}",
            "a feature names exactly one aggregate, found mean, descripton; 'descripton': did you mean 'description'?",
        ),
        (
            "{mean: x, max: x, description: Both}",
            "a feature names exactly one aggregate, found mean, max; as in {mean: arr_delay}.",
        ),
        ("{description: None}", "a feature names exactly one aggregate, found none; as in {mean: arr_delay}."),
        (
            "{expression: a / b, where: c, description: Both}",
            "an expression has no where, windows, within, by, q, k or half_life: its features have them.",
        ),
        ("{count: '*', by: {a: [1], b: [2]}, description: Both}", "by names one column: {by: {origin: [EWR, JFK]}}."),
        ("{mean: x, windows: [1d], within: 1d, description: Both}", "windows and within exclude each other."),
    ],
)
def test_feature_that_makes_no_sense_is_refused_at_its_line(tmp_path: Path, feature: str, what: str) -> None:
    assert refusal(tmp_path, with_flights(feature)) == (what, "routes.yml:6, key features.flights")


@pytest.mark.parametrize("duration", ["7", "7 days", "-7d", "week", "1h30m"])
def test_bad_duration_is_refused_at_its_line(tmp_path: Path, duration: str) -> None:
    what, where = refusal(tmp_path, GOOD.replace("windows: [1d, 7d]", f'windows:\n  - 1d\n  - "{duration}"'))
    assert what == f"'{duration}' is not a duration: a whole number and one of s, m, h, d, w, as in 7d."
    assert where == "routes.yml:6, key windows.1"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            GOOD.replace("windows: [1d, 7d]\n", ""),
            "feature 'flights' has no window: give windows here or for the table, or within.",
        ),
        (GOOD.replace("windows: [1d, 7d]", "windows: [7d, 1w]"), "features named twice: flights_7d."),
        (GOOD.replace("newest:", "dest:"), "features named like a key or a time column: dest."),
        (GOOD.replace("newest:", "event_timestamp:"), "features named like a key or a time column: event_timestamp."),
    ],
)
def test_feature_columns_have_names_of_their_own(tmp_path: Path, text: str, what: str) -> None:
    assert refusal(tmp_path, text) == (what, "routes.yml")


@pytest.mark.parametrize("entity", ["{}", "{a: [a], b: [b]}", "{route: []}"])
def test_feature_table_has_one_entity_with_a_key(tmp_path: Path, entity: str) -> None:
    assert refusal(tmp_path, GOOD.replace("{route: [origin, dest]}", entity)) == (
        "a feature table has one entity, with at least one key column: {carrier: [carrier]}.",
        "routes.yml:2, key entity",
    )
