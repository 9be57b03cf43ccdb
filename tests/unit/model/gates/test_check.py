"""Gates are checked before anything is trained: names, settings, and what they say of the training set."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.config.load import read_document
from assay.config.model import Model
from assay.errors import ConfigError
from model.gates import GATES, asks_for, check_gates

TEXT = """\
description: d
spine: {train: select 1, score: select 1}
key: [a]
features: {delays: all}
slices: [origin]
split: {validation: 1d, holdout: 1d}
train: {every: 7d, window: 28d}
gates:
"""
LINE = TEXT.count("\n") + 1
COST = "avg(case when label then 10.0 else score end)"


def model(folder: Path, gate: str, text: str = TEXT) -> Model:
    path = folder / "late.yml"
    path.write_text(f"{text}  {gate}\n")
    return read_document(path, Model, name="late")


@pytest.mark.parametrize(
    "gate",
    [
        "auc: {min: 0.62}", "log_loss: {max: 1}", "positives: {min: 10, max: 20}", "rows: {min: 10}",
        "training_rows: {min: 10}", "training_nights: {min: 10}", "slices: {min: 0.5, metric: auc, rows: 10}",
        "champion: {margin: 0, metric: log_loss, confidence: 0.9, rounds: 200, drawn_by: origin}",
        "model_bytes: {max: 1.5MB}", "model_bytes: {max: 1500000}", "speed: {latency_ms: 5}",
        'drift: {max: 0.1, inputs: ["*_28d"]}', f'cost: {{sql: "{COST}", max: 2}}', "auc.weekend: {min: 0.5}",
        "fairness: {column: origin, threshold: 0.4, of: label_true}",
    ],
)  # fmt: skip
def test_check_gates_accepts_what_can_be_asked(tmp_path: Path, spark: SparkSession, gate: str) -> None:
    rows = spark.createDataFrame([], "a int, origin string, label boolean, delays__late_28d double")
    check_gates(model(tmp_path, gate))
    check_gates(model(tmp_path, gate), rows)


@pytest.mark.parametrize(
    ("gate", "what", "key", "expected"),
    [
        ("acu: {min: 1}", "There is no gate 'acu'.", "gates.acu", "did you mean 'auc'?"),
        ("auc.: {min: 1}", "The gate 'auc.' has a name that cannot be shown.", "gates.auc.",
         "auc, or auc and a word after a dot, as in auc.weekend"),
        ("auc: {minimum: 0.6}", "The configuration is not valid: unknown key minimum: did you mean 'min'?", "gates.auc.minimum", None),
        ("auc: {min: high}", "The configuration is not valid: Input should be a valid number.", "gates.auc.min", None),
        ("auc: {min: true}", "The configuration is not valid: Input should be a valid number.", "gates.auc.min", None),
        ("auc: {min: .nan}", "The configuration is not valid: Input should be a finite number.", "gates.auc.min", None),
        ("auc: {}", "The configuration is not valid: a gate needs a limit: min, max or both.", "gates.auc", None),
        ("auc: {min: 2, max: 1}", "The configuration is not valid: min 2 is above max 1.", "gates.auc", None),
        ("champion: {}", "The configuration is not valid: Field required.", "gates.champion.margin", None),
        ("champion: {margin: 0, metric: positives}", "Two models of task binary cannot be compared by 'positives'.",
         "gates.champion.metric", "known: auc, brier, calibration_error, log_loss"),
        ("slices: {min: 0.5, metric: ac}", "A model of task binary has no metric 'ac'.", "gates.slices.metric",
         "did you mean 'auc'?"),
        ("slices: {min: 0.5, max: 1}", "The gate 'slices' looks at the worst slice.", "gates.slices", "min or max"),
        ("model_bytes: {max: big}", "The configuration is not valid: 'big' is not a size: a number and one of B, kB, KB, MB, GB, KiB, MiB, GiB, as in 5MB.",
         "gates.model_bytes.max", None),
        ("speed: {}", "The configuration is not valid: a gate needs a limit: rows_per_second, latency_ms or both.",
         "gates.speed", None),
    ],
)  # fmt: skip
def test_check_gates_points_at_what_is_wrong(tmp_path: Path, gate: str, what: str, key: str, expected: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check_gates(model(tmp_path, gate))
    error = caught.value
    assert (error.what, error.where, error.expected) == (what, f"{tmp_path}/late.yml:{LINE}, key {key}", expected)


@pytest.mark.parametrize(
    ("gate", "what", "key", "expected"),
    [
        ("slices: {min: 0.5}", "The training set of late has no column 'origin'.", "slices.0", "did you mean 'origins'?"),
        ("champion: {margin: 0, drawn_by: origin}", "The training set of late has no column 'origin'.",
         "gates.champion.drawn_by", "did you mean 'origins'?"),
        ("fairness: {column: dest, threshold: 0.5}", "The training set of late has no column 'dest'.",
         "gates.fairness.column", "known: a, delays__late_28d, label, origins"),
        ('drift: {inputs: ["*_29d"]}', "No input of late is named like '*_29d'.", "gates.drift.inputs.0",
         "an input or a pattern of inputs: delays__late_28d"),
        ("cost: {sql: avg(scroe), max: 1}", "The SQL of the gate 'cost' cannot be used.", "gates.cost.sql", "did you mean 'score'?"),
        ("cost: {sql: avg(rand()), max: 1}", "The SQL of the gate 'cost' cannot be used.", "gates.cost.sql", "did you mean 'rpad'?"),
        ("cost: {sql: (select 1), max: 1}", "The SQL of the gate 'cost' cannot be used.", "gates.cost.sql",
         "an expression over the rows' columns"),
        ("cost: {sql: score, max: 1}", "The SQL of the gate 'cost' makes no number of the rows.", "gates.cost.sql",
         "an aggregate such as avg(…) or sum(…) that is a number"),
        ("cost: {sql: max(origins), max: 1}", "The SQL of the gate 'cost' makes no number of the rows.", "gates.cost.sql",
         "an aggregate such as avg(…) or sum(…) that is a number"),
    ],
)  # fmt: skip
def test_check_gates_looks_at_the_training_set(
    tmp_path: Path, spark: SparkSession, gate: str, what: str, key: str, expected: Any
) -> None:
    rows = spark.createDataFrame([], "a int, origins string, label boolean, delays__late_28d double")
    document = model(tmp_path, gate)
    check_gates(document)
    with pytest.raises(ConfigError) as caught:
        check_gates(document, rows)
    error = caught.value
    assert (error.what, error.where.partition(", key ")[2], error.expected) == (what, key, expected)


def test_check_gates_wants_slices_for_the_gate_on_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The gate 'slices' has nothing to look at"):
        check_gates(model(tmp_path, "slices: {min: 0.5}", TEXT.replace("slices: [origin]\n", "")))


def test_asks_for_a_kind_under_any_name(tmp_path: Path) -> None:
    document = model(tmp_path, "champion.loss: {margin: 0, metric: log_loss}")
    assert (asks_for(document, "champion"), asks_for(document, "drift")) == (True, False)


def test_every_gate_of_the_design_is_known() -> None:
    metrics = {"positives", "auc", "log_loss", "brier", "calibration_error"}
    assert set(GATES) >= metrics | {
        "rows", "training_rows", "training_nights", "slices", "champion", "model_bytes", "speed", "drift", "cost", "fairness",
    }  # fmt: skip
