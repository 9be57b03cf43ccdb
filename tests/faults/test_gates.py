"""For each gate a training that is stopped by it and by no other, and a champion that stays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import GateError
from assay.known import Target
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import GATES, Outcome, record
from jobs.train import check_promoted
from model import train
from model.gates import GATES as KNOWN
from model.gates.gate import kind_of
from model.gates.metric import MetricLimits
from model.registry import champion
from model.tasks import TASKS

NIGHT = datetime(2013, 3, 11, tzinfo=UTC)
COST = "avg(case when label = 1 and score < 0.3 then 5 when label = 0 and score >= 0.3 then 1 else 0 end)"
MODEL: dict[str, Any] = {
    "name": "late",
    "description": "Will it be late?",
    "spine": {"train": "select 1", "score": "select 1"},
    "key": ["id"],
    "features": {},
    "request": {"x": "a", "y": "b"},
    "slices": ["origin"],
    "split": {"holdout": "3d"},
    "xgboost": {"rounds": 30, "max_depth": 3, "eta": 0.2},
    "train": {"every": "7d", "window": "10d"},
}
ALL: dict[str, Any] = {
    "positives": {"min": 50},
    "auc": {"min": 0.75},
    "log_loss": {"max": 0.6},
    "brier": {"max": 0.2},
    "calibration_error": {"max": 0.12},
    "slices": {"min": 0.75, "rows": 100},
    "champion": {"margin": 0.04, "rounds": 300},
    "rows": {"min": 400},
    "training_rows": {"min": 800},
    "training_nights": {"min": 5},
    "drift": {"max": 0.3},
    "model_bytes": {"max": "100kB"},
    "speed": {"rows_per_second": 1000, "latency_ms": 1000},
    "cost": {"sql": COST, "max": 1.5},
    "fairness": {"column": "region", "threshold": 0.3, "min": 0.5, "rows": 100},
}
"""Every gate there is for yes and no, with limits that the training of `rows` passes."""


def rows(lakehouse: Lakehouse) -> DataFrame:
    """Ten nights of two hundred rows; a quarter of the labels is true, those of high `x` and low `y`."""
    random = np.random.default_rng(12)
    made: list[tuple[Any, ...]] = []
    for n in range(2000):
        night = NIGHT - timedelta(days=1 + n // 200)
        x, y, chance = random.normal(size=3).tolist()
        label = float(x - y + 0.5 * chance > 1)
        made.append(
            (n, night, label, night + timedelta(hours=20), x, y, ("EWR", "JFK")[n % 2], ("north", "south")[n // 2 % 2])
        )
    schema = "id int, as_of timestamp, label double, label_known_at timestamp, x double, y double, origin string, region string"
    return lakehouse.spark.createDataFrame(made, schema).withColumn("training_as_of", F.lit(NIGHT))


@dataclass(frozen=True)
class Drill:
    """What goes wrong, and the gate that must say so."""

    gate: str
    gates: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    rows: Callable[[DataFrame], DataFrame] = lambda rows: rows
    inputs: Callable[[DataFrame], DataFrame] = lambda inputs: inputs


def wrong_at_jfk(rows: DataFrame) -> DataFrame:
    """Every third label of one airport's last three nights is the other way round."""
    wrong = F.expr("as_of > '2013-03-07' and origin = 'JFK' and id % 3 = 0")
    return rows.withColumn("label", F.when(wrong, 1 - F.col("label")).otherwise(F.col("label")))


def rare_in_the_south(rows: DataFrame) -> DataFrame:
    """Labels of one region are hardly ever true, and `x` knows it."""
    south = F.col("region") == "south"
    label = F.when(south, (F.col("id") % 40 == 2).cast("double")).otherwise(F.col("label"))
    return rows.withColumns({"x": F.col("x") - F.when(south, 3).otherwise(0), "label": label})


