"""What a process knows of the ledger: what was made for which night, which table versions runs have written, who runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Input:
    """What something was made of: a version of a table or, as `models:/name`, of a model."""

    table: str
    version: int


@dataclass(frozen=True)
class Target:
    """One output of a run: what was made, under which key, the table version that holds it, and what it was made of."""

    target: str
    key: str
    table: str
    version: int
    inputs: tuple[Input, ...] = ()
    """In the ledger; a process that reads it leaves them there."""


@dataclass(frozen=True)
class SeenLeases:
    """The table of leases as a process has last seen or written it."""

    version: int
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Known:
    """What the ledger says of the nights from one on and, whatever the night, of the tables that runs have written."""

    version: int
    """Of the ledger, when it was read."""
    first: datetime
    done: Mapping[tuple[str, datetime, str], Target]
    """(stage, as_of, key) -> what was made, for the nights from first on."""
    newest: Mapping[str, Target]
    """Table -> what a run has recorded of it last."""
    writes: Mapping[str, int]
    """Table -> how many of its versions are known."""

    def after(self, version: int, added: Iterable[tuple[str, datetime, Target]]) -> "Known":
        """The same, once the ledger has some more targets: stage, as_of, and what was made, in order."""
        done, newest, writes = dict(self.done), dict(self.newest), dict(self.writes)
        for stage, as_of, made in added:
            if self.first <= as_of:
                done[stage, as_of, made.key] = made
            if made.table not in newest or newest[made.table].version < made.version:
                writes[made.table] = writes.get(made.table, 0) + 1
            newest[made.table] = made
        return replace(self, version=version, done=done, newest=newest, writes=writes)
