"""Roles of versions: who becomes champion, what is on record, and what a crash between two writes leaves."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from pyspark.sql import SparkSession

from assay.config import Model
from assay.errors import ConfigError, ModelError
from assay.lakehouse import Lakehouse, open_lakehouse
from model import roles
from model.promotion import promote, rollback, settle
from model.registry import aliases
from model.roles import PROMOTIONS, finish
from tests.parcels import START, new_parcels, register_version

WEEK = timedelta(days=7)
WRITES = ("set_registered_model_tag", "set_registered_model_alias", "delete_registered_model_alias",
          "delete_registered_model_tag")  # fmt: skip


@pytest.fixture(scope="module")
def three(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse of three versions: 1 is champion, 2 failed a gate, 3 waits as challenger."""
    folder = tmp_path_factory.mktemp("three")
    shop = new_parcels(folder)
    register_version(shop, START)
    register_version(shop, START + WEEK, passed=False)
    register_version(shop.edited("at_once", "by_hand"), START + 2 * WEEK)
    return folder


@pytest.fixture
def lakehouse(three: Path, tmp_path: Path) -> Lakehouse:
    """A copy of it."""
    shutil.copytree(three, tmp_path, dirs_exist_ok=True)
    return open_lakehouse(tmp_path / "conf" / "shop")


@pytest.fixture
def late(lakehouse: Lakehouse) -> Model:
    return lakehouse.config.models["late"]


def recorded(lakehouse: Lakehouse, *columns: str) -> list[tuple[Any, ...]]:
    """What `ops.promotions` has, oldest first."""
    rows = lakehouse.tables.read(PROMOTIONS).orderBy("at").select(*columns).collect()
    return [tuple(row) for row in rows]


MOVES = ("action", "role", "from_version", "to_version")
BEFORE = [("train", "champion", None, 1), ("train", "challenger", None, 3)]


def test_a_training_becomes_champion_at_once_or_challenger_by_hand(lakehouse: Lakehouse, late: Model) -> None:
    assert aliases(lakehouse, late) == {"champion": 1, "challenger": 3}
    assert recorded(lakehouse, *MOVES) == BEFORE
    (first, last) = recorded(lakehouse, "lakehouse", "model", "why", "gates", "despite_gates", "run_id")
    assert first == ("shop", "late", "it passed its gates", "passed: auc", False, "run-1")
    assert last[-1] == "run-15"
    assert all(who.count("@") == 1 for (who,) in recorded(lakehouse, "who"))


def test_a_training_that_failed_a_gate_gets_no_role(lakehouse: Lakehouse, late: Model) -> None:
    assert settle(lakehouse, late, 2) is None
    assert aliases(lakehouse, late) == {"champion": 1, "challenger": 3}


def test_a_training_is_given_what_it_earned_once(lakehouse: Lakehouse, late: Model) -> None:
    promote(lakehouse, late, 3, "better on March")
    assert settle(lakehouse, late.model_copy(update={"promote": "at_once"}), 1) is None
    assert aliases(lakehouse, late) == {"champion": 3, "previous": 1}


def test_promote_makes_the_challenger_champion_and_keeps_the_one_before(lakehouse: Lakehouse, late: Model) -> None:
    made = promote(lakehouse, late, None, " better on March ")
    assert str(made) == "version 3 of late is champion; before, version 1 was"
    assert aliases(lakehouse, late) == {"champion": 3, "previous": 1}
    assert recorded(lakehouse, *MOVES, "why")[-1] == ("promote", "champion", 1, 3, "better on March")
    assert promote(lakehouse, late, 3, "again") is None
    assert len(recorded(lakehouse, "at")) == 3


def test_promote_as_challenger_leaves_the_champion(lakehouse: Lakehouse, late: Model) -> None:
    promote(lakehouse, late, 2, "to watch it", role="challenger", despite_gates=True)
    assert aliases(lakehouse, late) == {"champion": 1, "challenger": 2}
    assert recorded(lakehouse, *MOVES, "despite_gates", "gates")[-1] == (
        "promote", "challenger", 3, 2, True, "failed: auc",
    )  # fmt: skip


def test_promote_refuses_a_version_that_failed_its_gates(lakehouse: Lakehouse, late: Model) -> None:
    with pytest.raises(ModelError, match="Version 2 of late did not pass its gates") as raised:
        promote(lakehouse, late, 2, "I like it")
    assert raised.value.found == "failed: auc"
    assert "--despite-gates" in raised.value.do
    assert (aliases(lakehouse, late), recorded(lakehouse, *MOVES)) == ({"champion": 1, "challenger": 3}, BEFORE)
    promote(lakehouse, late, 2, "I like it", despite_gates=True)
    assert recorded(lakehouse, "to_version", "despite_gates", "gates")[-1] == (2, True, "failed: auc")
    promote(lakehouse, late, 3, "better", despite_gates=True)
    assert recorded(lakehouse, "to_version", "despite_gates")[-1] == (3, False), "its gates had passed"


