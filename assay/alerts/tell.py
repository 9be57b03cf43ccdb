"""Tell people what is wrong on a night and what is over: look, write down, send, write down what came of it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from assay.alerts import command, mail, record, web  # noqa: F401  # they register what they send
from assay.alerts.channels import send_all
from assay.alerts.due import due, pending
from assay.alerts.findings import STAGE, newest, of_night, standings
from assay.alerts.message import Message, bounded
from assay.alerts.problem import (
    OPENED,
    REMINDED,
    RESOLVED,
    Delivery,
    Event,
    Finding,
    Incident,
    Incidents,
    Problem,
    Standing,
)
from assay.explained import first_lines
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage

logger = logging.getLogger(__name__)


def run(lakehouse: Lakehouse, as_of: datetime, page: str, night: Finding | None = None) -> Outcome:
    """Send what is due, as the stage `alerts`.

    What is to be told is in `ops.alerts` before it is sent, and what came of it after. So a process that dies leaves
    nothing untold: what has no delivery is sent by the next run, and may arrive twice, under the same id.

    Args:
        lakehouse: The lakehouse, with at least one channel.
        as_of: The night.
        page: Where the night's page is.
        night: Whether the night went to its end, where that is known.
    """

    def work(outcome: Outcome) -> None:
        settings = lakehouse.environment.alerts
        names = tuple(settings.channels)
        known = record.incidents(lakehouse)
        of_nights = {problem: one for problem, one in known.items() if problem.kind != "channel"}
        evidence = _with_night(standings(lakehouse, as_of), night)
        events = due(evidence, of_nights, as_of, datetime.now(UTC), settings.remind, names)
        record.write(lakehouse, events, [])
        known = _after(known, events, [])
        deliveries = _send(lakehouse, as_of, page, pending(known, names))

        of_channels = _of_channels(lakehouse, as_of, known, deliveries)
        record.write(lakehouse, of_channels, deliveries)
        known = _after(known, of_channels, deliveries)
        fresh = {one.problem: known[one.problem] for one in of_channels}
        seconds = _send(lakehouse, as_of, page, pending(fresh, names))
        record.write(lakehouse, [], seconds)
        _account(outcome, [*events, *of_channels], [*deliveries, *seconds])

    return run_stage(lakehouse, STAGE, as_of, work)


def run_directly(
    lakehouse: Lakehouse, as_of: datetime, page: str, error: BaseException | None, broken: BaseException
) -> dict[str, str]:
    """Tell of a night where the tables cannot be asked what was told before: the same id for the same night.

    Args:
        lakehouse: The lakehouse, with at least one channel.
        as_of: The night.
        page: Where the night's page is.
        error: What the night died of, if it did.
        broken: Why the tables cannot be asked.

    Returns:
        Channel -> why it has not taken the message; empty where it has.
    """
    found = of_night(lakehouse.name, as_of, datetime.now(UTC), error or broken)
    what = found.what if error else f"What is wrong on this night could not be looked up: {first_lines(broken)}"
    return _to_all(lakehouse, Message(lakehouse.name, as_of, page, (_alone(lakehouse, replace(found, what=what)),)))


def run_test(lakehouse: Lakehouse, at: datetime) -> dict[str, str]:
    """Send a test message by every channel; channel -> why it has not arrived, empty where it has."""
    found = Finding(
        Problem(lakehouse.name, "test", "alerts"), at, at, "warn", "This is a test: nothing is wrong.", do="Nothing."
    )
    page = lakehouse.environment.alerts.pages or str(lakehouse.folder("reports"))
    return _to_all(lakehouse, Message(lakehouse.name, at, page, (_alone(lakehouse, found),)))


def _alone(lakehouse: Lakehouse, found: Finding) -> Event:
    """An event that is in no table; its id is that of the problem and the night."""
    return Event(
        found.problem, OPENED, 0, found.at, found.as_of, found.as_of, found.severity or "bad", found.what, found.details,
        found.do, (), tuple(lakehouse.environment.alerts.channels), number=int(found.as_of.timestamp()),
    )  # fmt: skip


def _to_all(lakehouse: Lakehouse, message: Message) -> dict[str, str]:
    settings = lakehouse.environment.alerts
    return send_all(dict.fromkeys(settings.channels, message), settings.channels, settings.timeout.total_seconds())


def _with_night(evidence: Mapping[Problem, Standing], night: Finding | None) -> dict[Problem, Standing]:
    """The evidence, and that of the night itself unless a run that failed has told the same."""
    if night is None:
        return dict(evidence)
    why = night.what.partition(": ")[2]
    told = [one.now for one in evidence.values() if one.now is not None and one.now.as_of == night.as_of]
    if night.severity is not None and any(one.severity == "bad" and one.what.endswith(f": {why}") for one in told):
        return dict(evidence)
    return {**evidence, **newest([night], night.as_of)}


def _send(lakehouse: Lakehouse, as_of: datetime, page: str, waiting: Mapping[str, list[Event]]) -> list[Delivery]:
    """Send to each channel what waits for it, as one message."""
    settings = lakehouse.environment.alerts
    messages = {name: Message(lakehouse.name, as_of, page, tuple(events)) for name, events in waiting.items()}
    fates = send_all(messages, settings.channels, settings.timeout.total_seconds())
    at = datetime.now(UTC)
    return [Delivery(event, name, at, fates[name]) for name, events in waiting.items() for event in events]


def _of_channels(
    lakehouse: Lakehouse, as_of: datetime, known: Incidents, deliveries: Sequence[Delivery]
) -> list[Event]:
    """What the other channels have to be told of each: that it fails, or takes messages again, or is gone."""
    settings, at = lakehouse.environment.alerts, datetime.now(UTC)
    fates = {made.channel: made.why for made in deliveries}
    gone = {one.subject: "" for one in known if one.kind == "channel" and one.subject not in settings.channels}
    events = []
    for name, why in {**fates, **gone}.items():
        problem = Problem(lakehouse.name, "channel", name)
        found = Finding(
            problem, as_of, at, "bad" if why else None, f"The channel {name} of alerts takes no messages: {why}",
            do=f"Put it right in {lakehouse.environment.origin.file}; assay alerts test sends it a message. What it has "
            "missed is sent with the next night.",
        )  # fmt: skip
        before = {problem: known[problem]} if problem in known else {}
        others = [other for other in settings.channels if other != name]
        events += due({problem: Standing(found, found)}, before, as_of, at, settings.remind, others)
    return events


def _after(known: Incidents, events: Iterable[Event], deliveries: Iterable[Delivery]) -> dict[Problem, Incident]:
    """What is known once some events and deliveries are written down."""
    result = dict(known)
    for event in events:
        before = result.get(event.problem)
        if before is None or event.kind == OPENED:
            result[event.problem] = Incident((event,))
        else:
            result[event.problem] = replace(before, events=(*before.events, event))
    for made in deliveries:
        one = result[made.event.problem]
        arrived = {(made.event.alert_id, made.channel)} if not made.why else set()
        result[made.event.problem] = replace(one, delivered=one.delivered | arrived)
    return result


def _account(outcome: Outcome, events: Sequence[Event], deliveries: Sequence[Delivery]) -> None:
    """Metrics and notes of the run; a channel that failed is told in the log too, as a night that fails shows no notes."""
    kinds: list[str] = [event.kind for event in events]
    opened, reminded, resolved = (kinds.count(kind) for kind in (OPENED, REMINDED, RESOLVED))
    outcome.measure("alerts", opened=opened, reminded=reminded, resolved=resolved)
    outcome.notes += [bounded(f"{event.kind}: {event.what}") for event in events]
    for name in dict.fromkeys(made.channel for made in deliveries):
        fates = [made.why for made in deliveries if made.channel == name]
        outcome.measure(name, delivered=fates.count(""), failed=sum(map(bool, fates)))
        if why := next(filter(None, fates), ""):
            outcome.notes.append(f"the channel {name} took no message: {why}")
            logger.warning("the channel %s took no message: %s", name, why)
