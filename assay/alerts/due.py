"""What somebody has to be told: each problem once, again after a while, and when it is over. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from assay.alerts.problem import OPENED, REMINDED, RESOLVED, Event, Finding, Incident, Incidents, Problem, Standing


def due(
    standings: Mapping[Problem, Standing],
    incidents: Incidents,
    as_of: datetime,
    at: datetime,
    remind: timedelta,
    channels: Sequence[str],
) -> list[Event]:
    """The events of a night.

    A problem is over once the newest evidence says so; where there is no evidence, it stays.

    Args:
        standings: The evidence of each problem that there is any of.
        incidents: The newest incident of each problem that somebody was told of.
        as_of: The night.
        at: The time by the clock.
        remind: A problem that stays is told again after so long, in nights.
        channels: Who is to be told.
    """
    events = []
    for problem in sorted({*standings, *incidents}):
        event = _event(standings.get(problem), incidents.get(problem), as_of, remind)
        if event is not None:
            events.append(replace(event, at=at, channels=tuple(channels)))
    return events


def _event(standing: Standing | None, incident: Incident | None, as_of: datetime, remind: timedelta) -> Event | None:
    now, newest = (standing.now, standing.newest) if standing else (None, None)
    is_bad = now is not None and now.severity is not None
    if incident is None or not incident.is_open:
        return _opened(now, incident, as_of) if is_bad and now is not None else None
    if newest is not None and newest.severity is None and not is_bad:
        return _over(incident, newest, as_of)
    if incident.last.as_of + remind <= as_of:
        return _reminded(incident, now if is_bad else None, as_of)
    return None


def _opened(found: Finding, before: Incident | None, as_of: datetime) -> Event | None:
    """A new incident; none of evidence that was there when the one before was over."""
    if before is not None and found.at <= before.last.at:
        return None
    number = 1 if before is None else before.last.incident + 1
    return Event(
        found.problem, OPENED, number, found.at, as_of, found.as_of, found.severity or "bad", found.what, found.details,
        found.do, found.run_ids, (),
    )  # fmt: skip


def _reminded(incident: Incident, found: Finding | None, as_of: datetime) -> Event:
    """The same again, with the newest numbers where there are any."""
    last = replace(incident.last, kind=REMINDED, number=incident.last.number + 1, as_of=as_of)
    if found is None:
        return last
    return replace(
        last, severity=found.severity or last.severity, what=found.what, details=found.details, do=found.do,
        run_ids=found.run_ids,
    )  # fmt: skip


def _over(incident: Incident, found: Finding, as_of: datetime) -> Event:
    return replace(
        incident.last,
        kind=RESOLVED,
        number=0,
        as_of=as_of,
        details="",
        do="Nothing: it is over.",
        run_ids=found.run_ids,
    )


def pending(incidents: Incidents, channels: Sequence[str]) -> dict[str, list[Event]]:
    """Channel -> what it has not been told yet, of those that there are. Of each incident the newest event says it all."""
    waiting: dict[str, list[Event]] = {}
    for _, incident in sorted(incidents.items(), key=lambda item: item[0]):
        for channel in incident.last.channels:
            if channel in channels and (incident.last.alert_id, channel) not in incident.delivered:
                waiting.setdefault(channel, []).append(incident.last)
    return waiting
