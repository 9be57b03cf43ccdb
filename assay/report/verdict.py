"""Green, amber or red: whether a night can be trusted, and why."""

from collections.abc import Sequence

from assay.report.night import AuditRow, FeedRow, ModelBlock, StageRow, Verdict, WatchRow
from assay.report.text import of_model

SHADOW = "shadow"
"""The stage in which a challenger scores: the night's predictions do not hang on it."""
RED = ("quality", "silence")
"""Monitors by which a night cannot be relied on; what others find is to be looked at."""
TOLD = "failed"
"""The monitor whose findings the stages tell themselves."""
NIGHTLY = 5
"""A source that delivered on at least so many of seven days is missed on the night when it does not."""


def verdict(
    stages: Sequence[StageRow],
    feeds: Sequence[FeedRow],
    models: Sequence[ModelBlock] = (),
    audits: Sequence[AuditRow] = (),
    watch: Sequence[WatchRow] = (),
) -> Verdict:
    """Red: a stage or the newest audit failed, a stage was stopped or silent, rows are unaccounted for, a model has scored
    nothing, or realised quality is bad. Amber: rows were quarantined, a feed that delivers nightly brought nothing, a
    challenger did not score, the version that scored or the night's training failed a gate, or anything else that is watched is bad. Green
    otherwise.

    Args:
        stages: The night's stages.
        feeds: What each source brought.
        models: The models of the lakehouse; where there are several, each reason names the one that it speaks of.
        audits: The newest audit of each kind.
        watch: What was watched of the night.
    """
    failed = [stage for stage in stages if stage.status == "failed"]
    red = [f"The stage {stage.told} failed." for stage in failed if stage.stage != SHADOW]
    red += [f"The stage {stage.told} was stopped." for stage in stages if stage.status == "stopped"]
    red += [f"{feed.unaccounted} rows of {feed.source} are unaccounted for." for feed in feeds if feed.unaccounted]
    red += [f"The audit {a.told} as of {a.as_of:%Y-%m-%d} failed." for a in audits if a.status == "failed"]
    red += [f"{model.name} has no predictions for this night." for model in models if model.scores is None]
    amber = [
        f"{feed.quarantined:,} of {feed.landed:,} rows of {feed.source} are in quarantine."
        for feed in feeds
        if feed.quarantined
    ]
    missed = [feed for feed in feeds if not feed.files and feed.days_of_last_seven >= NIGHTLY]
    amber += [
        f"{feed.source} brought nothing; it had delivered on {feed.days_of_last_seven} of the 7 days before."
        for feed in missed
    ]
    if not any(feed.landed for feed in feeds):
        amber.append("No source brought anything.")
    amber += [
        f"The {of_model('challenger', stage.model)} did not score; the champion's predictions stand."
        for stage in failed
        if stage.stage == SHADOW
    ]
    amber += [
        f"The gate {of_model(gate.gate, model.name if len(models) > 1 else None)} failed."
        for model in models
        for gate in model.gates
        if not gate.passed
    ]
    amber += [
        f"The {of_model('training', model.name if len(models) > 1 else None)} for this night did not pass "
        f"{model.refused.names}; version {model.version} goes on."
        for model in models
        if model.refused
    ]
    told = [f"feed:{feed.source}" for feed in missed]
    silent, unlike = _unlike([row for row in watch if row.subject not in told])
    red, amber = red + silent, amber + unlike
    if red:
        return Verdict("red", tuple(red + amber))
    if amber:
        return Verdict("amber", tuple(amber))
    return Verdict("green", ("Every stage is done, every row is accounted for, and the night is scored.",))


def _unlike(rows: Sequence[WatchRow]) -> tuple[list[str], list[str]]:
    """What is bad, a sentence for each monitor and subject: why a night is red, and why amber."""
    groups: dict[tuple[str, str], list[WatchRow]] = {}
    for row in rows:
        if row.status == "bad" and row.monitor != TOLD:
            kind = row.subject.partition(":")[0]
            groups.setdefault((row.monitor, row.subject if kind in ("model", "features") else kind), []).append(row)
    told: tuple[list[str], list[str]] = ([], [])
    for (monitor, subject), bad in groups.items():
        of = f"{subject.partition(':')[2]}: " if ":" in subject else ""
        more = f" And {len(bad) - 1} more of that kind." if len(bad) > 1 else ""
        told[0 if monitor in RED else 1].append(f"{of}{bad[0].why}{more}")
    return told
