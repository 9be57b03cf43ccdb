"""How scores turned out, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from assay.report.night import CalibrationBin, NightQuality
from assay.report.text import known, utc


@dataclass(frozen=True)
class CalibrationFacts:
    """Calibration in three numbers: rates over all rows, and the mean distance between them."""

    rows: int
    predicted: float
    actual: float
    gap: float
    """Mean of |predicted - actual| over the bins, weighted by rows."""


def calibration_facts(bins: tuple[CalibrationBin, ...]) -> CalibrationFacts | None:
    """Summarise the bins; `None` where they hold no row."""
    bins = tuple(b for b in bins if b.rows and known(b.mean_score) and known(b.actual_rate))
    rows = sum(b.rows for b in bins)
    if not rows:
        return None
    return CalibrationFacts(
        rows=rows,
        predicted=sum(b.mean_score * b.rows for b in bins) / rows,
        actual=sum(b.actual_rate * b.rows for b in bins) / rows,
        gap=sum(abs(b.mean_score - b.actual_rate) * b.rows for b in bins) / rows,
    )


@dataclass(frozen=True)
class RealisedFacts:
    """How often the model beat its baseline, over the nights where both are defined."""

    nights: int
    wins: int
    median_auc: float
    median_baseline: float


def realised_facts(nights: tuple[NightQuality, ...]) -> RealisedFacts | None:
    """Compare model and baseline night by night; `None` where no night has both."""
    pairs = [
        (night.auc, night.baseline_auc)
        for night in nights
        if night.auc is not None and night.baseline_auc is not None and known(night.auc - night.baseline_auc)
    ]
    if not pairs:
        return None
    return RealisedFacts(
        nights=len(pairs),
        wins=sum(auc > baseline for auc, baseline in pairs),
        median_auc=median(auc for auc, _ in pairs),
        median_baseline=median(baseline for _, baseline in pairs),
    )


def latest_known(nights: tuple[NightQuality, ...]) -> NightQuality | None:
    """The newest night whose AUC is defined."""
    return max((night for night in nights if known(night.auc)), key=lambda night: utc(night.as_of), default=None)
