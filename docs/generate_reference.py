# ruff: noqa: INP001  # a script, no package
"""Writes docs/reference.md from the code: `.venv/bin/python docs/generate_reference.py`; a test says when to."""

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from assay import errors, lease, ledger, watch
from assay.alerts.record import SCHEMA as ALERTS_SCHEMA
from assay.cli import COMMANDS
from assay.config.schema import schemas
from assay.monitors import MONITORS
from assay.times import format_duration
from bronze import seen
from bronze.readers import FORMATS
from gold.aggregates import AGGREGATES
from jobs.completion import parser_of
from model import monitors as _of_models  # noqa: F401  # known by name
from model import roles
from model.gates import GATES
from model.gates.metric import MetricLimits
from model.gates.record import SCHEMA as GATES_SCHEMA
from model.tasks import TASKS
from silver import accepted, baseline, rejected
from silver.metrics import METRICS, Metric

PAGE = Path(__file__).with_name("reference.md")

_FILES = {
    "lakehouse": "`conf/<lakehouse>/lakehouse.yml`",
    "source": "A source: `conf/<lakehouse>/sources/<name>.yml`",
    "features": "A feature table: `conf/<lakehouse>/features/<name>.yml`",
    "model": "A model: `conf/<lakehouse>/models/<name>.yml`",
    "environment": "An environment: `conf/env/<name>.yml`",
}

_KINDS = {
    "row": "the records",
    "number": "numbers",
    "text": "texts and booleans",
    "time": "dates and times",
    "other": "other types",
}

_HEAD = """\
# Reference

Written from the code by `docs/generate_reference.py`. Change the code's own descriptions, then run it again.
"""

_CONFIGURATION = """\
## Configuration

One file, one object; its name is the file's name without `.yml`. Unknown keys are errors. A duration is a whole number
and a unit: `90s`, `15m`, `1h`, `7d`, `2w`. A name has letters, digits and single underscores; `__` is kept for assay's
own tables. `${NAME}` in an environment's file is the environment variable of that name. YAML aliases are refused.

The same as JSON Schemas, for editors: `assay schema --to docs/schemas`.
"""


def page() -> str:
    """The reference as Markdown."""
    parts = [_HEAD, *_commands(), *_exit_codes(), _CONFIGURATION, *_configuration(), *_registries(), *_ops()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _commands() -> Iterator[str]:
    yield "## Commands\n\nEach is also a file for Spark: `spark-submit jobs/<command>.py` (`sql_server.py` of `sql-server`) with the same options.\n"
    shared = {action.dest: action for action in parser_of("validate")._actions if action.dest != "help"}  # noqa: SLF001
    yield "Every command takes:\n\n" + _table(("option", "meaning"), map(_option, shared.values()))
    for name, text in COMMANDS.items():
        own = [a for a in parser_of(name)._actions if a.dest not in shared and a.dest != "help"]  # noqa: SLF001
        table = "\n\n" + _table(("option", "meaning"), map(_option, own)) if own else ""
        yield f"### `assay {name}`\n\n{text[0].upper()}{text[1:]}.{table}"


def _option(action: argparse.Action) -> tuple[str, str]:
    words = ", ".join(action.option_strings) or "|".join(action.choices or [action.dest])
    takes_value = action.option_strings and action.nargs != 0
    value = f" {(action.metavar or action.dest.upper())}" if takes_value else ""
    notes = ["required"] if action.required and action.option_strings else []
    if takes_value and action.default is not None and "ASSAY_" not in (action.help or ""):
        notes.append(f"`{action.default}` by default")
    return f"`{words}{value}`", "; ".join([action.help or "", *notes])


def _exit_codes() -> Iterator[str]:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.AssayError)]
    rows = [(str(kind.exit_code), f"`{kind.__name__}`", _summary(kind)) for kind in kinds if kind.exit_code != 1]
    rows += [("0", "", "All went well."), ("1", "", "A defect of assay: there is a stack trace.")]
    rows += [("130", "", "Interrupted from the keyboard. Run the same command again to go on.")]
    yield "## Exit codes\n\n" + _table(("code", "error", "meaning"), sorted(rows, key=lambda row: int(row[0])))


def _configuration() -> Iterator[str]:
    for kind, schema in schemas().items():
        title, definitions = _FILES[kind], schema.get("$defs", {})
        yield f"### {title}\n\n{_text(schema.get('description', ''))}\n\n{_keys(schema, definitions)}"
        for name, definition in sorted(definitions.items()):
            full = next(item for item in definition.get("anyOf", [definition]) if "properties" in item)
            yield f"#### {name}, in a file of kind {kind}\n\n{_text(full.get('description', ''))}\n\n{_keys(full, definitions)}"


