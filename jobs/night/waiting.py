"""A night waits for sources that are not as fresh as their contracts ask."""

from datetime import UTC, datetime, timedelta

from assay.dag import RUN, State
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from bronze.arrivals import arrived
from silver.freshness import stale

POLL = timedelta(seconds=30)
"""Between two looks whether something has come."""


def wait_state(lakehouse: Lakehouse, as_of: datetime) -> State:
    """Whether there is something to wait for, and time left."""
    wait = lakehouse.config.file.night.wait
    if wait is None:
        return State("not due", "night.wait is not set")
    if not any(source.freshness for source in lakehouse.config.sources.values()):
        return State("not due", "no contract asks for freshness")
    if lakehouse.control.clock() >= as_of + wait:
        return State("not due", f"the wait was over at {_told(as_of + wait)}")
    return RUN


def wait(lakehouse: Lakehouse, as_of: datetime) -> list[Outcome]:
    """Wait until each source that is not fresh has brought something, or the time is over.

    Whether what came makes it fresh is for silver to say, which names the sources that are not and stops, or goes on, as
    their contracts say.
    """
    return [run_stage(lakehouse, "wait", as_of, lambda outcome: _wait(lakehouse, outcome))]


def _wait(lakehouse: Lakehouse, outcome: Outcome) -> None:
    control, as_of = lakehouse.control, outcome.as_of
    until = as_of + (lakehouse.config.file.night.wait or timedelta())
    lacking = {
        name: found for name, source in lakehouse.config.sources.items() if (found := stale(lakehouse, source, as_of))
    }
    while lacking:
        came = arrived(lakehouse, [lakehouse.config.sources[name] for name in lacking], as_of)
        outcome.notes += [f"{name}: there is something to land at {_told(control.clock())}" for name in sorted(came)]
        lacking = {name: found for name, found in lacking.items() if name not in came}
        left = until - control.clock()
        if not lacking or left <= timedelta():
            break
        control.sleep(min(POLL, left))
    for name, found in lacking.items():
        newest = f"its newest event is of {_told(found.newest)}" if found.newest else "it has no event"
        outcome.notes.append(
            f"{name}: nothing to land had come by {_told(until)}; {newest}, and one since {_told(found.earliest)} is expected"
        )
    outcome.measure("wait", lacking=len(lacking))


def _told(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC):%Y-%m-%d %H:%M}Z"
