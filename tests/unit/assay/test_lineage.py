"""What was made of what, on runs written by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.errors import TableError
from assay.known import Input, Target
from assay.lineage import Lineage, Made, Ran

FIRST = datetime(2013, 3, 1, tzinfo=UTC)
Step = tuple[str, int, list[tuple[str, int]]]


def ran(stage: str, night: int, *made: Step, status: str = "done", later: int = 0) -> Ran:
    """A run of a night, and the versions that it made: table, version, inputs."""
    as_of = FIRST + timedelta(days=night)
    targets = tuple(Target(table, "key", table, at, tuple(Input(*each) for each in of)) for table, at, of in made)
    ended_at = as_of + timedelta(hours=1, minutes=later)
    return Ran(f"{stage} {night} {later}", stage, as_of, status, as_of, ended_at, "0.1", "", targets)


def nights(count: int) -> list[Ran]:
    """Some nights: landed, cleaned, scored by a model of the first night."""
    runs = [ran("train", 0, ("models:/late", 1, [("gold.set", 0)]))]
    for night in range(count):
        runs += [
            ran("bronze", night, ("bronze.trips", night, []), ("bronze.weather", night, [])),
            ran("silver", night, ("silver.trips", night, [("bronze.trips", night), ("silver.trips", night - 1)]),
                ("silver.weather", night, [("bronze.weather", night)])),
            ran("features", night, ("gold.delays", night, [("silver.trips", night)])),
            ran("score", night, ("gold.scores", night, [("gold.delays", night), ("models:/late", 1)])),
        ]  # fmt: skip
    return runs


def names(made: list[Made]) -> list[tuple[str, int]]:
    return [(one.table, one.version) for one in made]


def test_what_is_behind_a_table_is_told_back_to_what_was_landed_and_nothing_beside_it() -> None:
    known = Lineage(nights(3))
    found = names(known.behind(known.find("gold.scores", version=1)))
    assert found == [("gold.delays", 1), ("models:/late", 1), ("silver.trips", 1), ("bronze.trips", 1)]


def test_a_version_that_no_run_made_belongs_to_the_run_before_it() -> None:
    known = Lineage([ran("bronze", 0, ("bronze.trips", 0, [])), ran("bronze", 1, ("bronze.trips", 3, []))])
    assert [known.find("bronze.trips", version=at).version for at in (0, 2, 3, 9)] == [0, 0, 3, 3]
    assert known.find("bronze.trips").version == 3
    assert names(list(known.earlier(known.find("bronze.trips")))) == [("bronze.trips", 0)]


def test_the_last_run_that_made_a_version_counts_and_none_that_failed() -> None:
    once, again = (ran("score", 0, ("gold.scores", 4, [("gold.delays", at)]), later=at) for at in (0, 1))
    failed = ran("score", 1, ("gold.scores", 5, []), status="failed", later=2)
    known = Lineage([again, failed, once])
    assert known.find("gold.scores").run == again


def test_what_a_night_made_is_found_by_its_night() -> None:
    known = Lineage(nights(3))
    assert known.find("gold.scores", as_of=FIRST + timedelta(days=1)).version == 1
    with pytest.raises(TableError, match=r"gold.scores as of 2013-03-09T00:00Z") as told:
        known.find("gold.scores", as_of=FIRST + timedelta(days=8))
    assert told.value.expected == "a version from 0 on, of the nights 2013-03-01 to 2013-03-03"
    with pytest.raises(TableError) as told:
        known.find("gold.score")
    assert told.value.expected == "did you mean 'gold.scores'?"


def test_a_version_reaches_what_was_made_of_it_or_of_a_later_one() -> None:
    reached = Lineage(nights(4)).reached("bronze.trips", 2)
    assert {table: names(made) for table, made in reached.items()} == {
        "silver.trips": [("silver.trips", 2), ("silver.trips", 3)],
        "gold.delays": [("gold.delays", 2), ("gold.delays", 3)],
        "gold.scores": [("gold.scores", 2), ("gold.scores", 3)],
    }
    assert [*reached] == ["silver.trips", "gold.delays", "gold.scores"]
    assert Lineage(nights(4)).reached("gold.scores", 0) == {}


def test_a_version_of_a_model_has_nothing_of_the_one_before() -> None:
    runs = [
        ran("train", 0, ("models:/late", 1, [("gold.set", 0)])),
        ran("train", 1, ("models:/late", 2, [("gold.set", 1)])),
        ran("score", 1, ("gold.scores", 0, [("models:/late", 2)])),
    ]
    known = Lineage(runs)
    assert known.reached("models:/late", 1) == {}
    assert [*known.reached("models:/late", 2)] == ["gold.scores"]
    assert [*known.reached("gold.set", 0)] == ["models:/late", "gold.scores"]
    assert [*known.reached("gold.set", 1)] == ["models:/late", "gold.scores"]
    assert names(known.reached("gold.set", 1)["models:/late"]) == [("models:/late", 2)]


def test_a_year_of_nights_is_followed_at_once() -> None:
    known = Lineage(nights(365))
    assert len(known.behind(known.find("gold.scores"))) == 4
    assert sum(map(len, known.reached("bronze.trips", 0).values())) == 3 * 365
