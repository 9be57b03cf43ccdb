"""The contract as a suite, and the counts of a pass as its validation result."""

import json
import warnings
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module

import pytest

from silver.expectations import BatchResult, CheckResult, suite, validation

CHECKS = (
    CheckResult("type", "dep_delay", {"type": "int"}, 900, 20, 0),
    CheckResult("min", "dep_delay", {"min": -120, "unit": "minutes"}, 900, 20, 2, ("-500", "-121")),
    CheckResult("max", "dep_delay", {"max": 3000, "unit": "minutes"}, 900, 20, 1, ("4000",)),
    CheckResult("required", "carrier", {}, 900, 0, 0),
    CheckResult("allowed", "origin", {"allowed": ["EWR", "JFK", "LGA"]}, 900, 0, 3, ("", "XXX")),
    CheckResult("pattern", "tailnum", {"pattern": "N[0-9]+|D942DN", "severity": "flag"}, 900, 9, 0),
    CheckResult("unique", None, {"key": ["carrier", "flight"]}, 900, 0, 0),
    CheckResult("record", None, {}, 900, 0, 1, ("AA,1",)),
    CheckResult("leaves_first", None, {"check": "arr_delay is null or dep_delay is not null"}, 900, 0, 0),
)
BATCH = BatchResult(
    lakehouse="flights",
    source="outcomes",
    description="What happened to each flight.",
    batch=7,
    as_of=datetime(2013, 3, 1, tzinfo=UTC),
    run_id="silver-1",
    rows=900,
    checks=CHECKS,
)


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    """The library's own imports warn of what they use; what it does for us afterwards may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("great_expectations")


def kinds(checks: Iterable[CheckResult]) -> list[tuple[str, dict[str, object], str]]:
    """Type, arguments and sentence of each expectation of a suite of these checks."""
    made = suite("outcomes", checks).to_json_dict()["expectations"]
    return [(each["type"], each["kwargs"], each["description"]) for each in made]


def test_suite_states_every_check() -> None:
    assert kinds(CHECKS) == [
        (
            "expect_column_values_to_be_of_type",
            {"column": "dep_delay", "type_": "int"},
            "dep_delay can be read as int",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "dep_delay", "min_value": -120.0, "max_value": 3000.0},
            "dep_delay is at least -120 minutes and at most 3000 minutes",
        ),
        ("expect_column_values_to_not_be_null", {"column": "carrier"}, "carrier is always given"),
        (
            "expect_column_values_to_be_in_set",
            {"column": "origin", "value_set": ["EWR", "JFK", "LGA"]},
            "origin is one of EWR, JFK, LGA",
        ),
        (
            "expect_column_values_to_match_regex",
            {"column": "tailnum", "regex": "^(?:N[0-9]+|D942DN)$"},
            "tailnum as a whole matches N[0-9]+|D942DN",
        ),
        (
            "expect_compound_columns_to_be_unique",
            {"column_list": ["carrier", "flight"]},
            "one row per carrier, flight",
        ),
        (
            "unexpected_rows_expectation",
            {
                "unexpected_rows_query": "SELECT * FROM {batch} WHERE "
                "exists(reasons, r -> r.`check` IN ('record') AND r.`column` IS NULL)"
            },
            "every raw record can be read",
        ),
        (
            "unexpected_rows_expectation",
            {
                "unexpected_rows_query": "SELECT * FROM {batch} WHERE "
                "exists(reasons, r -> r.`check` IN ('leaves_first') AND r.`column` IS NULL)"
            },
            "leaves_first: arr_delay is null or dep_delay is not null",
        ),
    ]


@pytest.mark.parametrize(
    ("settings", "low", "high", "sentence"),
    [
        ({"min": 1}, 1.0, None, "x is at least 1"),
        ({"max": Decimal("0.5")}, None, 0.5, "x is at most 0.5"),
        ({"min": date(2013, 1, 1)}, "2013-01-01", None, "x is at least 2013-01-01"),
    ],
)
def test_suite_takes_one_sided_bounds_of_any_type(
    settings: dict[str, object], low: float | None, high: float | None, sentence: str
) -> None:
    [(kind, arguments, said)] = kinds([CheckResult(next(iter(settings)), "x", settings, 1, 0, 0)])

    assert kind == "expect_column_values_to_be_between"
    assert (arguments.get("min_value"), arguments.get("max_value"), said) == (low, high, sentence)


def test_suite_states_what_the_library_has_no_expectation_for() -> None:
    settings = {"allowed": {"source": "airlines", "column": "carrier"}}

    [(kind, arguments, _)] = kinds([CheckResult("allowed", "carrier", settings, 1, 0, 0)])
    [(_, odd, _)] = kinds([CheckResult("it's {odd}", None, {}, 1, 0, 0)])

    assert kind == "unexpected_rows_expectation"
    assert "r.`column` = 'carrier'" in str(arguments["unexpected_rows_query"])
    query = str(odd["unexpected_rows_query"]).format(batch="t")
    assert query.startswith("SELECT * FROM t WHERE ")
    assert "('it\\'s {odd}')" in query


def test_suite_states_the_length_of_texts() -> None:
    found = [CheckResult("length", "x", {"length": {"min": 2, "max": most}}, 1, 0, 0) for most in (2, 6, None)]
    assert kinds(found) == [
        ("expect_column_value_lengths_to_be_between", {"column": "x", "min_value": 2, "max_value": 2}, "x has 2 characters"),
        ("expect_column_value_lengths_to_be_between", {"column": "x", "min_value": 2, "max_value": 6}, "x has 2 to 6 characters"),
        ("expect_column_value_lengths_to_be_between", {"column": "x", "min_value": 2}, "x has 2 characters or more"),
    ]  # fmt: skip


def test_suite_of_one_column_key_is_a_unique_column() -> None:
    [(kind, arguments, _)] = kinds([CheckResult("unique", None, {"key": ["tailnum"]}, 1, 0, 0)])

    assert (kind, arguments) == ("expect_column_values_to_be_unique", {"column": "tailnum"})


def test_suite_depends_on_the_contract_alone() -> None:
    counted = [replace(check, failed=5, evaluated=77, examples=("x",)) for check in CHECKS]

    assert suite("outcomes", CHECKS).to_json_dict() == suite("outcomes", counted).to_json_dict()
    assert suite("outcomes", CHECKS[1:]).to_json_dict() != suite("outcomes", CHECKS).to_json_dict()


def test_suite_says_how_severe_a_failure_is_and_what_the_contract_wrote() -> None:
    made = {each.configuration.type: each for each in suite("outcomes", CHECKS).expectations}
    pattern = made["expect_column_values_to_match_regex"]

    assert pattern.severity == "warning"
    assert made["expect_column_values_to_not_be_null"].severity == "critical"
    assert pattern.meta == {
        "checks": ["pattern"],
        "settings": {"pattern": "N[0-9]+|D942DN", "severity": "flag"},
    }


def test_validation_holds_the_counts() -> None:
    found = validation(BATCH)
    bounds = found.results[1]

    assert not found.success
    assert found.statistics["evaluated_expectations"] == 8
    assert found.statistics["unsuccessful_expectations"] == 3
    assert [each.success for each in found.results] == [True, False, True, False, True, True, False, True]
    assert bounds.result == {
        "element_count": 900,
        "missing_count": 20,
        "missing_percent": pytest.approx(100 * 20 / 900),
        "unexpected_count": 3,
        "unexpected_percent": pytest.approx(100 * 3 / 880),
        "unexpected_percent_total": pytest.approx(100 * 3 / 900),
        "unexpected_percent_nonmissing": pytest.approx(100 * 3 / 880),
        "partial_unexpected_list": ["-500", "-121", "4000"],
        "unexpected_index_query": "SELECT * FROM silver.outcomes__quarantine WHERE batch = 7 AND "
        "exists(reasons, r -> r.`check` IN ('min', 'max') AND r.`column` = 'dep_delay')",
    }


def test_validation_is_named_by_run_and_as_of_in_utc() -> None:
    found = validation(replace(BATCH, as_of=datetime.fromisoformat("2013-03-01T02:00:00+02:00")))

    assert found.meta["run_id"] == {"run_name": "run silver-1", "run_time": "2013-03-01T00:00:00+00:00"}
    assert json.dumps(found.to_json_dict()) == json.dumps(validation(BATCH).to_json_dict())


def test_validation_of_an_empty_day_passes() -> None:
    empty = replace(
        BATCH, rows=0, checks=tuple(replace(c, evaluated=0, missing=0, failed=0, examples=()) for c in CHECKS)
    )

    found = validation(empty)

    assert found.success
    assert found.results[0].result["unexpected_percent"] == 0.0
    assert validation(replace(empty, checks=())).success
