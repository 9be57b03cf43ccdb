"""What a check has found."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    state: Literal["ok", "warn", "bad"]
    """`bad`: assay does not run like this; `warn`: it does, for the time being or in part."""

    found: str
    do: str = ""
    """What to do about it."""


def ok(found: str) -> Finding:
    """All is well."""
    return Finding("ok", found)


def warn(found: str, do: str) -> Finding:
    """It runs, but look at it."""
    return Finding("warn", found, do)


def bad(found: str, do: str) -> Finding:
    """It does not run."""
    return Finding("bad", found, do)
