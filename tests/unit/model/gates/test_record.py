"""`ops.gates`: a row per gate of a training; and the verdicts as a table for the terminal."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from assay.catalog import ask
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome, record
from model.candidate import Candidate
from model.gates.gate import GateResult
from model.gates.record import as_lines, newest_inputs, record_gates

AS_OF = datetime(2013, 3, 8, tzinfo=UTC)
RESULTS = [
    GateResult("auc", 0.6853, "at least 0.62", True, "auc is 0.6853 on 3,620 rows of the holdout"),
    GateResult("rows", 3620, "at least 10,000", False, "the holdout has 3,620 rows"),
    GateResult("drift", math.nan, "at most 0.2", False, "cannot be judged: no night"),
]


def test_as_lines_is_a_table() -> None:
    assert as_lines(RESULTS) == [
        "gate   value   limit            verdict  why",
        "-----  ------  ---------------  -------  ------------------------------------------",
        "auc    0.6853  at least 0.62    passed   auc is 0.6853 on 3,620 rows of the holdout",
        "rows    3,620  at least 10,000  FAILED   the holdout has 3,620 rows",
        "drift       –  at most 0.2      FAILED   cannot be judged: no night",
    ]
    assert as_lines([]) == ["no gate is asked for, and so every training passes"]


def test_record_gates_writes_a_row_per_gate_in_one_commit(
    readings: Any, new_candidate: Callable[..., Candidate]
) -> None:
    lakehouse: Lakehouse = readings.lakehouse
    model, outcome = new_candidate().model, Outcome("train", AS_OF)
    record_gates(lakehouse, model, outcome, RESULTS, 4)
    record_gates(lakehouse, model, outcome, RESULTS, 4)  # as a run that goes on
    record_gates(lakehouse, model, Outcome("train", AS_OF), [], 5)
    answer = ask(
        lakehouse, "select run_id, lakehouse, model, model_version, as_of, gate, value, limit, passed, why from ops.gates"
    )  # fmt: skip
    common = [outcome.run_id, "tiny", "late", 4, AS_OF.replace(tzinfo=None)]
    assert [*answer.rows] == [
        [*common, "auc", 0.6853, "at least 0.62", True, RESULTS[0].why],
        [*common, "rows", 3620.0, "at least 10,000", False, RESULTS[1].why],
        [*common, "drift", None, "at most 0.2", False, RESULTS[2].why],
    ]
    assert outcome.notes[:5] == as_lines(RESULTS)
    assert {each.label: each.value for each in outcome.metrics if each.metric == "gate_passed"} == {
        "auc": 1.0, "rows": 0.0, "drift": 0.0,
    }  # fmt: skip


def test_newest_inputs_are_those_of_the_night_before(readings: Any, new_candidate: Callable[..., Candidate]) -> None:
    lakehouse: Lakehouse = readings.lakehouse
    model = new_candidate().model
    assert newest_inputs(lakehouse, model, AS_OF) is None
    nights = [datetime(2013, 3, day, tzinfo=UTC) for day in (5, 7, 8)]
    rows = lakehouse.spark.createDataFrame([(night, night.day) for night in nights], "as_of timestamp, hour int")
    lakehouse.tables.replace("gold.late_inputs", rows, slice_of={"as_of": nights})
    for night in nights:
        outcome = Outcome("scoring_set", night, status="done")
        outcome.targets.append(Target("late", f"key {night}", "gold.late_inputs", 0))
        record(lakehouse, outcome)
    found = newest_inputs(lakehouse, model, AS_OF)
    assert found is not None
    assert [row["hour"] for row in found.collect()] == [7]
    assert newest_inputs(lakehouse, model, nights[0]) is None
