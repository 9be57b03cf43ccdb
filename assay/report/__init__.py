"""The nightly report: one HTML page, made from plain values, without Spark or IO."""

from assay.report.night import (
    AuditRow,
    CalibrationBin,
    Challenge,
    ChallengeRow,
    FeatureRow,
    FeedRow,
    GateRow,
    HistoryNight,
    Level,
    ModelBlock,
    NightQuality,
    NightReport,
    RejectRow,
    Scores,
    StageRow,
    Verdict,
    WatchRow,
)
from assay.report.page import render

__all__ = [
    "AuditRow",
    "CalibrationBin",
    "Challenge",
    "ChallengeRow",
    "FeatureRow",
    "FeedRow",
    "GateRow",
    "HistoryNight",
    "Level",
    "ModelBlock",
    "NightQuality",
    "NightReport",
    "RejectRow",
    "Scores",
    "StageRow",
    "Verdict",
    "WatchRow",
    "render",
]
