"""`ops.watch`: what was watched of a night and how it compares, a row per subject, monitor and name; one slice per night.

The watch stage writes it; alerts, policies and the night's page read it, and nothing else of the monitors.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pyspark.sql import functions as F

from assay.errors import TableError
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.redaction import redacted
from assay.tables import Commit

WATCH = "ops.watch"
SCHEMA = """
    run_id string, as_of timestamp, subject string, monitor string, name string, value double, expected double,
    limit double, status string, why string, details map<string, double>
"""
Status = Literal["ok", "warn", "bad", "unknown"]
OK: Final = "ok"
"""As it should be."""
WARN: Final = "warn"
"""Worth a look."""
BAD: Final = "bad"
"""Not as it should be."""
UNKNOWN: Final = "unknown"
"""It could not be told, which is never as good as `ok`."""


@dataclass(frozen=True)
class Finding:
    """What one monitor found of one thing on one night."""

    subject: str
    """`feed:weather`, `model:late_arrival`, `stage:silver`."""
    monitor: str
    """The monitor's registered name."""
    name: str
    """The column, input, slice or metric that it is about; empty where the subject says it all."""
    value: float | None
    """None where it could not be evaluated."""
    status: Status
    why: str
    """One sentence, with its numbers."""
    expected: float | None = None
    """What would be usual; None where nothing is known."""
    limit: float | None = None
    """Where `bad` begins, or `warn` of what is never worse; None where there is no limit."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Other numbers of the same thing."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it within a night."""
        return self.subject, self.monitor, self.name


@dataclass(frozen=True)
class Watched:
    """A night that was watched."""

    as_of: datetime
    run_id: str
    """The run of the watch stage, in `ops.runs`."""
    findings: tuple[Finding, ...]
    """In order of subject, monitor and name."""


def write(lakehouse: Lakehouse, as_of: datetime, run_id: str, findings: Sequence[Finding]) -> Commit:
    """Replace a night's slice by some findings.

    Raises:
        TableError: Two findings are of the same subject, monitor and name.
    """
    twice = [key for key, count in Counter(found.key for found in findings).items() if count > 1]
    if twice:
        raise TableError(
            "Two findings of a night are of the same thing.", where=WATCH, found=" ".join(twice[0]).strip(),
            expected="one row per subject, monitor and name", do="report this: a monitor tells something twice",
        )  # fmt: skip
    rows = [_row(as_of, run_id, found) for found in sorted(findings, key=lambda one: one.key)]
    frame = local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1)
    return lakehouse.tables.replace(WATCH, frame, slice_of={"as_of": [as_of]})


def watched(lakehouse: Lakehouse, first: datetime, last: datetime) -> list[Watched]:
    """The nights from `first` to `last` that were watched, oldest first. One Spark job, which reads their slices only."""
    if not lakehouse.tables.exists(WATCH):
        return []
    of_range = F.col("as_of").between(F.lit(first), F.lit(last))
    rows = lakehouse.tables.read(WATCH).where(of_range).collect()
    nights: dict[tuple[datetime, str], list[Finding]] = {}
    for row in rows:
        night = row["as_of"].replace(tzinfo=UTC), row["run_id"]
        nights.setdefault(night, []).append(_finding(row))
    return [
        Watched(as_of, run_id, tuple(sorted(nights[as_of, run_id], key=lambda one: one.key)))
        for as_of, run_id in sorted(nights)
    ]


def _row(as_of: datetime, run_id: str, found: Finding) -> dict[str, Any]:
    return {
        "run_id": run_id, "as_of": as_of, "subject": found.subject, "monitor": found.monitor, "name": found.name,
        "value": finite(found.value), "expected": finite(found.expected), "limit": finite(found.limit),
        "status": found.status, "why": redacted(found.why),
        "details": [(name, float(value)) for name, value in sorted(found.details.items()) if math.isfinite(value)],
    }  # fmt: skip


def _finding(row: Any) -> Finding:
    return Finding(
        row["subject"], row["monitor"], row["name"], row["value"], row["status"], row["why"], row["expected"],
        row["limit"], row["details"] or {},
    )  # fmt: skip


def finite(value: float | None) -> float | None:
    """A number; None for what is none."""
    return None if value is None or not math.isfinite(value) else float(value)
