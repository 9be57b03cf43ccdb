"""What a contract says of checks: what happens where one fails, and conditions between the columns of a row."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from assay.config.base import Config, Identifier
from assay.times import Duration

Severity = Literal["quarantine", "flag", "fail"]

_SHARE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%\s*\Z")


def _share(value: Any) -> Any:
    """`0.1%` as a number."""
    match = _SHARE.match(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:  # per cent
        raise ValueError(f"{value!r} is not a share of rows: write it as 0.1%")
    return float(match[1]) / 100


Share = Annotated[
    float, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": _SHARE.pattern[:-2] + "$"})
]
"""A share of rows, written `0.1%`."""


class Handling(Config):
    """What happens where a check fails."""

    severity: Severity = "quarantine"
    """quarantine: the row goes there. flag: the row is kept, and `_flags` names the check. fail: the batch stops before
    a row of it is written."""

    at_most: Share | None = None
    """Share of a batch's rows that may fail, such as `0.1%`, before the batch stops. By default any, or none for fail."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"severity": value} if isinstance(value, str) else value

    @property
    def limit(self) -> float:
        """Share of a batch's rows that may fail."""
        if self.at_most is not None:
            return self.at_most
        return 0.0 if self.severity == "fail" else 1.0


class RowCheck(Config):
    """A condition that must hold for every row."""

    holds: str
    """A SQL condition over the contract's columns and derived columns. Where it is NULL it holds."""

    description: str = ""
    """What it means, for people."""

    on_fail: Handling = Handling()
    """What happens where it fails: `flag`, or `{severity: fail, at_most: 0.1%}`."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"holds": value} if isinstance(value, str) else value


def _same_names(value: Any) -> Any:
    """`tailnum` or `[tailnum]` for columns that are named as there."""
    names = [value] if isinstance(value, str) else value
    return {name: name for name in names} if isinstance(names, list) else value


class Reference(Config):
    """A foreign key: what the columns of a row say has to be the key of another source's record."""

    source: Identifier
    """The source that is referred to."""

    columns: Annotated[
        dict[Identifier, Identifier],
        BeforeValidator(_same_names),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "object", "additionalProperties": {"type": "string"}},
                    {"type": "array", "items": {"type": "string"}},
                    {"type": "string"},
                ]
            }
        ),
    ]
    """A column of this contract -> the column of the other's key: `{tailnum: tailnum}`, or `[tailnum]`."""

    description: str = ""
    """What it means, for people."""

    on_fail: Handling = Handling()
    """What happens to an orphan: a row whose key no record had, by the time that the row became available. A row
    with a NULL in the columns refers to nothing."""


class Freshness(Config):
    """How old a source's newest event may be."""

    within: Duration
    """The newest event time of what was accepted lies at most this long before the as_of."""

    on_fail: Literal["fail", "flag"] = "fail"
    """fail: silver stops. flag: the run says so."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"within": value} if isinstance(value, str) else value


def per_check(value: Any) -> Any:
    """`on_fail: flag` and `on_fail: {severity: flag}` mean every check of the column."""
    if isinstance(value, str) or (isinstance(value, Mapping) and {"severity", "at_most"} & set(value)):
        return {"all": value}
    return value
