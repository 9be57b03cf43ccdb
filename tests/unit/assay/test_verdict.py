"""Whether a night can be trusted, and why."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from assay.report.night import AuditRow, FeedRow, GateRow, ModelBlock, Refused, Scores, StageRow, Verdict, WatchRow
from assay.report.verdict import verdict

DONE = StageRow("silver", "done", 1.0)
FAILED = StageRow("features", "failed", 1.0, error="no such column")
SOUND = FeedRow("schedule", files=1, landed=1000, accepted=1000, quarantined=0, duplicates=0)
DIRTY = FeedRow("weather", files=1, landed=3600, accepted=3590, quarantined=8, duplicates=2)
SILENT = FeedRow("planes", files=0, landed=0, accepted=0, quarantined=0, duplicates=0)
MISSED = FeedRow("outcomes", files=0, landed=0, accepted=0, quarantined=0, duplicates=0, days_of_last_seven=7)
LOST = FeedRow("outcomes", files=1, landed=1500, accepted=300, quarantined=0, duplicates=0)
SCORES = Scores((0.0, 1.0), (1000,), 1000)
SCORED = ModelBlock("late_arrival", None, None, scores=SCORES)
NOT_SCORED = ModelBlock("late_arrival", None, None)
BELOW = ModelBlock(
    "late_arrival",
    2,
    None,
    gates=(GateRow("auc", 0.55, "at least 0.62", passed=False), GateRow("rows", 9, "at least 1", passed=True)),
)
WELL = "Every stage is done, every row is accounted for, and the night is scored."
DIRTY_TOLD = "8 of 3,600 rows of weather are in quarantine."


@pytest.mark.parametrize(
    ("feeds", "models", "expected"),
    [
        ([SOUND, SILENT], [SCORED], Verdict("green", (WELL,))),
        ([SOUND], [], Verdict("green", (WELL,))),
        ([SOUND, DIRTY], [SCORED], Verdict("amber", (DIRTY_TOLD,))),
        (
            [SOUND, MISSED],
            [SCORED],
            Verdict("amber", ("outcomes brought nothing; it had delivered on 7 of the 7 days before.",)),
        ),
        ([SILENT], [SCORED], Verdict("amber", ("No source brought anything.",))),
        ([], [SCORED], Verdict("amber", ("No source brought anything.",))),
        ([SOUND], [replace(BELOW, scores=SCORES)], Verdict("amber", ("The gate auc failed.",))),
        ([SOUND], [NOT_SCORED], Verdict("red", ("late_arrival has no predictions for this night.",))),
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
    feeds: list[FeedRow], models: list[ModelBlock], expected: Verdict
) -> None:
    assert verdict([DONE], feeds, models) == expected


def test_verdict_is_red_as_long_as_the_newest_audit_failed() -> None:
    audits = [
        AuditRow("replay", datetime(2013, 3, 5, tzinfo=UTC), "failed"),
        AuditRow("leaks", datetime(2013, 3, 7, tzinfo=UTC), "done"),
    ]
    assert verdict([DONE], [SOUND], [SCORED], audits) == Verdict("red", ("The audit replay as of 2013-03-05 failed.",))


def test_verdict_is_red_when_a_stage_failed_or_rows_are_lost_and_tells_the_amber_reasons_too() -> None:
    assert verdict([DONE, FAILED], [SOUND, DIRTY, LOST], [BELOW]) == Verdict(
        "red",
        (
            "The stage features failed.",
            "1200 rows of outcomes are unaccounted for.",
            "late_arrival has no predictions for this night.",
            DIRTY_TOLD,
            "The gate auc failed.",
        ),
    )


def test_verdict_of_several_models_looks_at_each_and_names_it() -> None:
    stages = [
        StageRow("score", "done", 1.0, model="late_arrival"),
        StageRow("score", "failed", 1.0, model="arrival_delay"),
        StageRow("shadow", "failed", 1.0, model="late_arrival"),
    ]
    models = [replace(BELOW, scores=SCORES), ModelBlock("arrival_delay", 1, None, gates=BELOW.gates)]
    audits = [AuditRow("leaks", datetime(2013, 3, 7, tzinfo=UTC), "failed", model="arrival_delay")]
    assert verdict(stages, [SOUND], models, audits) == Verdict(
        "red",
        (
            "The stage score of arrival_delay failed.",
            "The audit leaks of arrival_delay as of 2013-03-07 failed.",
            "arrival_delay has no predictions for this night.",
            "The challenger of late_arrival did not score; the champion's predictions stand.",
            "The gate auc of late_arrival failed.",
            "The gate auc of arrival_delay failed.",
        ),
    )


def test_verdict_of_a_training_that_its_gates_did_not_let_pass() -> None:
    model = replace(SCORED, version=1, refused=Refused(3, BELOW.gates[:1]))
    told = "The training for this night did not pass auc; version 1 goes on."
    assert verdict([], [SOUND], [model]) == Verdict("amber", (told,))
    several = verdict([], [SOUND], [model, SCORED])
    assert several.reasons == ("The training of late_arrival for this night did not pass auc; version 1 goes on.",)


def test_verdict_of_a_challenger_that_did_not_score() -> None:
    stages = [StageRow("shadow", "failed", 1.0)]
    told = "The challenger did not score; the champion's predictions stand."
    assert verdict(stages, [SOUND], [SCORED]) == Verdict("amber", (told,))


def watched(subject: str, monitor: str, name: str, status: str = "bad") -> WatchRow:
    return WatchRow(subject, monitor, name, status, f"{name or subject} is odd.")


def test_what_is_watched_makes_a_night_amber_and_quality_and_silence_red() -> None:
    drift = [watched("features:late", "drift", name) for name in ("hour", "temp", "wind")]
    assert verdict([DONE], [SOUND], [SCORED], watch=drift) == Verdict(
        "amber", ("late: hour is odd. And 2 more of that kind.",)
    )
    rest = [
        watched("stage:a", "silence", "a"),
        watched("stage:b", "silence", "b"),
        watched("model:late", "quality", "auc"),
    ]
    assert verdict([DONE], [SOUND], [SCORED], watch=[*drift, *rest]) == Verdict(
        "red",
        ("a is odd. And 1 more of that kind.", "late: auc is odd.", "late: hour is odd. And 2 more of that kind."),
    )


def test_what_is_ok_or_unknown_or_told_elsewhere_is_no_reason() -> None:
    rows = [
        watched("features:late", "drift", "hour", "ok"), watched("features:late", "drift", "temp", "unknown"),
        watched("features:late", "drift", "wind", "warn"), watched("stage:silver", "failed", ""),
    ]  # fmt: skip
    assert verdict([DONE], [SOUND], [SCORED], watch=rows).level == "green"
    missed = replace(SOUND, files=0, days_of_last_seven=6)
    [reason] = verdict([DONE], [missed], [SCORED], watch=[watched(f"feed:{missed.source}", "volume", "rows")]).reasons
    assert "brought nothing" in reason
