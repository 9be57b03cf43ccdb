"""`ops.alerts`: what somebody was to be told, and what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.alerts.problem import OPENED, REMINDED, RESOLVED, Delivery, Event, Incident, Problem
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.redaction import redacted

ALERTS = "ops.alerts"
SCHEMA = """
    alert_id string, event string, at timestamp, as_of timestamp, lakehouse string, kind string, subject string,
    monitor string, name string, incident int, number int, severity string, since timestamp, what string, details string,
    do string, run_ids array<string>, channels array<string>, channel string, why string
"""
DELIVERED, FAILED = "delivered", "failed"
_PROBLEM = ("lakehouse", "kind", "subject", "monitor", "name")


def write(lakehouse: Lakehouse, events: Sequence[Event], deliveries: Sequence[Delivery]) -> None:
    """Add events and deliveries, in one commit; none where there are none."""
    rows = [*map(_of_event, events), *map(_of_delivery, deliveries)]
    if rows:
        lakehouse.tables.create(ALERTS, T.StructType.fromDDL(SCHEMA))
        lakehouse.tables.append(ALERTS, local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1))


def incidents(lakehouse: Lakehouse) -> dict[Problem, Incident]:
    """The newest incident of each problem that somebody was told of. One Spark job, a row per problem."""
    if not lakehouse.tables.exists(ALERTS):
        return {}
    newest = (
        lakehouse.tables.read(ALERTS)
        .where(F.col("lakehouse") == F.lit(lakehouse.name))
        .groupBy(*_PROBLEM, "incident")
        .agg(F.collect_list(F.struct("*")).alias("rows"))
        .groupBy(*_PROBLEM)
        .agg(F.max_by("rows", "incident").alias("rows"))
        .collect()
    )
    return {Problem(*(row[name] for name in _PROBLEM)): _incident(row["rows"]) for row in newest}


def _incident(rows: Sequence[Any]) -> Incident:
    """An incident from its rows; what a commit without an answer has written twice counts once."""
    events = {row["alert_id"]: _event(row) for row in rows if row["event"] in (OPENED, REMINDED, RESOLVED)}
    delivered = frozenset((row["alert_id"], row["channel"]) for row in rows if row["event"] == DELIVERED)
    return Incident(tuple(sorted(events.values(), key=_place)), delivered)


def _place(event: Event) -> tuple[bool, int]:
    return event.kind == RESOLVED, event.number


def _event(row: Any) -> Event:
    return Event(
        Problem(*(row[name] for name in _PROBLEM)), row["event"], row["incident"], _utc(row["at"]), _utc(row["as_of"]),
        _utc(row["since"]), row["severity"], row["what"], row["details"], row["do"], tuple(row["run_ids"]),
        tuple(row["channels"]), row["number"],
    )  # fmt: skip


def _of_event(event: Event) -> dict[str, object]:
    return {
        **_common(event),
        "event": event.kind, "at": event.at, "severity": event.severity, "since": event.since,
        "what": redacted(event.what), "details": redacted(event.details), "do": redacted(event.do),
        "run_ids": list(event.run_ids), "channels": list(event.channels),
    }  # fmt: skip


def _of_delivery(made: Delivery) -> dict[str, object]:
    fate = {"event": FAILED if made.why else DELIVERED, "at": made.at, "channel": made.channel}
    return {**_common(made.event), **fate, "why": redacted(made.why) or None}


def _common(event: Event) -> dict[str, object]:
    return {
        "alert_id": event.alert_id, "as_of": event.as_of, "incident": event.incident, "number": event.number,
        **{name: getattr(event.problem, name) for name in _PROBLEM},
    }  # fmt: skip


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)
