"""JSON Schemas of the configuration files, from their models."""

from typing import Any, get_args

from assay.config.base import Config
from assay.config.checks import Freshness, Handling, RowCheck, Severity
from assay.config.column import Column, Derived, Length
from assay.config.environment import Environment
from assay.config.features import Feature, FeatureTable
from assay.config.lakehouse import LakehouseFile
from assay.config.model import Model
from assay.config.source import Source
from assay.config.suites import UserSuite
from assay.times import DURATION_PATTERN

FILES: dict[str, type[Config]] = {
    "lakehouse": LakehouseFile,
    "source": Source,
    "features": FeatureTable,
    "model": Model,
    "environment": Environment,
}


_SHORT: dict[type[Config], dict[str, Any]] = {
    Derived: {"type": "string"},
    RowCheck: {"type": "string"},
    Handling: {"enum": list(get_args(Severity))},
    Length: {"type": "integer", "minimum": 0},
    Freshness: {"type": "string", "pattern": DURATION_PATTERN},
    UserSuite: {"type": "string"},
}
"""Models that can be written as one text."""


def schemas() -> dict[str, dict[str, Any]]:
    """File kind -> its JSON Schema, as a file of that kind is written: short forms allowed, `name` left to the file."""
    result = {}
    for kind, model in FILES.items():
        schema = model.model_json_schema(by_alias=True)
        if kind != "lakehouse":
            schema["properties"].pop("name", None)
            schema["required"] = [key for key in schema.get("required", []) if key != "name"]
        definitions = schema.get("$defs", {})
        if Feature.__name__ in definitions:
            _short_feature(definitions[Feature.__name__])
        for short, form in _SHORT.items():
            if short.__name__ in definitions:
                definitions[short.__name__] = {"anyOf": [form, definitions[short.__name__]]}
        if Column.__name__ in definitions:
            on_fail = definitions[Column.__name__]["properties"]["on_fail"]
            on_fail["anyOf"] = [
                {"$ref": "#/$defs/Handling"},
                {"type": on_fail.pop("type"), "additionalProperties": on_fail.pop("additionalProperties")},
            ]
        result[kind] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return result


def _short_feature(schema: dict[str, Any]) -> None:
    """A feature is written `{mean: arr_delay, …}`: the key that is no setting names the aggregate."""
    for name in ("aggregate", "argument"):
        schema["properties"].pop(name)
    schema["required"] = [key for key in schema["required"] if key not in ("aggregate", "argument")]
    schema["additionalProperties"] = {"type": ["string", "number"], "description": "An aggregate and its argument."}
    schema["minProperties"] = len(schema["required"]) + 1
