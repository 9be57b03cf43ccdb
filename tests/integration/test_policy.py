"""A model that is left alone: drift that is planted leads to a training, decay to the version before."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.watch import watched
from jobs.night.steps import policy_state, train_state
from jobs.watch import run_watch
from model import policy, score, train
from model.registry import CHAMPION, PREVIOUS, aliases
from model.roles import PROMOTIONS
from tests.parcels import START, Parcels, new_parcels, write_inputs, write_training

DAY = timedelta(days=1)
POLICY = "policy: {retrain: {monitors: [drift], cooldown: 2d}, rollback: {nights: 1}}"
MONITORING = "monitoring: {predecessor: {rows: 100}}"


@pytest.fixture
def shop(spark: SparkSession, tmp_path: Path) -> Parcels:
    """Trained once. Nobody delivers anything: stages before are not run."""
    gates = "gates: {auc: {min: 0.5}}"
    made = new_parcels(tmp_path).edited(gates, f"{gates}\n{POLICY}\n{MONITORING}")
    write_training(made, START)
    train.run(made.lakehouse, late(made), START)
    return made


def late(shop: Parcels) -> Any:
    return shop.lakehouse.config.models["late"]


def change(shop: Parcels, table: str, night: Any, column: str, how: Callable[[DataFrame], DataFrame]) -> None:
    tables = shop.lakehouse.tables
    tables.replace(table, how(tables.read(table).where(F.col(column) == F.lit(night))), slice_of={column: [night]})


def ledger_of(shop: Parcels, stage: str) -> list[Any]:
    return shop.lakehouse.tables.read("ops.runs").where(F.col("stage") == stage).orderBy("started_at").collect()


def test_drift_leads_to_a_training_once_and_its_gates_decide(shop: Parcels) -> None:
    lakehouse, model = shop.lakehouse, late(shop)
    quiet, drifted, next_night, after = (START + n * DAY for n in (1, 2, 3, 4))
    write_inputs(shop, [quiet, drifted, next_night], each=150)
    change(shop, "gold.late_inputs", drifted, "as_of", lambda rows: rows.withColumn("heavy", F.col("heavy") * 10))
    for night in (quiet, drifted):
        assert policy_state(lakehouse, model, night).what == train_state(lakehouse, model, night).what == "not due"
        score.run(lakehouse, model, night)
        run_watch(lakehouse, night)

    asked = policy_state(lakehouse, model, next_night)
    assert asked.what == "would run"
    assert asked.why.startswith(f"retrain: drift was bad as of {drifted:%Y-%m-%d}: heavy is ")
    assert train_state(lakehouse, model, next_night).what == "would run"
    outcome = policy.run(lakehouse, model, next_night)
    assert outcome.notes == [f"late: a training is due before its time; {asked.why.removeprefix('retrain: ')}"]
    [row] = ledger_of(shop, "policy")
    numbers = {(m["label"], m["metric"]): m["value"] for m in row["metrics"]}
    assert numbers["retrain", "value"] > numbers["retrain", "limit"] > 0

    write_training(shop, next_night)
    train.run(lakehouse, model, next_night)
    assert aliases(lakehouse, model) == {CHAMPION: 2, PREVIOUS: 1}  # its gates let it pass
    assert (
        policy_state(lakehouse, model, next_night).what == train_state(lakehouse, model, next_night).what == "not due"
    )
    score.run(lakehouse, model, next_night)
    change(shop, "gold.late_inputs", next_night, "as_of", lambda rows: rows.withColumn("heavy", F.col("heavy") * 10))
    run_watch(lakehouse, next_night)
    assert policy_state(lakehouse, model, after).what == "not due"  # it is trained again only after the cooldown
    assert policy_state(lakehouse, model, after + DAY).what == "would run"


def test_a_training_that_its_gates_refused_is_tried_again_once_retry_is_over(shop: Parcels) -> None:
    patient = shop.edited("every: 7d,", "every: 7d, retry: 3d,").edited("auc: {min: 0.5}", "auc: {min: 0.9999}")
    lakehouse, model = patient.lakehouse, late(patient)
    due = START + 7 * DAY
    assert train_state(lakehouse, model, due - DAY).what == "not due"
    assert train_state(lakehouse, model, due).what == "would run"
    write_training(patient, due)
    train.run(lakehouse, model, due)
    assert aliases(lakehouse, model) == {CHAMPION: 1}
    assert train_state(lakehouse, model, due).what == "not due"  # nor twice for one night
    waits = train_state(lakehouse, model, due + 2 * DAY)
    assert waits.what == "not due"
    assert (
        waits.why == f"what was trained as of {due:%Y-%m-%d} is not champion, the next is due {due + 3 * DAY:%Y-%m-%d}"
    )
    assert train_state(lakehouse, model, due + 3 * DAY).what == "would run"
    assert train_state(shop.lakehouse, late(shop), due + DAY).what == "would run"  # by default the next night


def test_the_version_before_comes_back_once_it_would_have_been_better(shop: Parcels) -> None:
    lakehouse, model = shop.lakehouse, late(shop)
    worse, *nights = (START + n * DAY for n in range(2, 7))
    write_training(shop, worse)
    change(shop, "gold.late_training", worse, "training_as_of", lambda rows: rows.withColumn("label", ~F.col("label")))
    train.run(lakehouse, model, worse)
    assert aliases(lakehouse, model) == {CHAMPION: 2, PREVIOUS: 1}
    write_inputs(shop, nights, each=150)
    for night in nights:
        score.run(lakehouse, model, night)
    *_, watching = nights
    run_watch(lakehouse, nights[0])
    assert (
        policy_state(lakehouse, model, nights[1]).what == "already complete"
    )  # who scores is decided before it is scored
    assert policy.decisions(lakehouse, model, nights[1]) == []  # nobody knows yet what became of predictions
    run_watch(lakehouse, watching)
    [told] = watched(lakehouse, watching, watching)
    [found] = [each for each in told.findings if each.monitor == "predecessor"]
    assert (found.subject, found.name, found.status) == ("model:late", "auc", "bad")
    assert found.value is not None
    assert found.value > 0.3
    assert found.why.startswith("By auc version 1, the champion before, would have had 0.")

    policy.run(lakehouse, model, watching + DAY)
    assert aliases(lakehouse, model) == {CHAMPION: 1}
    last = lakehouse.tables.read(PROMOTIONS).orderBy(F.desc("at")).first()
    assert last is not None
    assert (last["action"], last["from_version"], last["to_version"]) == ("rollback", 2, 1)
    assert last["why"].startswith(f"policy: predecessor was bad as of {watching:%Y-%m-%d}: By auc version 1")
    [row] = ledger_of(shop, "policy")
    assert [m["value"] for m in row["metrics"] if (m["label"], m["metric"]) == ("rollback", "value")] == [found.value]
    assert policy_state(lakehouse, model, watching + DAY).what == "not due"
