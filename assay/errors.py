"""Errors that a reader can act on: what, where, found, expected, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

from assay.printable import printable
from assay.redaction import redacted


class AssayError(Exception):
    """Base of every error that assay raises on purpose.

    Args:
        what: One sentence: what is wrong.
        where: File and key, table, or source and batch.
        found: The value met.
        expected: What would have been right.
        do: What the reader can do about it.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        found: object = None,
        expected: object = None,
        do: str = "",
    ) -> None:
        self.what = redacted(what)
        self.where = redacted(where)
        self.found = redacted(found) if isinstance(found, str) else found
        self.expected = redacted(expected) if isinstance(expected, str) else expected
        self.do = do
        super().__init__(str(self))

    def __str__(self) -> str:
        """The message on a few lines, parts that are not known left out."""
        parts = [("where", self.where), ("found", self.found), ("expected", self.expected), ("do", self.do)]
        lines = [
            f"  {name + ':':<10}{printable(redacted(str(value)))}" for name, value in parts if value not in (None, "")
        ]
        return "\n".join([printable(self.what), *lines])


class ConfigError(AssayError):
    """A configuration file is wrong."""

    exit_code = 2


class SourceError(AssayError):
    """A source cannot be listed or read."""

    exit_code = 3


class ContractError(AssayError):
    """A batch breaks its contract as a whole, or a contract cannot be evaluated."""

    exit_code = 4


class TableError(AssayError):
    """A Delta table is missing, or a write did not do what was meant."""

    exit_code = 5


class FeatureError(AssayError):
    """A feature table cannot be computed or retrieved."""

    exit_code = 6


class ModelError(AssayError):
    """A model cannot be trained, found or used."""

    exit_code = 7


class GateError(AssayError):
    """A trained model did not pass its gates and was not promoted."""

    exit_code = 8


class DbtError(AssayError):
    """A dbt model or test failed."""

    exit_code = 9


class AlertError(AssayError):
    """A channel did not take the alerts."""

    exit_code = 10


class DrillError(AssayError):
    """A fault that was rehearsed on a copy went unnoticed, or did harm."""

    exit_code = 11


class BusyError(AssayError):
    """Another run holds the lease of a stage."""

    exit_code = 75


class TimeLimitError(AssayError):
    """A stage of a night took longer than its limit, and was cancelled."""

    exit_code = 124


class StoppedError(AssayError):
    """The process was told to stop by SIGTERM. Run the same command again to go on."""

    exit_code = 143


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint for an unknown name: the nearest known one, or all of them when none is near."""
    names = sorted(known)
    match = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {match[0]!r}?" if match else "known: " + ", ".join(names)
