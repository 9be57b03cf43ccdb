"""When a policy asks for a training or a rollback, over literal findings of nights."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.config import load_lakehouse
from assay.config.model import Model
from assay.errors import ConfigError
from assay.watch import Finding, Status, Watched
from model.policy import check_policy, decisions, to_retrain, to_roll_back
from tests.parcels import new_parcels

START = datetime(2026, 3, 1, tzinfo=UTC)


def day(n: float) -> datetime:
    return START + timedelta(days=n)


def policy(**parts: Any) -> Model:
    return Model(
        name="late", description="Late?", key=["id"], spine={"train": "select 1", "score": "select 1"}, features={},
        split={"holdout": "1d"}, train={"every": "7d", "window": "30d"}, gates={}, policy=parts,
    )  # fmt: skip


def night(n: int, *found: tuple[str, Status], subject: str = "model:late", version: int = 2) -> Watched:
    findings = [
        Finding(subject, monitor, f"x{i}", 0.4, status, f"x{i} is 0.40.", 0.0, 0.25, {"version": float(version)})
        for i, (monitor, status) in enumerate(found)
    ]
    return Watched(day(n), f"run-{n}", tuple(findings))


BAD: tuple[str, Status] = ("drift", "bad")
OK: tuple[str, Status] = ("drift", "ok")
UNKNOWN: tuple[str, Status] = ("drift", "unknown")


@pytest.mark.parametrize(
    ("found", "trained", "as_of", "asks"),
    [
        ([BAD, BAD], 0, 5, True),
        ([OK, BAD], 0, 5, False),
        ([BAD, OK], 0, 5, False),
        ([BAD, UNKNOWN], 0, 5, False),  # nobody knows
        ([BAD], 0, 5, False),
        ([], 0, 5, False),
        ([BAD, BAD], None, 5, True),
        ([BAD, BAD], 2, 5, True),  # the training of night 2 is before what was found of night 2
        ([BAD, BAD], 2.5, 5, False),  # one of the two has been answered
        ([BAD, BAD], 0, 2.9, False),  # too soon
        ([BAD, BAD], 0, 3, True),
        ([("quality", "bad"), ("quality", "bad")], 0, 5, False),  # not what the policy looks at
    ],
)
def test_a_training_is_due_early_after_so_many_bad_nights_since_the_last_and_not_too_soon(
    found: list[tuple[str, Status]], trained: float | None, as_of: float, asks: bool
) -> None:
    model = policy(retrain={"monitors": ["drift"], "nights": 2, "cooldown": "3d"})
    nights = [night(n, each) for n, each in enumerate(found, start=2)]
    decided = to_retrain(model, nights, None if trained is None else day(trained), day(as_of))
    assert (decided is not None) == asks
    assert to_retrain(policy(), nights, None, day(as_of)) is None


def test_why_a_training_is_due_names_the_nights_and_what_was_found() -> None:
    model = policy(retrain={"monitors": ["drift", "quality"], "nights": 2, "cooldown": "1d"})
    nights = [night(2, BAD, subject="features:late"), night(3, OK, ("quality", "bad"), BAD)]
    decided = to_retrain(model, nights, None, day(4))
    assert decided is not None
    assert decided.why == "quality was bad as of 2026-03-03 and 2026-03-04: x1 is 0.40. (1 more)"
    other = [night(n, BAD, subject="model:other") for n in (2, 3)]
    assert to_retrain(model, other, None, day(4)) is None


@pytest.mark.parametrize(
    ("nights", "champion", "asks"),
    [
        ([night(2, ("predecessor", "bad")), night(3, ("predecessor", "bad"))], 2, True),
        ([night(2, ("predecessor", "bad")), night(3, ("predecessor", "bad"))], 3, False),  # of another champion
        ([night(2, ("predecessor", "bad"), version=1), night(3, ("predecessor", "bad"))], 2, False),
        ([night(2, ("predecessor", "bad")), night(3, ("predecessor", "ok"))], 2, False),
        ([night(2, ("predecessor", "bad")), night(3)], 2, False),
        ([night(3, ("predecessor", "bad"))], 2, False),
        ([night(2, ("quality", "bad")), night(3, ("quality", "bad"))], 2, False),
        ([night(2, ("predecessor", "bad")), night(3, ("predecessor", "bad"))], None, False),
    ],
)
def test_the_version_before_comes_back_after_so_many_nights_on_which_it_would_have_been_better(
    nights: list[Watched], champion: int | None, asks: bool
) -> None:
    assert (to_roll_back(policy(rollback={"nights": 2}), nights, champion) is not None) == asks
    assert to_roll_back(policy(), nights, champion) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("policy: {retrain: {monitors: [drfit], cooldown: 2d}}", "There is no monitor 'drfit' of a model."),
        ("policy: {retrain: {monitors: [volume], cooldown: 2d}}", "There is no monitor 'volume' of a model."),
        (
            "policy: {rollback: {}}\nmonitoring: {predecessor: {enabled: false}}",
            "The monitor 'predecessor' is not enabled, and decides.",
        ),
    ],
)
def test_a_policy_that_cannot_decide_is_told_before_anything_runs(tmp_path: Path, lines: str, said: str) -> None:
    made = new_parcels(tmp_path).edited("train: {every: 7d", f"{lines}\ntrain: {{every: 7d")
    model = load_lakehouse(made.lakehouse.conf_dir).models["late"]
    with pytest.raises(ConfigError) as raised:
        check_policy(model)
    assert raised.value.what == said
    assert "late.yml" in raised.value.where
    with pytest.raises(ConfigError) as raised:  # nor by a night, for which it would never decide anything
        decisions(made.lakehouse, model, day(1))
    assert raised.value.what == said
