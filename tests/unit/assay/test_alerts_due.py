"""What somebody has to be told: a problem once, again after a while, and when it is over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.alerts.due import due, pending
from assay.alerts.findings import newest
from assay.alerts.problem import Event, Finding, Incident, Problem
from assay.alerts.tell import _after

FIRST = datetime(2013, 3, 1, tzinfo=UTC)
SCORE = Problem("flights", "run", "score")
REMIND = timedelta(days=3)


def night(number: int) -> datetime:
    return FIRST + timedelta(days=number)


class Story:
    """A problem's evidence, night by night, and what was told of it; its clock goes on by a minute with each step."""

    def __init__(self) -> None:
        self.found: dict[int, Finding] = {}
        self.known: dict[Problem, Incident] = {}
        self.clock = datetime(2020, 1, 1, tzinfo=UTC)

    def ran(self, number: int, *, bad: bool) -> None:
        self.clock += timedelta(minutes=1)
        self.found[number] = Finding(SCORE, night(number), self.clock, "bad" if bad else None, f"failed on {number}")

    def tell(self, number: int) -> list[Event]:
        self.clock += timedelta(minutes=1)
        standings = newest(self.found.values(), night(number))
        events = due(standings, self.known, night(number), self.clock, REMIND, ["mail"])
        self.known = _after(self.known, events, [])
        return events

    def told(self, number: int) -> list[str]:
        return [event.kind for event in self.tell(number)]


def test_a_problem_is_told_once_then_again_after_a_while_and_when_it_is_over() -> None:
    story, told = Story(), []
    for number, bad in enumerate([False, True, True, True, True, True, False, False]):
        story.ran(number, bad=bad)
        told.append(story.told(number))
        assert story.told(number) == []
    assert told == [[], ["opened"], [], [], ["reminded"], [], ["resolved"], []]


def test_what_is_told_says_since_when_and_the_newest_numbers() -> None:
    story = Story()
    for number in range(4):
        story.ran(number, bad=True)
        told = story.tell(number)
        if number in (0, 3):
            assert [(one.since, one.what, one.number) for one in told] == [
                (night(0), f"failed on {number}", number // 3)
            ]


def test_a_problem_without_evidence_stays_and_is_told_again() -> None:
    story = Story()
    story.ran(0, bad=True)
    assert [story.told(number) for number in range(5)] == [["opened"], [], [], ["reminded"], []]


def test_a_night_that_failed_before_and_was_told_of_nobody_is_told_by_the_next() -> None:
    story = Story()
    story.ran(0, bad=True)
    (event,) = story.tell(1)
    assert (event.kind, event.since, event.as_of) == ("opened", night(0), night(1))


def test_a_rerun_that_fails_after_one_that_did_not_is_another_incident_with_another_id() -> None:
    story, ids = Story(), []
    for bad in (True, False, True):
        story.ran(0, bad=bad)
        ids += [(one.kind, one.incident, one.alert_id) for one in story.tell(0)]
    assert [(kind, incident) for kind, incident, _ in ids] == [("opened", 1), ("resolved", 1), ("opened", 2)]
    assert len({alert for _, _, alert in ids}) == 3


def test_telling_of_an_old_night_again_opens_nothing_that_is_over_and_ends_nothing_that_is_there() -> None:
    story = Story()
    for number, bad in enumerate([True, True, False]):
        story.ran(number, bad=bad)
        story.tell(number)
    assert [story.told(number) for number in range(3)] == [[], [], []]
    story.ran(3, bad=True)
    assert story.told(2) == []
    assert story.told(3) == ["opened"]
    story.ran(2, bad=False)
    assert story.told(2) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["good", "bad", "tell"])), max_size=25
    )
)  # fmt: skip
def test_whatever_happens_nothing_is_told_twice_and_each_incident_begins_and_ends_once(
    steps: Sequence[tuple[int, str]],
) -> None:
    story, told = Story(), []
    for number, step in steps:
        if step == "tell":
            told += story.tell(number)
            assert story.tell(number) == []
        else:
            story.ran(number, bad=step == "bad")
    ids = [event.alert_id for event in told]
    assert len(ids) == len(set(ids))
    for incident in {event.incident for event in told}:
        kinds = [event.kind for event in told if event.incident == incident]
        assert kinds[0] == "opened"
        assert kinds.count("opened") == 1
        assert kinds.count("resolved") <= 1
        assert "resolved" not in kinds[:-1]


@pytest.mark.parametrize("kind", ["gate", "watch"])
def test_other_lakehouses_and_kinds_are_other_problems(kind: str) -> None:
    others = [
        Problem("flights", kind, "score"),
        Problem("shop", "run", "score"),
        Problem("flights", "run", "score", "", "x"),
    ]
    assert len({SCORE.id, *(one.id for one in others)}) == 4
    assert Problem("flights", "run", "score").id == SCORE.id


def test_what_a_channel_was_not_told_waits_for_it_and_only_the_newest_of_an_incident() -> None:
    story = Story()
    story.ran(0, bad=True)
    (opened,) = story.tell(0)
    assert pending(story.known, ["mail", "new"]) == {"mail": [opened]}
    story.ran(1, bad=False)
    (over,) = story.tell(1)
    assert pending(story.known, ["mail"]) == {"mail": [over]}
    arrived = Incident(story.known[SCORE].events, frozenset({(over.alert_id, "mail")}))
    assert pending({SCORE: arrived}, ["mail"]) == {}
    assert pending(story.known, []) == {}
