"""Whether a night can be trusted, and why."""

from datetime import UTC, datetime

import pytest

from assay.config import Model
from assay.report.night import AuditRow, FeedRow, GateRow, ModelBlock, Scores, StageRow, Verdict
from assay.report.verdict import verdict

DONE = StageRow("silver", "done", 1.0)
FAILED = StageRow("features", "failed", 1.0, error="no such column")
SOUND = FeedRow("schedule", files=1, landed=1000, accepted=1000, quarantined=0, duplicates=0)
DIRTY = FeedRow("weather", files=1, landed=3600, accepted=3590, quarantined=8, duplicates=2)
SILENT = FeedRow("planes", files=0, landed=0, accepted=0, quarantined=0, duplicates=0)
MISSED = FeedRow("outcomes", files=0, landed=0, accepted=0, quarantined=0, duplicates=0, days_of_last_seven=7)
LOST = FeedRow("outcomes", files=1, landed=1500, accepted=300, quarantined=0, duplicates=0)
SCORES = Scores((0.0, 1.0), (1000,), 1000)
BELOW = ModelBlock(
    "late_arrival",
    2,
    None,
    gates=(GateRow("auc", 0.55, "at least 0.62", passed=False), GateRow("rows", 9, "at least 1", passed=True)),
)
MODEL = Model.model_validate(
    {
        "name": "late_arrival", "description": "d", "spine": {"train": "select 1", "score": "select 1"}, "key": ["a"],
        "features": {}, "split": {"validation": "1d", "holdout": "1d"}, "train": {"every": "7d", "window": "28d"},
        "gates": {},
    }
)  # fmt: skip
WELL = "Every stage is done, every row is accounted for, and the night is scored."
DIRTY_TOLD = "8 of 3,600 rows of weather are in quarantine."


@pytest.mark.parametrize(
    ("feeds", "scores", "model", "trained", "expected"),
    [
        ([SOUND, SILENT], SCORES, MODEL, None, Verdict("green", (WELL,))),
        ([SOUND], None, None, None, Verdict("green", (WELL,))),
        ([SOUND, DIRTY], SCORES, MODEL, None, Verdict("amber", (DIRTY_TOLD,))),
        (
            [SOUND, MISSED],
            SCORES,
            MODEL,
            None,
            Verdict("amber", ("outcomes brought nothing; it had delivered on 7 of the 7 days before.",)),
        ),
        ([SILENT], SCORES, MODEL, None, Verdict("amber", ("No source brought anything.",))),
        ([], SCORES, MODEL, None, Verdict("amber", ("No source brought anything.",))),
        ([SOUND], SCORES, MODEL, BELOW, Verdict("amber", ("The gate auc failed.",))),
        ([SOUND], None, MODEL, None, Verdict("red", ("late_arrival has no predictions for this night.",))),
    ],
    ids=[
        "sound",
        "no model",
        "quarantine",
        "a nightly feed is silent",
        "all silent",
        "no sources",
        "gate failed",
        "not scored",
    ],
)
def test_verdict_of_a_night_whose_stages_are_done(
    feeds: list[FeedRow], scores: Scores | None, model: Model | None, trained: ModelBlock | None, expected: Verdict
) -> None:
    assert verdict([DONE], feeds, scores, model, trained) == expected


def test_verdict_is_red_as_long_as_the_newest_audit_failed() -> None:
    audits = [
        AuditRow("replay", datetime(2013, 3, 5, tzinfo=UTC), "failed"),
        AuditRow("leaks", datetime(2013, 3, 7, tzinfo=UTC), "done"),
    ]
    assert verdict([DONE], [SOUND], SCORES, MODEL, None, audits) == Verdict(
        "red", ("The audit replay as of 2013-03-05 failed.",)
    )


def test_verdict_is_red_when_a_stage_failed_or_rows_are_lost_and_tells_the_amber_reasons_too() -> None:
    assert verdict([DONE, FAILED], [SOUND, DIRTY, LOST], None, MODEL, BELOW) == Verdict(
        "red",
        (
            "The stage features failed.",
            "1200 rows of outcomes are unaccounted for.",
            "late_arrival has no predictions for this night.",
            DIRTY_TOLD,
            "The gate auc failed.",
        ),
    )
