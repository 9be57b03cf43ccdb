"""What is wrong, and what is told of it: problems, findings, events, incidents."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Severity = Literal["bad", "warn"]
Kind = Literal["opened", "reminded", "resolved"]
OPENED: Final = "opened"
REMINDED: Final = "reminded"
RESOLVED: Final = "resolved"


@dataclass(frozen=True, order=True)
class Problem:
    """What can be wrong. Two findings with the same of these are of one problem, whatever their numbers and nights."""

    lakehouse: str
    kind: str
    """`run`: a stage; `gate`: a training's gate; `watch`: what is watched; `channel`: a channel of alerts; `night`."""
    subject: str
    """The stage, model, feed or channel."""
    monitor: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """The same for the same problem, in every process."""
        return _digest(self.lakehouse, self.kind, self.subject, self.monitor, self.name)


@dataclass(frozen=True)
class Finding:
    """How it stands with a problem, by the newest evidence of some night."""

    problem: Problem
    as_of: datetime
    """The night that it is evidence of."""
    at: datetime
    """When the evidence came about, by the clock."""
    severity: Severity | None = None
    """None: all is well."""
    what: str = ""
    """What is wrong, in a sentence."""
    details: str = ""
    """What else is known: where, found, expected."""
    do: str = ""
    """What the reader can do."""
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """The evidence of a problem: by the night that is told of, and by all nights that there are."""

    now: Finding | None
    """Of the newest night up to the one that is told of."""
    newest: Finding


@dataclass(frozen=True)
class Event:
    """What somebody has to be told: a problem was opened, is there still, or is over."""

    problem: Problem
    kind: Kind
    incident: int
    """The how-manieth time that the problem has come up, from 1."""
    at: datetime
    as_of: datetime
    since: datetime
    """The first night of it."""
    severity: Severity
    what: str
    details: str
    do: str
    run_ids: tuple[str, ...]
    channels: tuple[str, ...]
    """Who is to be told."""
    number: int = 0
    """Of reminders: which."""

    @property
    def alert_id(self) -> str:
        """The same each time that it is sent, so that who gets it twice can see that."""
        return _digest(self.problem.id, self.incident, self.kind, self.number)


@dataclass(frozen=True)
class Incident:
    """A problem from when it came up until it is over: the newest one of a problem is all that decides."""

    events: tuple[Event, ...]
    """Oldest first."""
    delivered: frozenset[tuple[str, str]] = frozenset()
    """Alert and channel."""

    @property
    def last(self) -> Event:
        """The newest event."""
        return self.events[-1]

    @property
    def is_open(self) -> bool:
        """Whether the problem is there, as far as anybody has been told."""
        return self.last.kind != RESOLVED


Incidents = Mapping[Problem, Incident]


@dataclass(frozen=True)
class Delivery:
    """What came of sending an event by a channel."""

    event: Event
    channel: str
    at: datetime
    why: str = ""
    """Why it did not arrive; empty where it did."""


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
