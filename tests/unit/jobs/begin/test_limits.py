"""Checks that hold for what was seen, with room for what was not."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from jobs.begin.limits import _round, limits
from jobs.begin.source import Proposed

SourceOf = Callable[[Mapping[str, str]], Proposed]


@pytest.mark.parametrize(
    ("value", "rounded"), [(2, 2), (240 * 2, 500), (30, 50), (0.06, 0.1), (1e-7, 1e-7), (4026, 5000), (10**14, 10**14)]
)
def test_a_limit_is_a_round_number(value: float, rounded: float) -> None:
    assert _round(value) == rounded


@pytest.mark.parametrize(
    ("name", "texts", "settings"),
    [
        ("n", ["3", "150"], {"required": True, "min": 0, "max": 2000}),
        ("month", ["1", "2"], {"required": True, "min": -100, "max": 100}),
        ("n", ["0", "0.03"], {"required": True, "min": 0, "max": 0.5}),
        ("temperature", ["23", "57.5"], {"required": True, "min": -1000, "max": 1000}),
        ("n", ["-3", "0.5"], {"required": True, "min": -50, "max": 50}),
        ("n", ["-3", "-2", ""], {"min": -100, "max": 100}),
        ("n", ["0"], {"required": True}),
        ("customer_id", ["3", "15"], {"required": True}),
        ("n", ["2", "1" + "0" * 17], {"required": True}),
        ("t", ["a", "b", ""], {}),
        ("kind", ["a", "no"] * 200, {"required": True, "allowed": ["a", "no"]}),
        ("kind", ["a"] * 390 + ["b"] * 19, {"required": True}),
        ("kind", ["a", "b"] * 199, {"required": True}),
        ("kind", ["a"] * 400, {"required": True}),
        ("ok", ["true", "false"] * 200, {"required": True}),
    ],
)
def test_what_was_seen_holds_with_room(
    source_of: SourceOf, name: str, texts: list[str], settings: dict[str, Any]
) -> None:
    source = source_of({"a.csv": f"{name},nr\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts))})
    found, _ = limits(source.columns[0], in_key=False)
    assert found == settings


def test_what_was_seen_is_told(source_of: SourceOf) -> None:
    source = source_of({"a.csv": "n,kind\n1,a\n,b\n1200,c\n"})
    assert [limits(column, in_key=False)[1] for column in source.columns] == [
        "missing in 1 of 3; 1 to 1,200", "never missing; 3 different",
    ]  # fmt: skip
