"""The JSON Schemas that are shipped are those of the models, and they know the files of the flights."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from assay.config.schema import schemas

SHIPPED = Path("docs/schemas")
FILES = [
    *(("source", path) for path in sorted(Path("conf/flights/sources").glob("*.yml"))),
    *(("features", path) for path in sorted(Path("conf/flights/features").glob("*.yml"))),
    *(("model", path) for path in sorted(Path("conf/flights/models").glob("*.yml"))),
    *(("environment", path) for path in sorted(Path("conf/env").glob("*.yml"))),
    ("lakehouse", Path("conf/flights/lakehouse.yml")),
]
SOURCE = {"description": "d", "from": {"files": "x.csv"}, "key": ["a"], "columns": {"a": {"type": "int"}}}
FEATURES = {"description": "d", "entity": {"e": ["a"]}, "source": "s", "windows": ["7d"]}


def faults(kind: str, data: Any) -> list[str]:
    """What the schema has to say of a file's content."""
    validator = jsonschema.Draft202012Validator(schemas()[kind])
    return sorted(error.message for error in validator.iter_errors(data))


def test_shipped_schemas_are_those_of_the_models() -> None:
    found = {path.stem: json.loads(path.read_text()) for path in SHIPPED.glob("*.json")}
    assert found == schemas(), "run `assay schema`"


@pytest.mark.parametrize("kind", schemas())
def test_schema_is_itself_valid(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[kind])


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[str(path) for _, path in FILES])
def test_schema_accepts_the_files_of_the_flights(kind: str, path: Path) -> None:
    assert faults(kind, yaml.safe_load(path.read_text())) == []


def test_schema_accepts_short_forms() -> None:
    assert faults("source", {**SOURCE, "derived": {"b": "a + 1", "c": {"expr": "a", "required": True}}}) == []
    assert (
        faults("features", {**FEATURES, "features": {"n": {"count": "*", "description": "d", "windows": ["1d"]}}}) == []
    )


@pytest.mark.parametrize(
    ("kind", "data", "fault"),
    [
        ("source", {**SOURCE, "ky": ["a"]}, "Additional properties are not allowed ('ky' was unexpected)"),
        ("source", {**SOURCE, "columns": {"a": {}}}, "'type' is a required property"),
        ("source", {**SOURCE, "derived": {"b": 1}}, "1 is not valid under any of the given schemas"),
        ("features", {**FEATURES, "windows": ["7 days"], "features": {}}, "'7 days' does not match"),
        ("features", {**FEATURES, "features": {"n": {"count": "*"}}}, "'description' is a required property"),
        ("features", {**FEATURES, "features": {"n": {"description": "d"}}}, "does not have enough properties"),
        ("lakehouse", {"name": "x"}, "'description' is a required property"),
        ("environment", {"sparc": {}}, "Additional properties are not allowed ('sparc' was unexpected)"),
    ],
)
def test_schema_tells_what_is_wrong(kind: str, data: object, fault: str) -> None:
    assert any(fault in told for told in faults(kind, data))
