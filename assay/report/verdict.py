"""Green, amber or red: whether a night can be trusted, and why."""

from collections.abc import Sequence

from assay.config import Model
from assay.report.night import AuditRow, FeedRow, ModelBlock, Scores, StageRow, Verdict

SHADOW = "shadow"
"""The stage in which a challenger scores: the night's predictions do not hang on it."""
NIGHTLY = 5
"""A source that delivered on at least so many of seven days is missed on the night when it does not."""


def verdict(
    stages: Sequence[StageRow],
    feeds: Sequence[FeedRow],
    scores: Scores | None,
    model: Model | None,
    trained: ModelBlock | None,
    audits: Sequence[AuditRow] = (),
) -> Verdict:
    """Red: a stage or the newest audit failed, rows are unaccounted for, or nothing was scored. Amber: rows were quarantined, a feed that
    delivers nightly brought nothing, a challenger did not score, or the version's training failed a gate. Green
    otherwise.

    Args:
        stages: The night's stages.
        feeds: What each source brought.
        scores: The night's scores, if any.
        model: The model that should have scored, if there is one.
        trained: Its training.
        audits: The newest audit of each kind.
    """
    failed = [stage.stage for stage in stages if stage.status == "failed"]
    red = [f"The stage {stage} failed." for stage in failed if stage != SHADOW]
    red += [f"{feed.unaccounted} rows of {feed.source} are unaccounted for." for feed in feeds if feed.unaccounted]
    red += [f"The audit {a.audit} as of {a.as_of:%Y-%m-%d} failed." for a in audits if a.status == "failed"]
    if model is not None and scores is None:
        red.append(f"{model.name} has no predictions for this night.")
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
    if SHADOW in failed:
        amber.append("The challenger did not score; the champion's predictions stand.")
    if trained is not None:
        amber += [f"The gate {gate.gate} failed." for gate in trained.gates if not gate.passed]
    if red:
        return Verdict("red", tuple(red + amber))
    if amber:
        return Verdict("amber", tuple(amber))
    return Verdict("green", ("Every stage is done, every row is accounted for, and the night is scored.",))
