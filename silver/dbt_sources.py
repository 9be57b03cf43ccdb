"""The sources of silver for a dbt project, from the contracts: descriptions, columns, and what holds, as tests.

One test for each source looks at all that holds in one scan, and one for each reference at whether it leads to a record.
They have the tag `contract` and are no part of a night.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from assay.config import LakehouseConfig, Source
from assay.tables import literal, quoted
from silver.constraints import OURS_ONLY, is_certain, is_given

TAG = "contract"

_HEAD = """\
# Written by `assay contract dbt` from the contracts in conf/{name}: change those, then run it again.
# `meta.path` is the folder under the warehouse; `meta.current_of` is a view of the current rows of a versioned table.
# macros/lakehouse.sql names them before every run. The tests have the tag `{tag}`: `assay dbt test` runs them.
"""

_HISTORY = {
    "valid_from": "When this record became available.",
    "valid_to": "When the next version became available; NULL for the current one.",
    "fate": "version; or why the record is valid at no time: unchanged, duplicate, superseded.",
    "_flags": "Checks that the row breaks and was kept with; NULL for none.",
    "source_file": "The file it came from.",
    "source_position": "The line in it, or the number of the record.",
    "batch": "The batch that landed it.",
}
_QUARANTINE = {
    "reasons": "The checks that failed: check, column, value, message, severity.",
    "raw": "The raw values as JSON, or the text of a record that cannot be read.",
    **{name: _HISTORY[name] for name in ("source_file", "source_position", "batch")},
    "available_at": "When the file became available.",
    "as_of": "The run that judged the record last.",
    "contract": "The version of the contract that it was judged by.",
    "replayed_at": "When a replay took it in; NULL while it is in quarantine.",
    "replayed_by": "The run that did.",
}


def dbt_sources(config: LakehouseConfig) -> str:
    """The YAML of the source `silver`."""
    tables = [table for name in sorted(config.sources) for table in _tables(config.sources[name])]
    told = {
        "version": 2,
        "sources": [
            {
                "name": "silver",
                "schema": "silver",
                "description": "Typed, checked and versioned records.",
                "tables": tables,
            }
        ],
    }
    text = yaml.safe_dump(_plain(told), sort_keys=False, allow_unicode=True, width=118)
    return _HEAD.format(name=config.name, tag=TAG) + text


def _tables(source: Source) -> Iterator[dict[str, Any]]:
    name = source.name
    yield {
        "name": f"{name}__history",
        "description": f"{source.description} Here a row per record, as it was known from a time on: the columns of {name}, and more.",
        "config": {"meta": {"path": f"silver/{name}__history"}},
        "columns": _columns(_HISTORY),
    }
    yield {
        "name": name,
        "description": source.description,
        "config": {"meta": {"current_of": f"{name}__history"}},
        "columns": list(_contract_columns(source)),
        "data_tests": [
            {"holds": {"name": f"{TAG}_{name}", "arguments": _holds(source), "config": {"tags": [TAG]}}},
            *_relationships(source),
        ],
    }
    yield {
        "name": f"{name}__quarantine",
        "description": f"Records of {name} that were rejected, and why. In quarantine while replayed_at is NULL.",
        "config": {"meta": {"path": f"silver/{name}__quarantine"}},
        "columns": _columns(_QUARANTINE),
    }


def _columns(told: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "description": text} for name, text in told.items()]


def _contract_columns(source: Source) -> Iterator[dict[str, Any]]:
    for name, column in source.columns.items():
        kind = {"hhmm": "int", "long": "bigint"}.get(column.type, column.type)
        yield {"name": name, "data_type": kind, **_described(column.description, column.unit)}
    for name, item in source.derived.items():
        yield {"name": name, **_described(item.description or f"Derived: {item.expr}", item.unit)}


def _described(description: str, unit: str) -> dict[str, Any]:
    """The description with its unit, and the unit by itself for programs."""
    told = f"{description} ({unit})" if description and unit else description or unit
    return ({"description": told} if told else {}) | ({"config": {"meta": {"unit": unit}}} if unit else {})


def _holds(source: Source) -> dict[str, Any]:
    """The arguments of the project's test `holds`: what is certain of every current row."""
    between: dict[str, list[float]] = {}
    conditions: dict[str, str] = {}
    for name, column in source.columns.items():
        low = column.min if is_certain(column, "min") else None
        high = column.max if is_certain(column, "max") else None
        if low is not None and high is not None:
            between[quoted(name)] = [low, high]
        elif low is not None:
            conditions[f"{name} is at least {low:.15g}"] = f"{quoted(name)} >= {literal(low)}"
        elif high is not None:
            conditions[f"{name} is at most {high:.15g}"] = f"{quoted(name)} <= {literal(high)}"
        if column.allowed is not None and is_certain(column, "allowed"):
            allowed = ", ".join(literal(str(each) if column.type == "string" else each) for each in column.allowed)
            conditions[f"{name} is allowed"] = f"{quoted(name)} in ({allowed})"
    for name, check in source.checks.items():
        if check.on_fail.severity != "flag" and not any(word in check.holds.lower() for word in OURS_ONLY):
            conditions[name] = check.holds
    found = {
        "unique": [quoted(name) for name in source.key],
        "not_null": [quoted(name) for name in (*source.columns, *source.derived) if is_given(source, name)],
        "between": between,
        "conditions": conditions,
    }
    return {name: value for name, value in found.items() if value}


def _relationships(source: Source) -> Iterator[dict[str, Any]]:
    """dbt's own test for each reference whose orphans are not kept.

    It asks the other source's history, as a record may be gone that was known when the row became available.
    """
    for name, reference in source.references.items():
        if reference.on_fail.severity == "flag":
            continue
        mine, theirs = [[quoted(each) for each in columns] for columns in zip(*reference.columns.items(), strict=True)]
        yield {
            "relationships": {
                "name": f"{TAG}_{source.name}_{name}",
                "arguments": {
                    "to": f"source('silver', '{reference.source}__history')",
                    "column_name": _together(mine),
                    "field": _together(theirs),
                },
                "config": {"tags": [TAG], "where": " and ".join(f"{each} is not null" for each in mine)},
            }
        }


def _together(columns: list[str]) -> str:
    """Several columns as one value, alike whatever their names."""
    if len(columns) == 1:
        return columns[0]
    named = [f"'k{number}', {each}" for number, each in enumerate(columns, 1)]
    return f"named_struct({', '.join(named)})"


def _plain(value: Any) -> Any:
    """Texts that dbt takes as they are: it renders what looks like Jinja."""
    match value:
        case str() if any(start in value for start in ("{{", "{%", "{#")):
            return value.replace("{", "{{ '{' }}")
        case dict():
            return {_plain(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value
