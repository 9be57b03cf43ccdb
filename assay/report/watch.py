"""What the report says of what was watched: the night's findings, worst first, with those of the nights before."""

from __future__ import annotations

from datetime import datetime, timedelta

from assay.lakehouse import Lakehouse
from assay.report.night import WatchRow
from assay.watch import BAD, OK, UNKNOWN, WARN, Finding, watched

PAST = timedelta(days=30)
ORDER = (BAD, WARN, UNKNOWN, OK)


def watch_of(lakehouse: Lakehouse, as_of: datetime) -> tuple[WatchRow, ...]:
    """What was watched of a night; nothing where nobody has watched it. One Spark job, over the slices of some nights."""
    nights = watched(lakehouse, as_of - PAST, as_of)
    if not nights or nights[-1].as_of != as_of:
        return ()
    values = [{each.key: each.value for each in night.findings} for night in nights]

    def row(each: Finding) -> WatchRow:
        past = tuple(found.get(each.key) for found in values)
        return WatchRow(
            each.subject, each.monitor, each.name, each.status, each.why, each.value, each.expected, each.limit, past
        )

    return tuple(sorted(map(row, nights[-1].findings), key=_worst_first))


def _worst_first(row: WatchRow) -> tuple[int, float, str, str, str]:
    """By status, then by how far beyond the limit."""
    beyond = row.value / row.limit if row.value is not None and row.limit else 0.0
    return ORDER.index(row.status), -beyond, row.subject, row.monitor, row.name
