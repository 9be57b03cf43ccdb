"""The checks of a contract. A check is a function of a column that says where it fails; a registry makes it known.

A check that compares holds where a value is NULL: whether NULL is allowed is `required`'s question alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from assay.config import Column, Source


@dataclass(frozen=True)
class Value:
    """A column as a check sees it."""

    name: str
    text: SparkColumn
    """Raw text, NULL where it means NULL."""

    value: SparkColumn
    """The typed value."""

    column: Column


@dataclass(frozen=True)
class Check:
    """One check of one contract, ready to run."""

    name: str
    column: str
    settings: Mapping[str, Any]
    fails: SparkColumn
    """True where the row breaks the check, never NULL."""

    shown: SparkColumn
    """The offending value, as text."""

    message: str


Fails = Callable[[Value], SparkColumn]
_CHECKS: dict[str, tuple[Callable[[Column], Any], Fails, Callable[[Any], str]]] = {}


def check(name: str, setting: Callable[[Column], Any], message: Callable[[Any], str]) -> Callable[[Fails], Fails]:
    """Register a check: its name, the setting that turns it on (None: off), and what to say where it fails."""

    def register(function: Fails) -> Fails:
        _CHECKS[name] = (setting, function, message)
        return function

    return register


@check("type", lambda column: column.type, lambda kind: f"is not of type {kind}")
def _type(value: Value) -> SparkColumn:
    return value.text.isNotNull() & value.value.isNull()


@check("required", lambda column: column.required or None, lambda _: "is missing")
def _required(value: Value) -> SparkColumn:
    return value.text.isNull()


@check("min", lambda column: column.min, lambda least: f"is below {least:.15g}")
def _min(value: Value) -> SparkColumn:
    return value.value < F.lit(value.column.min)


@check("max", lambda column: column.max, lambda most: f"is above {most:.15g}")
def _max(value: Value) -> SparkColumn:
    return value.value > F.lit(value.column.max)


@check("allowed", lambda column: column.allowed, lambda allowed: "is none of " + ", ".join(map(str, allowed)))
def _allowed(value: Value) -> SparkColumn:
    allowed = [F.lit(item) for item in value.column.allowed or ()]
    if value.column.type == "string":  # codes that YAML reads as numbers
        allowed = [item.cast("string") for item in allowed]
    return ~value.value.isin(allowed)


@check("pattern", lambda column: column.pattern, lambda pattern: f"does not match {pattern}")
def _pattern(value: Value) -> SparkColumn:
    return ~value.text.rlike(rf"\A(?:{value.column.pattern})\z")


def checks_of(source: Source, values: list[Value]) -> list[Check]:
    """Every check that a contract asks for.

    Args:
        source: The contract.
        values: Its columns.
    """
    found = [
        Check(
            name, value.name, {name: setting(value.column), "unit": value.column.unit}, _decided(fails(value)),
            value.text, message(setting(value.column)),
        )
        for value in values
        for name, (setting, fails, message) in _CHECKS.items()
        if setting(value.column) is not None
    ]  # fmt: skip
    needed = {name for name, item in source.derived.items() if item.required}
    needed |= {key for key in source.key if key in source.derived or not source.columns[key].required}
    found += [
        Check("required", name, {"required": True}, F.col(name).isNull(), F.lit(None).cast("string"), "is missing")
        for name in sorted(needed)
    ]
    return found


def _decided(condition: SparkColumn) -> SparkColumn:
    return F.coalesce(condition, F.lit(False))
