"""Errors say what, where, found, expected and what to do; each class has its exit code."""

import pytest

from assay import errors
from assay.errors import AssayError, ConfigError, nearest


def test_error_is_told_on_a_few_lines() -> None:
    error = ConfigError(
        "There is no source 'wether'.", where="a.yml:3", found="wether", expected="weather", do="correct it"
    )
    assert str(error) == (
        "There is no source 'wether'.\n"
        "  where:    a.yml:3\n"
        "  found:    wether\n"
        "  expected: weather\n"
        "  do:       correct it"
    )


def test_error_leaves_out_what_is_not_known_but_keeps_a_zero() -> None:
    assert str(AssayError("Too few rows.", found=0)) == "Too few rows.\n  found:    0"
    assert str(AssayError("Nothing more to say.")) == "Nothing more to say."


def test_every_error_has_an_exit_code_of_its_own() -> None:
    kinds = {kind.__name__: kind.exit_code for kind in AssayError.__subclasses__()}
    assert kinds == {
        "ConfigError": 2,
        "SourceError": 3,
        "ContractError": 4,
        "TableError": 5,
        "FeatureError": 6,
        "ModelError": 7,
        "GateError": 8,
        "DbtError": 9,
        "AlertError": 10,
        "DrillError": 11,
        "BusyError": 75,
        "TimeLimitError": 124,
        "StoppedError": 143,
    }
    assert all(issubclass(getattr(errors, name), AssayError) for name in kinds)


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("wether", ["schedule", "weather"], "did you mean 'weather'?"),
        ("xyz", ["weather", "schedule"], "known: schedule, weather"),
        ("xyz", [], "known: "),
    ],
)
def test_nearest_names_the_closest_or_all(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint
