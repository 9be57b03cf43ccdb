"""Drift between the training range and the newest night, of rows whose index is known."""

from collections.abc import Callable

import pytest
from pyspark.sql import SparkSession

from model.candidate import Candidate
from model.distances import of_categories
from model.gates import drift as gate
from model.gates import judge

NewCandidate = Callable[..., Candidate]
SCHEMA = "id int, as_of string, carrier string, hour int, delays__late_28d double, label boolean, split string"
INPUTS = "id int, as_of string, carrier string, hour int, delays__late_28d double"
ROWS = [(n, "2013-03-01", "AA" if n % 2 else "UA", n % 24, float(n % 7), True, "train") for n in range(240)] + [
    (n, f"2013-03-0{2 + n % 2}", "AA", n % 24, float(n % 7), True, "holdout") for n in range(240)
]
MODEL = {"features": {"delays": "all"}, "xgboost": {"categorical": ["carrier"]}}


def test_drift_names_the_input_that_differs_most(spark: SparkSession, new_candidate: NewCandidate) -> None:
    now = spark.createDataFrame([(n, "d", "AA", n % 24, float(n % 7)) for n in range(240)], INPUTS)
    gates = {
        "drift": {"max": 0.2},
        "drift.numbers": {"inputs": ["hour", "*_28d"]},
        "drift.carrier": {"inputs": ["carr*"], "max": 10},
    }
    found = judge(new_candidate(ROWS, SCHEMA, inputs=now, gates=gates, **MODEL))
    carrier = of_categories({"AA": 120, "UA": 120}, {"AA": 240})
    against = "240 training rows against the 240 of the newest night scored"
    assert [(each.passed, each.why) for each in found] == [
        (False, f"carrier differs most of 3 inputs, {against}"),
        (True, f"delays__late_28d differs most of 2 inputs, {against}"),
        (True, f"carrier differs most of 1 inputs, {against}"),
    ]
    assert [each.value for each in found] == pytest.approx([carrier, 0.0, carrier])


def test_drift_looks_at_the_holdout_s_newest_night_before_one_is_scored(new_candidate: NewCandidate) -> None:
    made = new_candidate(ROWS, SCHEMA, gates={"drift": {"inputs": ["carrier"], "rows": 100}}, **MODEL)
    (found,) = judge(made)
    assert found.why == (
        "carrier differs most of 1 inputs, 240 training rows against the 120 of the holdout's newest night, as none has been "
        "scored yet"
    )


def test_drift_takes_a_part_of_many_rows(
    spark: SparkSession, new_candidate: NewCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_VALUES", 300)
    now = spark.createDataFrame([(n, "d", "AA", n % 24, float(n % 7)) for n in range(240)], INPUTS)
    made = new_candidate(ROWS, SCHEMA, inputs=now, gates={"drift": {"max": 5, "rows": 10}}, **MODEL)
    told = judge(made)[0].why.partition(", ")[2].split()
    assert 70 < int(told[0]) < 130
    assert 70 < int(told[5]) < 130


@pytest.mark.parametrize(
    ("rows", "schema", "why"),
    [
        (0, INPUTS, "the newest night scored has 0 rows, and 200 are needed"),
        (199, INPUTS, "the newest night scored has 199 rows, and 200 are needed"),
        (240, INPUTS.removesuffix(", delays__late_28d double"), "the newest night scored lacks delays__late_28d"),
    ],
)
def test_drift_fails_where_it_cannot_compare(
    spark: SparkSession, new_candidate: NewCandidate, rows: int, schema: str, why: str
) -> None:
    now = spark.createDataFrame([(n, "d", "AA", 1, 1.0)[: schema.count(",") + 1] for n in range(rows)], schema)
    made = new_candidate(ROWS, SCHEMA, inputs=now, gates={"drift": {"max": 9}}, **MODEL)
    assert [(each.passed, each.why) for each in judge(made)] == [(False, f"cannot be judged: {why}")]


def test_drift_fails_without_a_night_to_look_at(new_candidate: NewCandidate) -> None:
    made = new_candidate(ROWS[:240], SCHEMA, gates={"drift": {"max": 9}}, **MODEL)
    assert judge(made)[0].why == "cannot be judged: no night has been scored, and the holdout has no rows"
