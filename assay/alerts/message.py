"""Events in words: one message per channel and night, as JSON and as text. What they quote is bounded and on one line."""

from dataclasses import dataclass
from datetime import datetime

from assay.alerts.problem import OPENED, REMINDED, RESOLVED, Event
from assay.printable import printable
from assay.redaction import redacted

LONGEST = 1000
"""Characters of one text in a message: what is cut off is in `ops.alerts` and on the night's page."""
_SEEN = 4 * LONGEST
"""What is looked at of a text. What is cut off here, a secret in the middle say, is far beyond what is shown."""
MOST = 20
"""Alerts that a text spells out. JSON has all of them."""
_WORDS = {OPENED: "NEW", REMINDED: "STILL", RESOLVED: "OVER"}


@dataclass(frozen=True)
class Message:
    """What a channel is to tell."""

    lakehouse: str
    as_of: datetime
    page: str
    """Where the night's page is: an address, or a path on the machine that ran the night."""
    events: tuple[Event, ...]

    @property
    def subject(self) -> str:
        """One line: which lakehouse and night, and what, or of several how many."""
        counts = {word: sum(one.kind == kind for one in self.events) for kind, word in _WORDS.items()}
        told = ", ".join(f"{count} {word.lower()}" for word, count in counts.items() if count)
        if len(self.events) == 1:
            told = bounded(f"{told[2:]}, {self.events[0].what}", 150)
        return f"assay {self.lakehouse}, night of {self.as_of:%Y-%m-%d}: {told}"

    @property
    def text(self) -> str:
        """All of it for people; problems that are bad first."""
        ordered = sorted(self.events, key=lambda one: (one.kind == RESOLVED, one.severity != "bad"))
        parts = [_told(one) for one in ordered[:MOST]]
        if len(ordered) > MOST:
            parts.append(f"and {len(ordered) - MOST} more: assay alerts ls")
        return "\n\n".join([self.subject, *parts, f"page: {self.page}"])

    @property
    def json(self) -> dict[str, object]:
        """All of it for programs."""
        alerts = [_as_json(one) for one in self.events]
        return {
            "version": 1, "lakehouse": self.lakehouse, "as_of": self.as_of.isoformat(), "subject": self.subject,
            "page": self.page, "alerts": alerts,
        }  # fmt: skip


def _as_json(event: Event) -> dict[str, object]:
    return {
        "id": event.alert_id, "problem": event.problem.id, "event": event.kind, "severity": event.severity,
        "what": bounded(event.what), "details": [bounded(line) for line in event.details.splitlines()[:10]],
        "since": event.since.isoformat(), "run_ids": list(event.run_ids), "do": bounded(event.do),
        "kind": event.problem.kind, "subject": event.problem.subject, "monitor": event.problem.monitor,
        "name": event.problem.name,
    }  # fmt: skip


def _told(event: Event) -> str:
    rows = [
        ("since", f"the night of {event.since:%Y-%m-%d %H:%M} UTC"),
        *(("", line) for line in event.details.splitlines()[:10]),
        ("runs", ", ".join(event.run_ids)),
        ("do", event.do),
        ("alert", event.alert_id),
    ]
    head = bounded(f"{_WORDS[event.kind]} ({event.severity}): {event.what}")
    return "\n".join([head, *(f"  {name:<7}{bounded(text)}" for name, text in rows if text)])


def bounded(text: str, longest: int = LONGEST) -> str:
    """A text on one line, without secrets, and not longer than a message takes."""
    line = printable(redacted(text[:_SEEN]))
    return line if len(line) <= longest else line[: longest - 1] + "…"