DRILLS = (
    Drill("auc", {"auc": {"min": 0.999}}),
    # positive labels that count three times as much make every score too high, and leave their order
    Drill("calibration_error", {"calibration_error": {"max": 0.06}},{"xgboost": MODEL["xgboost"] | {"balance": True}}),
    Drill("slices", {"auc": {"min": 0.6}, "brier": {"max": 0.3}, "log_loss": {"max": 1.5}, "calibration_error": {"max": 0.5},
                     "cost": {"sql": COST, "max": 5}}, rows=wrong_at_jfk),
    Drill("champion", {"auc": {"min": 0.5}, "slices": {"min": 0.5}}, {"xgboost": {"rounds": 1, "max_depth": 1}}),
    Drill("rows", rows=lambda rows: rows.where("as_of < '2013-03-08' or id % 8 < 4")),
    Drill("training_rows", rows=lambda rows: rows.where("as_of >= '2013-03-08' or id % 8 < 4")),
    Drill("training_nights", rows=lambda rows: rows.where("as_of >= '2013-03-08' or dayofmonth(as_of) % 2 = 1"),
          gates={"training_rows": {"min": 400}}),
    Drill("drift", inputs=lambda inputs: inputs.withColumn("y", F.col("y") * 32)),
    Drill("model_bytes", model={"xgboost": MODEL["xgboost"] | {"rounds": 300, "eta": 0.02}}),
    Drill("speed.rows_per_second", {"speed": {"rows_per_second": 1e12}}),
    Drill("speed.latency_ms", {"speed": {"latency_ms": 0.0001}}),
    Drill("cost", {"cost": {"sql": f"{COST} + count_if(score is null)", "max": 0.001}}),
    # the model is right to decide otherwise in the south, and yet it is stopped
    Drill("fairness", rows=rare_in_the_south),
)  # fmt: skip


@pytest.fixture(scope="module")
def lakehouse(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """A lakehouse of one model, whose first training has passed every gate."""
    conf = tmp_path_factory.mktemp("gates") / "conf"
    for folder in ("env", "tiny"):
        (conf / folder).mkdir(parents=True)
    (conf / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (conf / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: One model.\n")
    made = open_lakehouse(conf / "tiny")
    scored = Outcome("scoring_set", NIGHT - timedelta(days=1), status="done")
    scored.targets.append(Target("late", "key", "gold.late_inputs", 0))
    record(made, scored)
    first = trained(made, Drill(""))
    assert (first.total("promoted"), refused(made, first)) == (1, [])
    return made


def model_of(drill: Drill) -> Model:
    return Model.model_validate({**MODEL, **drill.model, "gates": {**ALL, **drill.gates}})


def trained(lakehouse: Lakehouse, drill: Drill) -> Outcome:
    made, night = drill.rows(rows(lakehouse)), NIGHT - timedelta(days=1)
    lakehouse.tables.replace("gold.late_training", made, slice_of={"training_as_of": [NIGHT]})
    inputs = drill.inputs(made.drop("label", "label_known_at", "training_as_of")).withColumn("as_of", F.lit(night))
    lakehouse.tables.replace("gold.late_inputs", inputs, slice_of={"as_of": [night]})
    return train.run(lakehouse, model_of(drill), NIGHT)


def refused(lakehouse: Lakehouse, outcome: Outcome) -> list[tuple[str, str]]:
    """The gates that a training did not pass, and why, of `ops.gates`."""
    of_run = lakehouse.tables.read(GATES).where((F.col("run_id") == outcome.run_id) & ~F.col("passed"))
    return [(row["gate"], row["why"]) for row in of_run.collect()]


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.gate)
def test_a_training_is_stopped_by_exactly_the_gate_that_it_does_not_pass(lakehouse: Lakehouse, drill: Drill) -> None:
    before = champion(lakehouse, model_of(drill))
    outcome = trained(lakehouse, drill)
    assert [gate for gate, _ in refused(lakehouse, outcome)] == [drill.gate], refused(lakehouse, outcome)
    assert before is not None
    assert (outcome.total("promoted"), champion(lakehouse, model_of(drill))) == (0, before)
    with pytest.raises(GateError, match=f"was not promoted: it did not pass {drill.gate}\\.") as caught:
        check_promoted(model_of(drill), outcome)
    assert caught.value.exit_code == 8


def test_there_is_a_drill_for_every_gate() -> None:
    """The gates on metrics are one function."""
    others = {name for name, gate in KNOWN.items() if gate.settings is not MetricLimits}
    assert {kind_of(drill.gate) for drill in DRILLS} == others | {"auc", "calibration_error"}
    assert set(ALL) == others | set(TASKS["binary"].metrics)
