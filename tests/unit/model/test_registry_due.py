"""Whether a night should train."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from assay.config.model import Model
from model.artifact import Artifact
from model.inputs import Inputs
from model.registry import Registered, due

TRAINED = datetime(2013, 3, 1, tzinfo=UTC)
CHAMPION = Registered(1, "run", TRAINED, Artifact("late", b"", 1, Inputs((), {}), {}))
MODEL = Model.model_validate(
    {
        "name": "late", "description": "d", "spine": {"train": "select 1", "score": "select 1"}, "key": ["a"],
        "features": {}, "split": {"validation": "1d", "holdout": "1d"}, "train": {"every": "7d", "window": "28d"},
        "gates": {},
    }
)  # fmt: skip


def test_due_while_there_is_no_champion() -> None:
    assert due(None, MODEL, TRAINED)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(days=-1), False),
        (timedelta(0), False),
        (timedelta(days=6, hours=23), False),
        (timedelta(days=7), True),
        (timedelta(days=8), True),
    ],
)
def test_due_when_the_champion_is_as_old_as_the_model_says(age: timedelta, expected: bool) -> None:
    assert due(CHAMPION, MODEL, TRAINED + age) is expected


def test_due_whatever_the_zone_of_the_clock() -> None:
    new_york = timezone(timedelta(hours=-5))
    assert due(CHAMPION, MODEL, datetime(2013, 3, 7, 19, tzinfo=new_york))
    assert not due(CHAMPION, MODEL, datetime(2013, 3, 7, 18, 59, tzinfo=new_york))
