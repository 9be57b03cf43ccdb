"""Gates that ask Spark about the rows of the holdout, on rows that can be counted by hand."""

from collections.abc import Callable

import pytest

from model.candidate import Candidate
from model.gates import judge
from model.gates.gate import GateResult

NewCandidate = Callable[..., Candidate]

SCHEMA = "id int, origin string, carrier string, label boolean, score double"
ROWS = [
    (1, "EWR", "UA", True, 0.9), (2, "EWR", "UA", False, 0.1), (3, "EWR", "DL", True, 0.8), (4, "EWR", "DL", False, 0.2),
    (5, "LGA", "UA", True, 0.3), (6, "LGA", "UA", False, 0.4), (7, "LGA", "DL", True, 0.6), (8, "LGA", "DL", False, 0.5),
    (9, None, "UA", True, 0.7), (10, "JFK", "UA", False, 0.6),
]  # fmt: skip


def test_slices_tells_the_worst_of_those_that_are_large_enough(new_candidate: NewCandidate) -> None:
    gates = {
        "slices": {"min": 0.8, "rows": 4},
        "slices.loss": {"max": 0.9, "rows": 4, "metric": "log_loss"},
        "slices.large": {"min": 0.5, "rows": 7},
        "slices.small": {"min": 0.5, "rows": 1},
    }
    found = {each.gate: each for each in judge(new_candidate(ROWS, SCHEMA, slices=["origin", "carrier"], gates=gates))}
    left_out = "2 of 6 slices have fewer than 4 rows and are left out"
    # LGA: of (0.3, 0.6) and (0.4, 0.5) two of four pairs are in order
    assert found["slices"] == GateResult(
        "slices", 0.5, "at least 0.8", False, f"auc is 0.5000 on 4 rows where origin = LGA, the worst of 4 slices; {left_out}"
    )  # fmt: skip
    loss = found["slices.loss"]
    assert (loss.passed, loss.why) == (
        True, f"log_loss is 0.7297 on 4 rows where origin = LGA, the worst of 4 slices; {left_out}",
    )  # fmt: skip
    assert found["slices.large"].why == "cannot be judged: 6 of 6 slices have fewer than 7 rows and are left out"
    assert found["slices.small"].why == "cannot be judged: auc cannot be computed where origin = JFK"
    assert [each.passed for each in found.values()] == [False, True, False, False]


def test_cost_is_one_number_of_the_holdout(new_candidate: NewCandidate) -> None:
    sql = "sum(case when label and score < 0.4 then 10 when not label and score >= 0.4 then 1 else 0 end)"
    rows = [*[(*row, "holdout") for row in ROWS], (11, "EWR", "UA", True, 0.0, "train")]
    made = new_candidate(
        rows, f"{SCHEMA}, split string",
        gates={"cost": {"sql": sql, "max": 13}, "cost.null": {"sql": "max(nullif(score, score))", "max": 1}},
    )  # fmt: skip
    assert judge(made)[0] == GateResult("cost", 13, "at most 13", True, "the SQL gives 13 on 10 rows of the holdout")
    assert judge(made)[1].why == "cannot be judged: the SQL gives no number of 10 rows of the holdout"


@pytest.mark.parametrize(
    "sql", ["count(*)", "count_if(label)", "avg(score) filter (where label)", "percentile(score, 0.9)"]
)
def test_cost_takes_aggregates(new_candidate: NewCandidate, sql: str) -> None:
    made = new_candidate(ROWS, SCHEMA, gates={"cost": {"sql": sql, "min": 0}})
    assert [each.passed for each in judge(made)] == [True]


def test_fairness_is_the_ratio_of_the_lowest_share_to_the_highest(new_candidate: NewCandidate) -> None:
    gates = {
        "fairness": {"column": "origin", "threshold": 0.5, "rows": 2, "min": 0.95},
        "fairness.equal_opportunity": {"column": "origin", "threshold": 0.5, "rows": 2, "of": "label_true"},
        "fairness.carrier": {"column": "carrier", "threshold": 0.6, "rows": 1},
        "fairness.few": {"column": "carrier", "threshold": 0.6, "rows": 5},
        "fairness.none": {"column": "carrier", "threshold": 1.0, "rows": 1},
    }
    found = judge(new_candidate(ROWS, SCHEMA, gates=gates))
    left_out = "; 2 of 4 groups have 2 rows or more"
    assert found[:3] == [
        GateResult("fairness", 1.0, "at least 0.95", True, f"50.0% positive where origin = EWR, 50.0% where EWR{left_out}"),
        GateResult(
            "fairness.equal_opportunity", 0.5, "at least 0.8", False, "50.0% positive where origin = LGA, 100.0% where EWR; 2 of 3 groups have 2 rows or more"
        ),
        GateResult("fairness.carrier", 1.0, "at least 0.8", True, "50.0% positive where carrier = DL, 50.0% where DL"),
    ]  # fmt: skip
    assert [each.why for each in found[3:]] == [
        "cannot be judged: 1 of 2 groups have 5 rows or more; two are needed",
        "cannot be judged: no group has a score of 1 or more",
    ]
