"""What every configuration model shares: names, known keys, and where a key stands."""

import pytest
from pydantic import TypeAdapter, ValidationError

from assay.config.base import Identifier, Origin

ORIGIN = Origin("a.yml", {("features",): 3, ("features", "x"): 4, ("windows", 0): 9})


@pytest.mark.parametrize("name", ["a", "tail_delays", "_x", "A1", "x" * 63])
def test_identifier_takes_a_name(name: str) -> None:
    assert TypeAdapter(Identifier).validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "1a", "a-b", "a b", "a.b", "a`b", 'a"b', "a;drop", "a__b", "a\n", "é", "\u017fource", "x" * 64],
)
def test_identifier_refuses_what_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a name: letters, digits and single underscores"):
        TypeAdapter(Identifier).validate_python(name)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("features", "x"), "a.yml:4, key features.x"),
        (("features", "x", "mean"), "a.yml:4, key features.x.mean"),
        (("features", "y"), "a.yml:3, key features.y"),
        (("windows", 0), "a.yml:9, key windows.0"),
        (("nowhere",), "a.yml, key nowhere"),
        ((), "a.yml"),
    ],
)
def test_origin_tells_the_line_of_the_deepest_key_that_the_file_has(path: tuple[str | int, ...], told: str) -> None:
    assert ORIGIN.at(*path) == told
