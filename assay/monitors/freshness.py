"""The monitor of how recent each feed is: what silver has measured, where a contract asks for it."""

from collections.abc import Iterable

from assay.monitors.monitor import Settings, monitor
from assay.monitors.night import SILVER, Night
from assay.times import format_duration
from assay.watch import BAD, OK, UNKNOWN, Finding


@monitor("freshness", Settings, "lakehouse")
def freshness(night: Night, settings: Settings) -> Iterable[Finding]:  # noqa: ARG001  # of all monitors
    """Whether the newest event of a source is as recent as its contract's `freshness` asks: what the night's silver measured."""
    silver = night.stages.get((SILVER, ""))
    for source in night.lakehouse.config.sources.values():
        if source.freshness is None or source.event_time is None:
            continue
        subject, asked = f"feed:{source.name}", format_duration(source.freshness.within)
        stale = silver.numbers.get((source.name, "stale")) if silver else None
        if stale is None:
            why = f"Whether {source.name} is fresh was not measured: silver has not come so far."
            yield Finding(subject, "freshness", "", None, UNKNOWN, why)
        else:
            why = f"{source.name} has {'no event' if stale else 'an event'} of the {asked} before the night."
            yield Finding(subject, "freshness", "", stale, BAD if stale else OK, why, 0.0, 1.0)
