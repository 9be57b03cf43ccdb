"""The model that is proposed for a label: of each record that is planned, or of each entity's next day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import ConfigError, nearest
from jobs.begin.columns import Column
from jobs.begin.features import Table
from jobs.begin.keys import is_called_a_key
from jobs.begin.limits import is_closed
from jobs.begin.names import in_sql
from jobs.begin.source import Proposed
from jobs.begin.yaml_text import comment, decide, document, entry

MOST_INPUTS = 5
_YES_OR_NO = {"0", "1"}


@dataclass(frozen=True)
class Label:
    """What is to be predicted."""

    table: Table
    """The feature table of the label's source."""

    column: Column
    plan: Proposed | None
    """The source that has each record before it happens, where there is one."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.column.name

    @property
    def yes_or_no(self) -> bool:
        """Whether the label of a record is true or false."""
        return self.column.type == "boolean" or {text for text, _ in self.column.values} == _YES_OR_NO

    @property
    def task(self) -> str:
        """The model's."""
        return "binary" if self.yes_or_no and self.plan else "regression"


def label_of(asked: str | None, sources: Sequence[Proposed], tables: Sequence[Table]) -> Label | None:
    """The label that was asked for as `<source>.<column>`, or the likeliest one; None where nothing could be one.

    Raises:
        ConfigError: What was asked for is no column, no number and no truth value, or its source has no feature table.
    """
    if asked is None:
        table = next(iter(tables), None)
        return None if table is None else _label(table, table.numbers[0], sources)
    name, _, column_name = asked.partition(".")
    source = next((source for source in sources if source.name == name), None)
    if source is None or (column := source.column(column_name)) is None:
        known = [f"{source.name}.{column.name}" for source in sources for column in source.columns]
        raise ConfigError(
            "There is no such column to predict.", where="--label", found=asked, expected=nearest(asked, known),
        )  # fmt: skip
    if not column.is_number and column.type != "boolean":
        raise ConfigError(
            "This column cannot be predicted as it is.", where="--label", found=f"{asked}, of type {column.type}",
            expected="a number, or true and false",
            do="leave --label out; derive such a column in the contract, and write the model by hand",
        )  # fmt: skip
    table = next((table for table in tables if table.source is source), None)
    if table is None:
        raise ConfigError(
            f"There is nothing to predict {asked} from.", where="--label",
            found=f"{name} has no event time, no number or nothing that many of its records belong to",
            expected="a source for which a feature table is proposed" + (
                ": " + ", ".join(table.source.name for table in tables) if tables else "; of these files there is none"
            ),
        )  # fmt: skip
    return _label(table, column, sources)


def _label(table: Table, column: Column, sources: Sequence[Proposed]) -> Label:
    source = table.source
    needed = [*source.key.columns, table.entity]
    plans = (other for other in sources if other is not source and other.times.ahead and source.key.names)
    return Label(table, column, next((plan for plan in plans if all(_has(plan, each) for each in needed)), None))


def _has(plan: Proposed, column: Column) -> bool:
    """Whether a source has the same column."""
    same = next((each for each in plan.columns if each.name == column.name), None)
    return same is not None and same.type == column.type and same.always


def model(label: Label) -> str:
    """The text of `models/<name>.yml`."""
    source, column = label.table.source, label.column
    days = source.times.days
    spine, key, told = _of_records(label, label.plan) if label.plan else _of_days(label)
    lines = [
        *comment("Proposed by `assay init`."),
        *decide("what is to be predicted, of what, and what is known by then? " + told),
        entry("description", f"{column.name} of {source.name}, the day ahead"),
        entry("task", label.task),
        "spine:",
        *spine,
        entry("key", key),
        "features:",
        entry(label.table.name, "all", "  "),
    ]
    settings: dict[str, Any] = {"max_depth": 3, "eta": 0.1, "rounds": 100}
    if label.plan:
        if inputs := _inputs(label, label.plan):
            lines += ["request:", *[entry(f"its_{each.name}", in_sql(each.name), "  ") for each in inputs]]
        if categories := [each.name for each in _categories(label.plan)]:
            settings["categorical"] = categories
    gate = {"auc": {"min": 0.55}} if label.task == "binary" else {"r2": {"min": 0}}
    return document([
        *lines,
        *decide(f"how many of the newest days judge a training? There are {days:,} days of data."),
        entry("split", {"holdout": f"{max(1, min(7, days // 5))}d"}),
        entry("xgboost", settings),
        entry("train", {"every": "7d", "window": "90d"}),
        *decide("what must a training reach before it may predict? This is hardly better than nothing; docs/gates.md."),
        entry("gates", gate),
    ])  # fmt: skip


def _of_records(label: Label, plan: Proposed) -> tuple[list[str], list[str], str]:
    """Queries for a row per planned record."""
    source, event = label.table.source, in_sql(str(plan.event_time))
    key = [in_sql(name) for name in source.key_names]
    own = dict.fromkeys([*source.key_names, label.table.entity.name, *[each.name for each in _categories(plan)]])
    own |= dict.fromkeys(each.name for each in _inputs(label, plan))
    columns = ", ".join(f"p.{in_sql(name)}" for name in own)
    value = f"o.{in_sql(label.column.name)}"
    value = f"{value} = 1" if label.yes_or_no and label.column.type != "boolean" else value
    night = f"date_trunc('day', p.{event})"
    return (
        [
            "  train: |",
            f"    select {columns}, {night} as as_of, {value} as label, o.valid_from as label_known_at",
            f"    from {in_sql(plan.name)} p join {in_sql(source.name)} o using ({', '.join(key)})",
            f"    where o.{in_sql(label.column.name)} is not null",
            "  score: |",
            f"    select {columns}, {night} as as_of from {in_sql(plan.name)} p where {night} = :as_of",
        ],
        list(source.key_names),
        f"Here: of each record that {plan.name} has beforehand, found by its {', '.join(source.key_names)}.",
    )


def _of_days(label: Label) -> tuple[list[str], list[str], str]:
    """Queries for a row per entity and day."""
    source, entity = label.table.source, in_sql(label.table.entity.name)
    value = f"cast({in_sql(label.column.name)} as int)" if label.column.type == "boolean" else in_sql(label.column.name)
    night = f"date_trunc('day', {in_sql(str(source.event_time))})"
    what = "share" if label.yes_or_no else "mean"
    return (
        [
            "  train: |",
            f"    select {entity}, {night} as as_of, cast(avg({value}) as double) as label, max(valid_from) as label_known_at",
            f"    from {in_sql(source.name)} where {in_sql(label.column.name)} is not null",
            f"    group by {entity}, {night}",
            "  score: |",
            f"    select distinct {entity}, :as_of as as_of from {in_sql(source.name)}",
        ],
        [label.table.entity.name],
        (f"Here: the {what} over an entity's next day, as no other file has its records before they happen."),
    )


def _categories(plan: Proposed) -> list[Column]:
    return [column for column in plan.columns if is_closed(column)]


def _inputs(label: Label, plan: Proposed) -> list[Column]:
    """Numbers that are known of a record beforehand."""
    known = (each for each in plan.columns if each.is_number and not is_called_a_key(each))
    return [each for each in known if each.name not in (*label.table.source.key_names, "label")][:MOST_INPUTS]
