"""The checks of a contract. A check is a function of a column that says where it fails; a registry makes it known.

A check that compares holds where a value is NULL: whether NULL is allowed is `required`'s question alone. So does a
condition between columns that is neither true nor false.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import Window
from pyspark.sql import functions as F

from assay.config import Column, Source
from assay.config.checks import Handling
from assay.config.column import Length
from assay.tables import quoted
from silver.condition import condition
from silver.constraints import whole
from silver.parse import happens_twice, is_skipped, local_time
from silver.references import found

QUARANTINE = Handling()
ZERO = timedelta(0)
LISTED = 12
"""How many allowed values a message names."""


@dataclass(frozen=True)
class Value:
    """A column as a check sees it."""

    name: str
    text: SparkColumn
    """Raw text, NULL where it means NULL."""

    value: SparkColumn
    """The typed value."""

    column: Column
    zone: str = "UTC"
    """Zone of times that carry none."""


@dataclass(frozen=True)
class Check:
    """One check of one contract, ready to run."""

    name: str
    column: str | None
    """None for a condition between columns."""

    settings: Mapping[str, Any]
    fails: SparkColumn
    """True where the row breaks the check, never NULL."""

    message: str
    shown: SparkColumn | None = None
    """The offending value, as text."""

    handling: Handling = QUARANTINE

    @property
    def flags(self) -> bool:
        """Whether a row that breaks it is kept."""
        return self.handling.severity == "flag"


Fails = Callable[[Value], SparkColumn]
CHECKS: dict[str, tuple[Callable[[Column], Any], Fails, Callable[[Any], str]]] = {}
"""Name -> the setting that turns a check on, where it fails, and what to say then."""


def check(name: str, setting: Callable[[Column], Any], message: Callable[[Any], str]) -> Callable[[Fails], Fails]:
    """Register a check: its name, the setting that turns it on (None: off), and what to say where it fails."""

    def register(function: Fails) -> Fails:
        CHECKS[name] = (setting, function, message)
        return function

    return register


@check("type", lambda column: column.type, lambda kind: f"is not of type {kind}")
def _type(value: Value) -> SparkColumn:
    return value.value.isNull() & value.text.isNotNull()


@check("required", lambda column: column.required or None, lambda _: "is missing")
def _required(value: Value) -> SparkColumn:
    return value.value.isNull() & value.text.isNull()


@check("min", lambda column: column.min, lambda least: f"is below {least:.15g}")
def _min(value: Value) -> SparkColumn:
    return value.value < F.lit(value.column.min)


@check("max", lambda column: column.max, lambda most: f"is above {most:.15g}")
def _max(value: Value) -> SparkColumn:
    return value.value > F.lit(value.column.max)


@check("allowed", lambda column: column.allowed, lambda allowed: f"is none of {_listed(allowed)}")
def _allowed(value: Value) -> SparkColumn:
    allowed = [F.lit(item) for item in value.column.allowed or ()]
    if value.column.type == "string":  # codes that YAML reads as numbers
        allowed = [item.cast("string") for item in allowed]
    return ~value.value.isin(allowed)


@check("pattern", lambda column: column.pattern, lambda pattern: f"does not match {pattern}")
def _pattern(value: Value) -> SparkColumn:
    return ~value.text.rlike(whole(str(value.column.pattern)))


@check("length", lambda column: column.length, lambda length: f"does not have {_characters(length)}")
def _length(value: Value) -> SparkColumn:
    length, found = value.column.length or Length(), F.char_length(value.value)
    return (found < length.min) | (F.lit(False) if length.max is None else found > length.max)


@check("not_in_future", lambda column: column.not_in_future, lambda _: "lies after the record was delivered")
def _not_in_future(value: Value) -> SparkColumn:
    latest = F.col("available_at") + F.expr(
        f"INTERVAL {(value.column.not_in_future or ZERO).total_seconds():.0f} SECONDS"
    )
    if value.column.type == "date":
        return value.value > F.from_utc_timestamp(latest, value.zone).cast("date")
    return value.value > latest


@check(
    "monotone",
    lambda column: column.monotone,
    lambda how: f"is {'not above all' if how.startswith('strict') else 'below one'} before it in its file",
)
def _monotone(value: Value) -> SparkColumn:
    before = (
        Window.partitionBy("source_file", "batch").orderBy("source_position").rowsBetween(Window.unboundedPreceding, -1)
    )
    highest = F.max(value.value).over(before)
    return value.value <= highest if value.column.monotone == "strictly_increasing" else value.value < highest


@check("gap", lambda column: column.gap if column.gap == "refuse" else None, lambda _: "is skipped by daylight saving")
def _gap(value: Value) -> SparkColumn:
    return is_skipped(local_time(value.text, value.column), value.column.time_zone or value.zone)


@check(
    "fold",
    lambda column: column.fold if column.fold == "refuse" else None,
    lambda _: "happens twice by daylight saving",
)
def _fold(value: Value) -> SparkColumn:
    return happens_twice(local_time(value.text, value.column), value.column.time_zone or value.zone)


def _listed(values: Sequence[Any]) -> str:
    """Values for a message; of many, the first and how many there are."""
    some = ", ".join(map(str, values[:LISTED]))
    return some if len(values) <= LISTED else f"{some} and {len(values) - LISTED} more"


def _characters(length: Length) -> str:
    if length.min == length.max:
        return f"{length.min} characters"
    return f"{length.min} characters or more" if length.max is None else f"{length.min} to {length.max} characters"


def checks_of(source: Source, values: list[Value]) -> list[Check]:
    """Every check that a contract asks for.

    Args:
        source: The contract.
        values: Its columns.
    """
    asked = [
        Check(
            name, value.name, _settings(value.column, name, setting(value.column)), _decided(fails(value)),
            message(setting(value.column)), value.text, value.column.handling(name),
        )
        for value in values
        for name, (setting, fails, message) in CHECKS.items()
        if setting(value.column) is not None
    ]  # fmt: skip
    needed = {name for name, item in source.derived.items() if item.required}
    ordering = [source.sequence] if source.sequence else []
    needed |= {name for name in (*source.key, *ordering) if name in source.derived or not source.columns[name].required}
    asked += [
        Check("required", name, {"required": True}, F.col(name).isNull(), "is missing") for name in sorted(needed)
    ]
    asked += [
        Check(
            name, None, {"holds": row.holds, "description": row.description, **_severity(row.on_fail)},
            _decided(~condition(source, name)), f"does not hold: {row.holds}", handling=row.on_fail,
        )
        for name, row in source.checks.items()
    ]  # fmt: skip
    asked += [
        Check(
            name, None, {"references": reference.source, "description": reference.description, **_severity(reference.on_fail)},
            ~found(name, list(reference.columns)), f"is not in {reference.source}",
            F.concat_ws(", ", *[F.col(quoted(column)).cast("string") for column in reference.columns]), reference.on_fail,
        )
        for name, reference in source.references.items()
    ]  # fmt: skip
    return asked


def _settings(column: Column, name: str, setting: Any) -> dict[str, Any]:
    plain = setting.model_dump() if isinstance(setting, Length) else setting
    return {name: plain, "unit": column.unit, **_severity(column.handling(name))}


def _severity(handling: Handling) -> dict[str, Any]:
    return {} if handling.severity == QUARANTINE.severity else {"severity": handling.severity}


def _decided(condition: SparkColumn) -> SparkColumn:
    return F.coalesce(condition, F.lit(False))
