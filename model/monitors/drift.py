"""The monitors of drift: whether what is scored, and what comes of it, looks as it did in training."""

import math
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from assay.monitors import NotToldError, Settings, monitor
from assay.watch import BAD, OK, UNKNOWN, WARN, Finding, Status
from model.distances import Numbers, by_chance, index, jensen_shannon, of_quantiles
from model.gates.gate import Number
from model.monitors.scored import Scored
from model.reference import Distribution, quantiles_of, share_missing


class Compared(Settings):
    """What a night needs to be compared with training."""

    rows: Annotated[int, Field(ge=1)] = 50
    """With fewer rows in the night nothing is said."""

    times: Annotated[Number, Field(ge=1)] = 1.5
    """So many times what the most unusual night of training had is never drift."""


class Drift(Compared):
    """How far a night may be from training."""

    warn: Annotated[Number, Field(gt=0)] = 0.1
    """The population stability index from which on it is worth a look."""

    max: Annotated[Number, Field(gt=0)] = 0.25
    """The greatest one that is no drift."""


class InputDrift(Drift):
    """How far a night's inputs may be from those of training."""

    inputs: tuple[str, ...] = ("*",)
    """Which to look at, by name or pattern, as in `*_28d`."""


class Nulls(Compared):
    """How many values may be missing."""

    max: Annotated[Number, Field(gt=0, le=1)] = 0.1
    """How much greater the share of missing values may be than in training."""


@monitor("drift", InputDrift, "model")
def drift(scored: Scored, settings: InputDrift) -> Iterable[Finding]:
    """The population stability index of each input of the night against the training range of the version that scored."""
    for name, trained in scored.reference.inputs.items():
        if any(fnmatchcase(name, pattern) for pattern in settings.inputs):
            yield _of_input(scored, settings, name, trained)


def _of_input(scored: Scored, settings: InputDrift, name: str, trained: Distribution) -> Finding:
    subject = f"features:{scored.model.name}"
    if name not in scored.inputs.column_names:
        return Finding(subject, "drift", name, None, UNKNOWN, f"Cannot be told: the night's inputs lack {name}.")
    return drifted(subject, "drift", name, trained, scored.inputs.column(name), settings)


@monitor("score_drift", Drift, "model")
def score_drift(scored: Scored, settings: Drift) -> Iterable[Finding]:
    """The population stability index of the night's scores against those of the holdout of the version that scored."""
    if scored.reference.score is None:
        raise NotToldError(f"version {scored.version} had no holdout")
    subject = f"model:{scored.model.name}"
    yield drifted(subject, "score_drift", "score", scored.reference.score, scored.scores, settings)


@monitor("nulls", Nulls, "model")
def nulls(scored: Scored, settings: Nulls) -> Iterable[Finding]:
    """The share of missing values of each input, against the training range of the version that scored."""
    subject = f"features:{scored.model.name}"
    for name, trained in scored.reference.inputs.items():
        if name in scored.inputs.column_names:  # where not, drift has said so
            yield _missing(subject, name, trained, trained.count(scored.inputs.column(name)), settings)


def drifted(subject: str, monitor_name: str, name: str, trained: Distribution, values: Any, settings: Drift) -> Finding:
    """One column of the night against its distribution in training."""
    before, now = np.array(trained.counts, np.float64), trained.count(values)
    if (few := _few(subject, monitor_name, name, now, settings)) is not None:
        return few
    value, chance = index(before, now), by_chance(before, now)
    usual = trained.psi
    limit = max(settings.max, chance, settings.times * usual.most if usual else 0.0)
    look = max(settings.warn, chance, usual.most if usual else 0.0)
    status: Status = BAD if value > limit else WARN if value > look else OK
    ordinary = f"; nights of training had {usual.middle:.2f}, at most {usual.most:.2f}" if usual else ""
    why = (
        f"{name} is {value:.2f} from training by its stability index on {now.sum():,.0f} rows, {limit:.2f} pass{ordinary}; "
        f"{share_missing(now):.1%} missing, {trained.missing:.1%} in training."
    )
    details = {
        "jensen_shannon": jensen_shannon(before, now),
        "missing": share_missing(now),
        "missing_in_training": trained.missing,
        "rows": float(now.sum()),
    }
    if trained.labels is None:
        details["quantile_distance"] = of_quantiles(np.array(trained.quantiles), quantiles_of(values))
    else:
        details["other_values"] = float(now[-2] / now.sum())
    return Finding(subject, monitor_name, name, value, status, why, usual.middle if usual else None, limit, details)


def _missing(subject: str, name: str, trained: Distribution, now: Numbers, settings: Nulls) -> Finding:
    if (few := _few(subject, "nulls", name, now, settings)) is not None:
        return few
    value, before = share_missing(now), trained.missing
    chance = 3 * math.sqrt(before * (1 - before) / now.sum())
    most = trained.nulls.most if trained.nulls else before
    limit = min(max(before + settings.max, before + chance, settings.times * most), 1.0)
    why = f"{value:.1%} of {name} are missing on {now.sum():,.0f} rows; {before:.1%} in training, {limit:.1%} pass."
    return Finding(subject, "nulls", name, value, BAD if value > limit else OK, why, before, limit)


def _few(subject: str, monitor_name: str, name: str, now: Numbers, settings: Compared) -> Finding | None:
    """What is said of a night with too few rows."""
    if now.sum() >= settings.rows:
        return None
    why = f"Cannot be told: the night has {now.sum():,.0f} rows, and {settings.rows:,} are needed."
    return Finding(subject, monitor_name, name, None, UNKNOWN, why)
