"""The stages of a night as a graph."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from assay.config import Model
from assay.config.lakehouse import LakehouseFile, Night
from assay.dag import Stage, check_limits, ordered, tasks, until
from assay.errors import ConfigError
from assay.times import parse_duration
from jobs.night.stages import LEDGER_NAMES, STAGES


def stage(name: str, *needs: str, after: tuple[str, ...] = (), **rest: Any) -> Stage:
    return Stage(name, lambda *_: [], needs=needs, after=after, **rest)


def names(stages: list[Stage]) -> list[str]:
    return [one.name for one in stages]


def model(name: str) -> Model:
    return cast("Model", SimpleNamespace(name=name))


def test_ordered_puts_each_stage_behind_what_it_waits_for_and_keeps_the_rest_as_declared() -> None:
    declared = [stage("report", after=("score",)), stage("land"), stage("score", "clean"), stage("clean", "land")]
    assert names(ordered(declared)) == ["land", "clean", "score", "report"]
    assert names(ordered([stage("b"), stage("a")])) == ["b", "a"]


def test_ordered_refuses_a_circle_and_a_stage_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="waits for itself: a > b > a"):
        ordered([stage("a", "b"), stage("b", after=("a",))])
    with pytest.raises(ValueError, match="the stage a waits for c, which there is not"):
        ordered([stage("a", "c")])


def test_until_takes_a_stage_with_all_that_it_waits_for() -> None:
    declared = ordered([stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", after=("c",)), stage("e", "d")])
    assert names(until(declared, "b")) == ["a", "b"]
    assert names(until(declared, "d")) == ["a", "b", "c", "d"]


def test_tasks_of_a_model_need_those_of_the_same_model_and_a_stage_of_all_needs_every_one() -> None:
    declared = [stage("a"), stage("b", "a", per_model=True), stage("c", "b", per_model=True), stage("d", "c")]
    found = {str(task): [str(need) for need in task.needs] for task in tasks(declared, [model("x"), model("y")])}
    assert found == {
        "a": [], "b of x": ["a"], "b of y": ["a"], "c of x": ["b of x"], "c of y": ["b of y"], "d": ["c of x", "c of y"],
    }  # fmt: skip
    assert tasks([stage("c", "b")], [])[0].needs == ()


def test_limits_are_of_stages_that_there_are() -> None:
    file = LakehouseFile(name="x", description="X.", night=Night(limits={"scor": parse_duration("1h")}))
    with pytest.raises(ConfigError, match=r"There is no stage scor\."):
        check_limits(STAGES, file)


def test_the_night_ends_with_its_report_and_no_name_in_the_ledger_is_of_two_stages() -> None:
    assert names(STAGES) == [
        "wait",
        "bronze",
        "silver",
        "features",
        "roles",
        "policy",
        "train",
        "score",
        "dbt",
        "watch",
        "report",
    ]
    assert len(LEDGER_NAMES) == len(set(LEDGER_NAMES))
    assert names(until(STAGES, "features")) == ["wait", "bronze", "silver", "features"]
