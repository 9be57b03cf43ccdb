"""The monitors of what became of predictions: against the holdout, and against a challenger's."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from assay.errors import ModelError, nearest
from assay.monitors import NotToldError, Settings, monitor
from assay.times import Duration
from assay.watch import BAD, OK, UNKNOWN, WARN, Finding
from model.compare import compare
from model.gates.bootstrap import MEASURES
from model.gates.gate import Number
from model.monitors.scored import ALL, Scored, Slice
from model.registry import CHALLENGER, CHAMPION
from model.tasks import TASKS, Metrics

SHARES = ("rmse", "mae", "log_loss")
"""Metrics without a scale of their own: how much worse they may be is told as a part of the holdout's."""
WORSE = {
    "auc": 0.08, "log_loss": 0.3, "calibration_error": 0.15, "brier": 0.08, "accuracy": 0.1, "rmse": 0.3, "mae": 0.3,
    "r2": 0.2, "ndcg": 0.08, "ndcg_10": 0.08, "mrr": 0.1,
}  # fmt: skip
GREATER_IS_BETTER = {**{name: found.greater_is_better for name, found in MEASURES.items()},
                     "ndcg": True, "ndcg_10": True, "mrr": True}  # fmt: skip


class Realised(Settings):
    """What is asked of predictions whose labels are known."""

    window: Duration = timedelta(days=7)
    """Nights before this one whose predictions are looked at."""

    rows: Annotated[int, Field(ge=1)] = 200
    """With fewer rows whose labels are known nothing is said."""


class Quality(Realised):
    """How much worse than on the holdout realised metrics may be."""

    worse: dict[str, Annotated[Number, Field(gt=0)]] = {}
    """Metric -> how much worse it may be than on the holdout, where that is not the metric's own: a difference; of `rmse`,
    `mae` and `log_loss` a part of the holdout's."""

    @field_validator("worse")
    @classmethod
    def _known(cls, worse: dict[str, float]) -> dict[str, float]:
        for name in worse:
            if name not in WORSE:
                raise ValueError(f"{name} is no metric that is watched: {nearest(name, WORSE)}")
        return worse


class Ahead(Realised):
    """How far a challenger may be ahead."""

    lead: Annotated[Number, Field(gt=0)] = 0.02
    """A lead of the challenger by the main metric that is worth a look; of `rmse` and `log_loss` a part of the champion's."""


@monitor("quality", Quality, "model")
def quality(scored: Scored, settings: Quality) -> Iterable[Finding]:
    """Metrics of the last nights' predictions on the labels that are known by now, in all and per slice, against the holdout
    of the version that scored last.
    """
    reference, window = scored.reference, f"{settings.window.days:,} days"
    expected: dict[Slice, Metrics] = {(ALL, None): reference.holdout}
    expected |= {(each.column, each.value): each.metrics for each in reference.slices}
    realised = scored.realised(settings.window)
    whole = realised.get((ALL, None), {"rows": 0})["rows"]
    if whole < settings.rows:
        raise NotToldError(
            f"{whole:,.0f} predictions of the last {window} have a label by now, and {settings.rows:,} are needed"
        )
    for key, holdout in expected.items():
        yield from _of_slice(scored, key, realised.get(key, {"rows": 0}), holdout, settings)


def _of_slice(scored: Scored, key: Slice, found: Metrics, holdout: Metrics, settings: Quality) -> Iterator[Finding]:
    subject, column = f"model:{scored.model.name}", key[0]
    where = f" {column}={key[1]}" if column else ""
    names = [name for name in TASKS[scored.model.task].metrics if name in WORSE] if not column else [
        TASKS[scored.model.task].main
    ]  # fmt: skip
    for name in names:
        value, before = found.get(name, math.nan), holdout.get(name, math.nan)
        told = f"{name}{where}"
        if found["rows"] < settings.rows or not (math.isfinite(value) and math.isfinite(before)):
            why = f"Cannot be told: {told} over {found['rows']:,.0f} rows with a label, of {settings.rows:,} that are needed."
            yield Finding(subject, "quality", told, None, UNKNOWN, why)
            continue
        limit = _limit(name, before, settings.worse)
        is_bad = value < limit if GREATER_IS_BETTER[name] else value > limit
        asked = "at least" if GREATER_IS_BETTER[name] else "at most"
        why = f"{told} is {value:.3f} on {found['rows']:,.0f} predictions whose labels are known; {before:.3f} on the holdout, {asked} {limit:.3f} is asked."
        details = {"rows": float(found["rows"])}
        yield Finding(subject, "quality", told, value, BAD if is_bad else OK, why, before, limit, details)


def _limit(name: str, before: float, worse: Mapping[str, float]) -> float:
    """Where a metric is worse than it may be."""
    allowed = worse.get(name, WORSE[name]) * (abs(before) if name in SHARES else 1.0)
    return before - allowed if GREATER_IS_BETTER[name] else before + allowed


@monitor("challenger", Ahead, "model")
def challenger(scored: Scored, settings: Ahead) -> Iterable[Finding]:
    """The challenger's lead by the main metric over the rows that both have scored and whose labels are known. Of a model
    without a challenger nothing is told.
    """
    before = [*scored.night.before(settings.window), (scored.as_of, scored.night.stages)]
    if not any(("shadow", scored.model.name) in stages for _, stages in before):
        return
    try:
        together = compare(scored.predictions(settings.window), scored.known(settings.window), scored.model)[-1]
    except ModelError as error:
        raise NotToldError(str(error.found)) from error
    ours, theirs = (together.metrics[role] for role in (CHAMPION, CHALLENGER))
    if ours["rows"] < settings.rows:
        raise NotToldError(f"both have scored {ours['rows']:,.0f} rows with a label, and {settings.rows:,} are needed")
    main = TASKS[scored.model.task].main
    sign = 1 if TASKS[scored.model.task].greater_is_better else -1
    lead = sign * (theirs[main] - ours[main])
    limit = settings.lead * (abs(ours[main]) if main in SHARES else 1.0)
    versions = {role: ", ".join(map(str, found)) for role, found in together.versions.items()}
    why = (
        f"By {main} the challenger (version {versions[CHALLENGER]}) has {theirs[main]:.3f}, the champion (version "
        f"{versions[CHAMPION]}) {ours[main]:.3f} on the same {ours['rows']:,.0f} rows; a lead of {limit:.3f} is worth a look."
    )
    yield Finding(f"model:{scored.model.name}", "challenger", main, lead, WARN if lead > limit else OK, why, 0.0, limit)
