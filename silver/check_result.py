"""One check of a contract: what it found, and the Great Expectations expectation that states it.

How a kind of check is stated is a function in `_STATED`; a check of any other name is stated by the query
that finds its rows in quarantine.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

IDS = uuid.uuid5(uuid.NAMESPACE_URL, "assay:expectations")
"""The ids in suites are derived from this and the contract, so that equal contracts give equal suites."""

_LISTED_VALUES = 12


@dataclass(frozen=True)
class CheckResult:
    """What one check of a contract found in one batch.

    Attributes:
        check: `type`, `required`, `min`, `max`, `allowed`, `pattern`, `unique`, `record` (the raw record
            could not be read), or the name of any other check.
        column: The column it looks at; None for a check of whole rows.
        settings: What the contract says, such as `{"min": 0}`; `unit`, `severity` and `description` are
            understood for every check.
        evaluated: Rows looked at.
        missing: Rows with NULL in that column.
        failed: Rows that broke the check.
        examples: Up to five offending raw values.
    """

    check: str
    column: str | None
    settings: Mapping[str, object]
    evaluated: int
    missing: int
    failed: int
    examples: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`<check>:<column>`, as the ledger labels its metric `rejected`."""
        return f"{self.check}:{self.column}" if self.column else self.check


@dataclass(frozen=True)
class _Statement:
    """A check in the library's words: the expectation's class, its arguments, and a sentence for people."""

    kind: str
    arguments: Mapping[str, object]
    sentence: str


def grouped(checks: Iterable[CheckResult]) -> list[tuple[CheckResult, ...]]:
    """The checks in order, `min` and `max` of a column together: they are two ends of one expectation."""
    groups: dict[tuple[object, ...], list[CheckResult]] = {}
    for place, check in enumerate(checks):
        bound = check.column and check.check in ("min", "max")
        groups.setdefault(("bounds", check.column) if bound else ("check", place), []).append(check)
    return [tuple(group) for group in groups.values()]


def expectation_of(source: str, group: Sequence[CheckResult]) -> "Expectation":
    """The expectation that states one of the groups that `grouped` makes."""
    from great_expectations import expectations
    from great_expectations.expectations.metadata_types import FailureSeverity

    settings = {key: value for check in group for key, value in check.settings.items()}
    column = group[0].column
    names = sorted({check.check for check in group})
    state = _STATED.get(names[0])
    stated = (state and state(column, settings)) or _as_query(group, settings)
    flagged = settings.get("severity") == "flag"
    identity = json.dumps([source, column, names, settings], default=str, sort_keys=True)
    expectation: Expectation = getattr(expectations, stated.kind)(
        **stated.arguments,
        description=str(settings.get("description") or stated.sentence),
        meta={"checks": names, "settings": json.loads(json.dumps(settings, default=str))},
        severity=FailureSeverity.WARNING if flagged else FailureSeverity.CRITICAL,
        id=str(uuid.uuid5(IDS, identity)),
    )
    return expectation


def rejected_sql(group: Sequence[CheckResult]) -> str:
    """SQL condition that finds what a group of checks rejected in the source's quarantine table."""
    names = ", ".join(_quoted(check.check) for check in group)
    column = "IS NULL" if group[0].column is None else f"= {_quoted(group[0].column)}"
    return f"exists(reasons, r -> r.`check` IN ({names}) AND r.`column` {column})"


def _type(column: str | None, settings: Mapping[str, object]) -> _Statement:
    kind = str(settings.get("type"))
    arguments = {"column": column, "type_": kind}
    return _Statement("ExpectColumnValuesToBeOfType", arguments, f"{column} can be read as {kind}")


def _required(column: str | None, _: Mapping[str, object]) -> _Statement:
    return _Statement("ExpectColumnValuesToNotBeNull", {"column": column}, f"{column} is always given")


def _bounds(column: str | None, settings: Mapping[str, object]) -> _Statement:
    low, high = settings.get("min"), settings.get("max")
    unit = f" {settings['unit']}" if settings.get("unit") else ""
    ends = [f"{word} {end}{unit}" for word, end in (("at least", low), ("at most", high)) if end is not None]
    arguments = {"column": column, "min_value": _bound(low), "max_value": _bound(high)}
    return _Statement("ExpectColumnValuesToBeBetween", arguments, f"{column} is {' and '.join(ends)}")


def _allowed(column: str | None, settings: Mapping[str, object]) -> _Statement | None:
    allowed = settings.get("allowed")
    if not isinstance(allowed, list | tuple):
        return None
    more = f" or {len(allowed) - _LISTED_VALUES} more" if len(allowed) > _LISTED_VALUES else ""
    listed = ", ".join(str(value) for value in allowed[:_LISTED_VALUES])
    arguments = {"column": column, "value_set": list(allowed)}
    return _Statement("ExpectColumnValuesToBeInSet", arguments, f"{column} is one of {listed}{more}")


def _pattern(column: str | None, settings: Mapping[str, object]) -> _Statement:
    pattern = str(settings.get("pattern"))
    arguments = {"column": column, "regex": f"^(?:{pattern})$"}
    return _Statement("ExpectColumnValuesToMatchRegex", arguments, f"{column} as a whole matches {pattern}")


def _length(column: str | None, settings: Mapping[str, object]) -> _Statement | None:
    length = settings.get("length")
    if not isinstance(length, Mapping):
        return None
    least, most = length.get("min"), length.get("max")
    exact = f"{least}" if least == most else f"{least} to {most}"
    told = f"{least} characters or more" if most is None else f"{exact} characters"
    arguments = {"column": column, "min_value": least, "max_value": most}
    return _Statement("ExpectColumnValueLengthsToBeBetween", arguments, f"{column} has {told}")


def _unique(column: str | None, settings: Mapping[str, object]) -> _Statement | None:
    found = settings.get("key")
    key = [str(part) for part in found] if isinstance(found, list | tuple) else [column] if column else []
    sentence = f"one row per {', '.join(key)}"
    if len(key) > 1:
        return _Statement("ExpectCompoundColumnsToBeUnique", {"column_list": key}, sentence)
    return _Statement("ExpectColumnValuesToBeUnique", {"column": key[0]}, sentence) if key else None


_STATED: Mapping[str, Callable[[str | None, Mapping[str, object]], _Statement | None]] = {
    "type": _type,
    "required": _required,
    "min": _bounds,
    "max": _bounds,
    "allowed": _allowed,
    "pattern": _pattern,
    "length": _length,
    "unique": _unique,
}


def _as_query(group: Sequence[CheckResult], settings: Mapping[str, object]) -> _Statement:
    """The statement of a check that the library has no expectation for."""
    check = group[0]
    holds = settings.get("holds")
    condition = (f"NOT ({holds})" if holds else rejected_sql(group)).replace("{", "{{").replace("}", "}}")
    known = settings.get("check") or settings.get(check.check) or holds
    about = known if isinstance(known, str) else json.dumps(dict(settings), default=str) if settings else ""
    sentence = f"{check.label}: {about}" if about else f"{check.label} holds"
    if check.check == "record":
        sentence = "every raw record can be read"
    query = f"SELECT * FROM {{batch}} WHERE {condition}"
    return _Statement("UnexpectedRowsExpectation", {"unexpected_rows_query": query}, sentence)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _bound(value: object) -> object:
    """An end of a range as the library takes it: numbers and times as they are, decimals as floats."""
    return value if value is None or isinstance(value, int | float | date) else float(str(value))
