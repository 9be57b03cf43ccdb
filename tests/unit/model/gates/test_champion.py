"""The gate against the champion: real trees score the same rows, and the interval decides."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import xgboost as xgb
from sklearn.metrics import roc_auc_score

from model.artifact import Artifact
from model.candidate import Candidate
from model.gates import champion as gate
from model.gates import judge
from model.inputs import Inputs
from model.registry import Registered

NewCandidate = Callable[..., Candidate]
SCHEMA = "id int, as_of string, carrier string, hour double, label boolean, score double"
RANDOM = np.random.default_rng(11)
HOURS = RANDOM.random(400)
LABELS = RANDOM.random(400) < HOURS
SCORES = np.clip(HOURS + RANDOM.normal(0, 0.2, 400), 0, 1)
"""Scores that know the hour, but not well."""


def trees(hours: np.ndarray, labels: np.ndarray) -> Artifact:
    data = xgb.DMatrix(hours.reshape(-1, 1), labels, nthread=1)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 5)
    return Artifact("late", bytes(booster.save_raw("ubj")), 4, Inputs(("hour",), {}), {"ranges": {"train": ["1", "2"]}})


GOOD = Registered(3, "run", datetime(2013, 3, 1, tzinfo=UTC), trees(HOURS, LABELS.astype(int)))


def rows(scores: np.ndarray) -> list[tuple[object, ...]]:
    return [
        (n, "2013-03-01", f"c{n % 50}", float(HOURS[n]), bool(LABELS[n]), float(score))
        for n, score in enumerate(scores)
    ]


def test_the_first_model_has_nothing_to_fall_behind(new_candidate: NewCandidate) -> None:
    (found,) = judge(new_candidate(gates={"champion": {"margin": 0.01}}))
    assert (found.passed, found.why) == (True, "there is no champion yet, and so nothing to fall behind")


def test_champion_compares_on_the_same_rows_by_an_interval(new_candidate: NewCandidate) -> None:
    gates = {
        "champion": {"margin": 0.05}, "champion.wide": {"margin": 0.5}, "champion.sure": {"margin": 0.08, "confidence": 0.999},
        "champion.loss": {"margin": 0.01, "metric": "log_loss"}, "champion.carrier": {"margin": 0.5, "drawn_by": "carrier"},
    }  # fmt: skip
    found = {each.gate: each for each in judge(new_candidate(rows(SCORES), SCHEMA, gates=gates, champion=GOOD))}
    booster = xgb.Booster()
    booster.load_model(bytearray(GOOD.artifact.booster))
    theirs = booster.predict(xgb.DMatrix(HOURS.reshape(-1, 1)))
    behind = roc_auc_score(LABELS, theirs) - roc_auc_score(LABELS, SCORES)
    assert found["champion"].value == pytest.approx(-behind, abs=1e-9)
    assert found["champion"].limit == "at least -0.05 with 95% confidence"
    told = f"auc {roc_auc_score(LABELS, SCORES):.4f}, of version 3 {roc_auc_score(LABELS, theirs):.4f}, on the same 400 rows"
    assert found["champion"].why.startswith(f"{told}: worse by {behind:.4f}; with 95% confidence -")
    assert {name: each.passed for name, each in found.items()} == {
        "champion": False, "champion.wide": True, "champion.sure": False, "champion.loss": False, "champion.carrier": True,
    }  # fmt: skip


def test_champion_passes_an_equal_model_even_without_a_margin(new_candidate: NewCandidate) -> None:
    booster = xgb.Booster()
    booster.load_model(bytearray(GOOD.artifact.booster))
    same = booster.predict(xgb.DMatrix(HOURS.reshape(-1, 1))).astype(float)
    (found,) = judge(new_candidate(rows(same), SCHEMA, gates={"champion": {"margin": 0}}, champion=GOOD))
    assert (found.value, found.passed) == (0.0, True)
    assert ": equal; with 95% confidence +0.0000 or more" in found.why


def test_champion_says_of_how_many_rows_it_took_a_part(
    new_candidate: NewCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_ROWS", 100)
    made = new_candidate(rows(SCORES), SCHEMA, gates={"champion": {"margin": 1}}, champion=GOOD)
    first, second = judge(made)[0], judge(made)[0]
    assert first == second
    assert " rows (of 400, by a hash of their key): " in first.why
    assert 70 < int(first.why.partition("the same ")[2].partition(" ")[0]) < 130


@pytest.mark.parametrize(
    ("champion", "scores", "why"),
    [
        (replace(GOOD, artifact=replace(GOOD.artifact, inputs=Inputs(("hour", "gone"), {}))), SCORES,
         "cannot be judged: the rows lack what version 3 was trained on: gone"),
        (GOOD, SCORES[:0], "cannot be judged: the holdout has no rows"),
        (GOOD, SCORES[:20], "cannot be judged: there are 20 of what is drawn, of which 30 are needed"),
    ],
)  # fmt: skip
def test_champion_fails_where_it_cannot_compare(
    new_candidate: NewCandidate, champion: Registered, scores: np.ndarray, why: str
) -> None:
    made = new_candidate(rows(scores), SCHEMA, gates={"champion": {"margin": 1}}, champion=champion)
    assert [(each.passed, each.why) for each in judge(made)] == [(False, why)]


def test_champion_fails_where_there_is_one_class(new_candidate: NewCandidate) -> None:
    one = [(*row[:4], True, row[5]) for row in rows(SCORES)]
    (found,) = judge(new_candidate(one, SCHEMA, gates={"champion": {"margin": 1}}, champion=GOOD))
    assert (found.passed, found.why) == (
        False,
        "cannot be judged: the metric cannot be computed of all draws: there are too few rows of one class",
    )


def test_champion_says_where_it_has_seen_the_rows(new_candidate: NewCandidate) -> None:
    seen = replace(GOOD, artifact=replace(GOOD.artifact, about={"ranges": {"train": ["2013-01-01", "2013-03-02"]}}))
    ours = Artifact("late", b"", 0, Inputs(("hour",), {}), {"ranges": {"holdout": ["2013-03-01", "2013-03-04"]}})
    made = new_candidate(rows(SCORES), SCHEMA, gates={"champion": {"margin": 1}}, champion=seen, artifact=ours)
    assert "rows, some of which the champion was trained on: " in judge(made)[0].why


def test_champion_of_a_ranking_draws_what_is_ranked_together(new_candidate: NewCandidate) -> None:
    made = new_candidate(
        [(*row, (row[2],)) for row in rows(SCORES)],
        f"{SCHEMA}, rank_group struct<carrier: string>",
        champion=GOOD,
        task="ranking",
        rank_within=["carrier"],
        gates={"champion": {"margin": 1}},
    )
    (found,) = judge(made)
    assert found.passed
    assert found.why.startswith("ndcg 0.")
    assert "on the same 50 groups: " in found.why


def test_champion_compares_models_of_several_classes(new_candidate: NewCandidate) -> None:
    classes, labels = ("a", "b", "c"), (HOURS * 3).astype(int)
    data = xgb.DMatrix(HOURS.reshape(-1, 1), labels, nthread=1)
    booster = xgb.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 1, "nthread": 1}, data, 2)
    their = Artifact("late", bytes(booster.save_raw("ubj")), 1, Inputs(("hour",), {}), {}, classes)
    shares = np.tile([0.2, 0.5, 0.3], (400, 1))
    schema = "id int, as_of string, hour double, label string, score double, predicted string, probabilities map<string, double>"
    given = [
        (
            n,
            "2013-03-01",
            float(HOURS[n]),
            classes[labels[n]],
            0.5,
            "b",
            dict(zip(classes, shares[n].tolist(), strict=True)),
        )
        for n in range(400)
    ]
    gates = {"champion": {"margin": 0.05}, "champion.right": {"margin": 1, "metric": "accuracy"}}
    current = replace(GOOD, artifact=their)
    found = judge(new_candidate(given, schema, task="multiclass", gates=gates, champion=current))
    theirs = booster.predict(data).astype(float)
    behind = -np.log(shares[np.arange(400), labels]).mean() + np.log(theirs[np.arange(400), labels]).mean()
    assert behind > 0.1
    assert [each.passed for each in found] == [False, True]
    assert found[0].value == pytest.approx(-behind, abs=1e-6)
    worse = (theirs.argmax(axis=1) == labels).mean() - (labels == 1).mean()
    assert found[1].value == pytest.approx(-worse)


def test_champion_of_another_kind_of_label_cannot_be_compared_with(new_candidate: NewCandidate) -> None:
    other = replace(GOOD, artifact=replace(GOOD.artifact, about={"task": "regression"}))
    (found,) = judge(new_candidate(rows(SCORES), SCHEMA, gates={"champion": {"margin": 0}}, champion=other))
    assert (found.passed, found.why) == (
        False, "cannot be judged: version 3 was trained for another kind of label, regression",
    )  # fmt: skip
