"""Green, amber or red: whether a night can be trusted, and why."""

from collections.abc import Sequence

from assay.report.night import AuditRow, FeedRow, ModelBlock, StageRow, Verdict
from assay.report.text import of_model

SHADOW = "shadow"
"""The stage in which a challenger scores: the night's predictions do not hang on it."""
NIGHTLY = 5
"""A source that delivered on at least so many of seven days is missed on the night when it does not."""


def verdict(
    stages: Sequence[StageRow],
    feeds: Sequence[FeedRow],
    models: Sequence[ModelBlock] = (),
    audits: Sequence[AuditRow] = (),
) -> Verdict:
    """Red: a stage or the newest audit failed, a stage was stopped, rows are unaccounted for, or a model has scored
    nothing. Amber: rows were quarantined, a feed that delivers nightly brought nothing, a challenger did not score, or the
    training of a version failed a gate. Green otherwise.

    Args:
        stages: The night's stages.
        feeds: What each source brought.
        models: The models of the lakehouse; where there are several, each reason names the one that it speaks of.
        audits: The newest audit of each kind.
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
    amber += [
        f"{feed.source} brought nothing; it had delivered on {feed.days_of_last_seven} of the 7 days before."
        for feed in feeds
        if not feed.files and feed.days_of_last_seven >= NIGHTLY
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
    if red:
        return Verdict("red", tuple(red + amber))
    if amber:
        return Verdict("amber", tuple(amber))
    return Verdict("green", ("Every stage is done, every row is accounted for, and the night is scored.",))
