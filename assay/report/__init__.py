"""The nightly report, one HTML page, and the index of all nights: made from plain values, without Spark or IO."""

from assay.report.index import render_index
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
    "render_index",
]