def _keys(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", []))

    def kinds(item: Mapping[str, Any]) -> str:
        return str(definitions.get(_type(item), {}).get("description", ""))  # pydantic says it once

    rows = [
        (f"`{key}`", _type(item), _default(item, needed=key in needed), _text(item.get("description") or kinds(item)))
        for key, item in schema["properties"].items()
    ]
    return _table(("key", "type", "default", "meaning"), rows)


def _type(item: Mapping[str, Any]) -> str:
    if "$ref" in item:
        return str(item["$ref"]).rpartition("/")[2]
    if "enum" in item or "const" in item:
        return " or ".join(f"`{value}`" for value in item.get("enum", [item.get("const")]))
    if alternatives := item.get("anyOf", item.get("oneOf")):
        return " or ".join(dict.fromkeys(_type(one) for one in alternatives if one.get("type") != "null"))
    if str(item.get("pattern", "")).endswith("(s|m|h|d|w)$"):
        return "duration"
    match item.get("type"):
        case "array":
            kind = f"list of {_type(item.get('items', {}))}"
        case "object":
            of = item.get("additionalProperties")
            kind = f"names to {_type(of)}" if isinstance(of, dict) else "mapping"
        case other:
            kind = str(item.get("format") or other or "any")
    return kind


def _default(item: Mapping[str, Any], *, needed: bool) -> str:
    if needed:
        return "**required**"
    value = item.get("default")
    if value in (None, {}, [], "", "PT0S") or isinstance(value, dict):
        return ""
    if isinstance(value, str) and re.fullmatch(r"P[T\dDHMS]+", value):
        value = format_duration(TypeAdapter(timedelta).validate_python(value))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _registries() -> Iterator[str]:
    yield "## Aggregates\n\n" + _table(
        ("aggregate", "takes", "needs", "of no value", "meaning"),
        [
            (
                f"`{name}`",
                "anything" if found.takes == "any" else found.takes,
                f"`{found.setting}`" if found.setting else "",
                "NULL" if found.empty is None else str(found.empty),
                _summary(found.state),
            )
            for name, found in AGGREGATES.items()
        ],
    )
    yield from _gates()
    yield from _monitors()
    yield "## Metrics of a baseline\n\n" + _table(
        ("metric", "of", "floor", "meaning"),
        [
            (f"`{one.name}`", ", ".join(_KINDS[kind] for kind in _KINDS if kind in one.of), _floor(one), one.about)
            for one in METRICS.values()
        ],
    )
    rows = [
        (f"`{ending}`" + (f", `{ending}.gz`" if kind != "parquet" else ""), f"`{kind}`")
        for ending, kind in FORMATS.items()
    ]
    yield "## File formats\n\n" + _table(("the file's name ends in", "format"), rows)


def _gates() -> Iterator[str]:
    yield (
        "## Gates\n\nOf `gates` in a model's file, by name. One that is wanted twice gets a word after a dot: `fairness.carrier`. "
        "A gate that cannot be evaluated has failed. [How to choose them](gates.md)."
    )
    for task, kind in TASKS.items():
        yield f"### Metrics of the holdout, task {task}\n\n{', '.join(f'`{name}`' for name in kind.metrics)}: each is a gate.\n"
    yield _keys(MetricLimits.model_json_schema(), {})
    for name, found in sorted(GATES.items()):
        if found.settings is not MetricLimits:
            yield f"### `{name}`\n\n{_summary(found.judge)}\n\n{_keys(found.settings.model_json_schema(), {})}"


def _monitors() -> Iterator[str]:
    yield (
        "## Monitors\n\nOf `watch` in `lakehouse.yml`, and of `monitoring` in a model's file, by name. All are on, with the "
        "defaults below. [How to watch a model](how-to.md#watch-a-model)."
    )
    for name, found in sorted(MONITORS.items(), key=lambda item: (item[1].of, item[0])):
        where = "`watch`" if found.of == "lakehouse" else "`monitoring`"
        yield f"### `{name}`, of {where}\n\n{_summary(found.watch)}\n\n{_keys(found.settings.model_json_schema(), {})}"


def _floor(one: Metric) -> str:
    share = f"{one.floor:.0%}"
    return {
        "points": f"a share of {share}",
        "relative": f"{share} of what is expected",
        "ratio": f"{1 + one.floor:g} times as many or few",
    }[one.scale]


def _ops() -> Iterator[str]:
    yield "## The ledger's tables"
    tables = (
        ("`ops.runs`: a row per run of a stage", ledger.SCHEMA),
        ("`ops.files`: a row per file, or landing of a table, that was seen and does not wait", seen.FILES_SCHEMA),
        ("`ops.profiles`: a row per number that was measured of a night's records in a batch", baseline.SCHEMA),
        ("`ops.accepted`: a row per batch that was taken in deliberately", accepted.SCHEMA),
        (
            "`ops.rejected`: a row per batch that was set aside as a whole, and per rejection that was taken back",
            rejected.SCHEMA,
        ),
        ("`ops.gates`: a row per gate of a training", GATES_SCHEMA),
        ("`ops.watch`: a row per subject, monitor and name of a night", watch.SCHEMA),
        ("`ops.promotions`: a row per change of a version's role", roles.SCHEMA),
        ("`ops.alerts`: a row per thing that was to be told, and per attempt to tell it", ALERTS_SCHEMA),
        (
            "`ops.leases`: a row per lease that was taken, and one without a stage for each holder that has done",
            lease.SCHEMA,
        ),
    )
    for title, schema in tables:
        columns = re.split(r",\s*(?![^<]*>)", schema.strip())
        yield f"### {title}\n\n" + _table(("column", "type"), [_column(text) for text in columns])
    yield "`ops.metrics` is a view of `ops.runs`: a row per number in `metrics`, with its run."


def _column(text: str) -> tuple[str, str]:
    name, _, kind = text.strip().partition(" ")
    return f"`{name}`", f"`{kind}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _summary(thing: object) -> str:
    return _text((inspect.getdoc(thing) or "").partition("\n\n")[0])


def _text(words: str) -> str:
    return " ".join(words.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
