"""The monitors of the night's stages: failed, too slow, or silent."""

from collections.abc import Iterable, Iterator

from pydantic import Field

from assay.monitors.monitor import Settings, monitor
from assay.monitors.night import BRONZE, SILVER, Did, Key, Night, same_weekday
from assay.monitors.usual import ByHistory, usual_seconds
from assay.report.text import of_model
from assay.watch import BAD, OK, UNKNOWN, WARN, Finding, Status

LOOK, ALWAYS = 7, 5
"""What a stage did on so many of the nights before, it is expected to do."""
WRITES = {BRONZE: "records", SILVER: "accepted"}
"""What tells that these stages wrote; of others it is `rows`, of each target by itself."""


@monitor("failed", Settings, "lakehouse")
def failed(night: Night, settings: Settings) -> Iterable[Finding]:  # noqa: ARG001  # of all monitors
    """Whether each stage that ran for the night is done."""
    for (stage, model), found in sorted(night.stages.items()):
        is_bad = found.status == "failed"
        why = f"The stage {of_model(stage, model)} {'failed' if is_bad else 'is done'}."
        yield Finding(f"stage:{stage}", "failed", model, float(is_bad), BAD if is_bad else OK, why, 0.0, 1.0)


class Slow(ByHistory):
    """How long a stage may take."""

    floor: float = Field(default=30, ge=0)
    """The least seconds more than usual that are worth a look."""


@monitor("duration", Slow, "lakehouse")
def duration(night: Night, settings: Slow) -> Iterable[Finding]:
    """Seconds that each stage took, against its own nights before."""
    before = night.before(settings.history)
    alike = same_weekday([as_of for as_of, _ in before], night.as_of) if settings.same_weekday else None
    for (stage, model), found in sorted(night.stages.items()):
        if found.status != "done":
            continue
        past = [
            each[stage, model].seconds
            for as_of, each in before
            if (stage, model) in each and each[stage, model].status == "done" and (alike is None or as_of in alike)
        ]
        subject, name = f"stage:{stage}", of_model(stage, model)
        if len(past) < settings.at_least:
            why = f"{name} took {found.seconds:.1f} s; too little history, {len(past)} of {settings.at_least} nights."
            yield Finding(subject, "duration", model, found.seconds, UNKNOWN, why)
            continue
        usual = usual_seconds(past, settings.tolerance, settings.floor)
        status: Status = WARN if found.seconds > usual.most else OK
        why = f"{name} took {found.seconds:.1f} s; {usual.middle:.1f} s are usual, {usual.most:.1f} s pass."
        yield Finding(subject, "duration", model, found.seconds, status, why, usual.middle, usual.most)


@monitor("silence", Settings, "lakehouse")
def silence(night: Night, settings: Settings) -> Iterable[Finding]:  # noqa: ARG001  # of all monitors
    """Whether each stage ran that runs almost nightly, and wrote where it almost always writes."""
    before = [found for _, found in night.before()][-LOOK:]
    expected = {key for found in before for key in found if sum(key in each for each in before) >= ALWAYS}
    for stage, model in sorted(expected - set(night.stages)):
        nights = sum((stage, model) in each for each in before)
        why = f"The stage {of_model(stage, model)} did not run; it had on {nights} of the {len(before)} nights before."
        yield Finding(f"stage:{stage}", "silence", model, 0.0, BAD, why, 1.0, 1.0)
    for key, found in sorted(night.stages.items()):
        if found.status == "done":
            yield from _wrote(key, found, [each[key] for each in before if key in each])


def _wrote(key: Key, found: Did, before: list[Did]) -> Iterator[Finding]:
    """A finding for each thing that a stage writes almost always."""
    stage, _ = key
    now, past = _written(stage, found), [_written(stage, each) for each in before]
    for name in sorted({name for each in past for name in each} | set(now)):
        nights = [each.get(name, 0.0) > 0 for each in past]
        rows, told = now.get(name, 0.0), f"{stage} wrote {'nothing' if not now.get(name) else f'{now[name]:,.0f} rows'}"
        is_silent = not rows and sum(nights) >= ALWAYS
        why = f"{told}{f' of {name}' if name else ''}; it wrote on {sum(nights)} of the {len(nights)} nights before."
        yield Finding(f"stage:{stage}", "silence", name, rows, BAD if is_silent else OK, why, limit=1.0)


def _written(stage: str, found: Did) -> dict[str, float]:
    """Target -> rows written; of bronze and silver those of all sources together, under no name."""
    if stage in WRITES:
        return {"": found.total(WRITES[stage])}
    return {target: value for (target, metric), value in found.numbers.items() if metric == "rows"}
