"""The monitor of how much each feed brought."""

from collections.abc import Iterable, Mapping

from pydantic import Field

from assay.config import Source
from assay.config.checks import Share
from assay.monitors.monitor import monitor
from assay.monitors.night import SILVER, Did, Key, Night, same_weekday
from assay.monitors.usual import ByHistory, Range, usual_count
from assay.watch import BAD, OK, UNKNOWN, Finding

LOOK, NIGHTLY = 7, 5
"""A source that brought records on so many of the nights before is missed on the night when it does not."""


class Volume(ByHistory):
    """How many records a source may bring."""

    floor: Share = Field(default=0.4)
    """The least part more, or less, that is unusual."""


@monitor("volume", Volume, "lakehouse")
def volume(night: Night, settings: Volume) -> Iterable[Finding]:
    """Records that each source brought, against the nights before that brought some. Of a source with a baseline, what that
    has recorded. One that brings records almost nightly is missed when it brings none.
    """
    for source in night.lakehouse.config.sources.values():
        yield _of(night, source, settings)


def _of(night: Night, source: Source, settings: Volume) -> Finding:
    subject, landed = f"feed:{source.name}", _landed(night.stages, source.name)
    past = [(as_of, _landed(found, source.name)) for as_of, found in night.before(settings.history)]
    there = [as_of for as_of, rows in past if rows]
    if not landed:
        recent = [rows > 0 for _, rows in past][-LOOK:]
        if len(recent) >= NIGHTLY and sum(recent) >= NIGHTLY:
            middle = usual_count([rows for _, rows in past if rows], settings.tolerance, settings.floor).middle
            why = f"{source.name} brought nothing; it had on {sum(recent)} of the {len(recent)} nights before."
            return Finding(subject, "volume", "rows", 0.0, BAD, why, round(middle), 1.0)
        return Finding(subject, "volume", "rows", 0.0, OK, f"{source.name} brought nothing, and does not nightly.")
    recorded = night.volumes.get(source.name)
    if recorded is not None and recorded["expected"] is not None:
        within = Range(recorded["expected"], recorded["least"] or 0.0, recorded["most"])
        return _compared(subject, source.name, recorded["value"], within, "by its baseline")
    if settings.same_weekday:
        there = same_weekday(there, night.as_of)
    if len(there) < settings.at_least:
        why = f"{source.name} brought {landed:,.0f} records; too little history, {len(there)} of {settings.at_least} nights."
        return Finding(subject, "volume", "rows", landed, UNKNOWN, why)
    counts = [rows for as_of, rows in past if as_of in there]
    within = usual_count(counts, settings.tolerance, settings.floor)
    return _compared(subject, source.name, landed, within, f"by {len(counts)} nights before")


def _compared(subject: str, source: str, rows: float, within: Range, by: str) -> Finding:
    low = rows < within.middle
    limit = within.least if low else within.most
    unusual = rows < within.least if low else rows > within.most
    usual = f"{within.middle:,.0f} are usual {by}, {within.least:,.0f} to {within.most:,.0f} pass"
    return Finding(
        subject, "volume", "rows", rows, BAD if unusual else OK, f"{source} brought {rows:,.0f} records; {usual}.",
        within.middle, limit,
    )  # fmt: skip


def _landed(stages: Mapping[Key, Did], source: str) -> float:
    found = stages.get((SILVER, ""))
    return found.numbers.get((source, "landed"), 0.0) if found else 0.0