@pytest.mark.parametrize(
    ("version", "options", "kind", "what"),
    [
        (9, {}, ModelError, "late has no version 9"),
        (1, {"role": "challenger"}, ModelError, "Version 1 of late is the champion, and cannot challenge itself"),
        (3, {"why": "  "}, ConfigError, "Roles change for a reason"),
    ],
)
def test_promote_refuses(
    lakehouse: Lakehouse, late: Model, version: int, options: dict[str, Any], kind: type[Exception], what: str
) -> None:
    with pytest.raises(kind, match=what):
        promote(lakehouse, late, version, **{"why": "a reason", **options})
    assert recorded(lakehouse, *MOVES) == BEFORE


def test_promote_without_a_challenger_says_who_has_which_role(lakehouse: Lakehouse, late: Model) -> None:
    promote(lakehouse, late, None, "better")
    with pytest.raises(ModelError, match="late has no challenger to promote") as raised:
        promote(lakehouse, late, None, "again")
    assert raised.value.found == "champion is version 3, previous is version 1"


def test_rollback_goes_back_once(lakehouse: Lakehouse, late: Model) -> None:
    with pytest.raises(ModelError, match="There is nothing to go back to"):
        rollback(lakehouse, late, "too early")
    promote(lakehouse, late, None, "better")
    assert str(rollback(lakehouse, late, "it was not")) == "version 1 of late is champion; before, version 3 was"
    assert aliases(lakehouse, late) == {"champion": 1}
    assert recorded(lakehouse, *MOVES, "why")[-1] == ("rollback", "champion", 3, 1, "it was not")
    assert rollback(lakehouse, late, "again") is None
    assert len(recorded(lakehouse, "at")) == 4


def test_a_secret_in_a_reason_is_not_recorded(
    lakehouse: Lakehouse, late: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(lakehouse, late, None, "see https://me:hunter2@wiki/page")
    assert recorded(lakehouse, "why")[-1] == ("see https://***@wiki/page",)


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Makes the process end before the n-th write of a change: to MLflow or, as one of them, to Delta."""
    left = [10**6]

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Crash
            return original(*arguments, **named)

        return write

    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
    monkeypatch.setattr(roles, "_record", counted(roles._record))
    yield lambda writes: left.__setitem__(0, writes)
    left[0] = 10**6


@pytest.mark.parametrize("writes", range(6))
def test_a_promotion_that_crashed_before_any_write_is_whole_after_a_rerun(
    lakehouse: Lakehouse, late: Model, crashing: Callable[[int], None], writes: int
) -> None:
    crashing(writes)
    with pytest.raises(Crash):
        promote(lakehouse, late, None, "better")
    held = aliases(lakehouse, late)
    assert held["champion"] in (1, 3)
    assert held["champion"] == 1 or held["previous"] == 1, "whoever is champion, the one before is known"
    crashing(10**6)
    promote(lakehouse, late, None, "better")
    assert aliases(lakehouse, late) == {"champion": 3, "previous": 1}
    assert recorded(lakehouse, *MOVES) == [*BEFORE, ("promote", "champion", 1, 3)]
    assert finish(lakehouse, late) is None


@pytest.mark.parametrize("writes", range(1, 5))
def test_a_rollback_that_crashed_is_whole_after_a_rerun(
    lakehouse: Lakehouse, late: Model, crashing: Callable[[int], None], writes: int
) -> None:
    promote(lakehouse, late, None, "better")
    crashing(writes)
    with pytest.raises(Crash):
        rollback(lakehouse, late, "worse")
    assert aliases(lakehouse, late)["champion"] in (1, 3)
    crashing(10**6)
    rollback(lakehouse, late, "worse")
    assert aliases(lakehouse, late) == {"champion": 1}
    assert recorded(lakehouse, *MOVES)[2:] == [("promote", "champion", 1, 3), ("rollback", "champion", 3, 1)]


def test_the_next_change_finishes_one_that_was_cut_off(
    lakehouse: Lakehouse, late: Model, crashing: Callable[[int], None]
) -> None:
    crashing(2)
    with pytest.raises(Crash):
        promote(lakehouse, late, None, "better")
    crashing(10**6)
    assert promote(lakehouse, late, 1, "better in April") is not None
    assert aliases(lakehouse, late) == {"champion": 1, "previous": 3}
    assert recorded(lakehouse, *MOVES)[2:] == [("promote", "champion", 1, 3), ("promote", "champion", 3, 1)]
