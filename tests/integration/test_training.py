"""A training from its table to MLflow, the ledger and its page, for every kind of label."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.errors import ModelError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.report.curves import Step, calibration
from model import score, train
from model.fitting import native
from model.inputs import Inputs
from model.registry import champion, connect
from model.serving import pyfunc
from model.trainings import TRAININGS, page_of

NIGHT = datetime(2013, 3, 11, tzinfo=UTC)
MODEL: dict[str, Any] = {
    "description": "Will it be late?",
    "spine": {"train": "select 1", "score": "select 1"},
    "key": ["id"],
    "features": {},
    "request": {"x": "a", "y": "b", "z": "carrier"},
    "slices": ["origin"],
    "split": {"holdout": "3d"},
    "xgboost": {"rounds": 12, "max_depth": 3, "encode": {"carrier": "target", "origin": "one_hot"}},
    "train": {"every": "7d", "window": "10d"},
    "gates": {},
}
Make = Callable[..., Lakehouse]


def rows(spark: SparkSession, task: str) -> DataFrame:
    """Ten nights of forty rows whose label follows `a`, `b` and the carrier; some values are missing."""
    random = np.random.default_rng(12)
    made: list[tuple[Any, ...]] = []
    for n in range(400):
        night = NIGHT - timedelta(days=1 + n // 40)
        a, b = random.normal(size=2).tolist()
        carrier, origin = ("AA", "DL", "UA", None)[n % 4], ("EWR", "JFK")[n // 4 % 2]
        value = a - b + (carrier == "UA") + random.normal() * 0.5
        label = value if task == "regression" else float(value > 0)
        if task == "multiclass":
            label = "late" if value > 0.8 else "on time" if value > -0.6 else "early"
        made.append(
            (n, night, label, night + timedelta(hours=20), None if n % 9 == 0 else a, b, carrier, origin, f"c{n % 80}")
        )
    kind = "string" if task == "multiclass" else "double"
    schema = f"id int, as_of timestamp, label {kind}, label_known_at timestamp, x double, y double, carrier string, "
    frame = spark.createDataFrame(made, schema + "origin string, customer string")
    return frame.withColumn("training_as_of", F.lit(NIGHT))


def inputs_of(spark: SparkSession, task: str, night: datetime) -> DataFrame:
    """What a night is scored on: the rows of the night before."""
    tonight = rows(spark, task).where(F.col("as_of") == F.lit(night - timedelta(days=1)))
    return tonight.drop("label", "label_known_at", "training_as_of").withColumns(
        {"z": F.col("carrier") == "UA", "as_of": F.lit(night), "feature_versions": F.expr("map('x', 1L)")}
    )


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Make:
    def made(**changes: Any) -> Lakehouse:
        conf = tmp_path / "conf"
        (conf / "env").mkdir(parents=True)
        (conf / "env" / "local.yml").write_text("warehouse: warehouse\n")
        (conf / "tiny" / "models").mkdir(parents=True)
        (conf / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: One model.\n")
        (conf / "tiny" / "models" / "late.yml").write_text(yaml.safe_dump(MODEL | changes))
        lakehouse = open_lakehouse(conf / "tiny")
        model = lakehouse.config.models["late"]
        table = rows(spark, model.task).withColumn("z", F.col("carrier") == "UA")
        lakehouse.tables.replace("gold.late_training", table, slice_of={"training_as_of": [NIGHT]})
        return lakehouse

    return made


def test_a_training_is_told_everywhere_alike(make: Make) -> None:
    lakehouse = make(split={"holdout": "3d", "validation": "2d"})
    model = lakehouse.config.models["late"]
    outcome = train.run(lakehouse, model, NIGHT)
    (row,) = lakehouse.tables.read(TRAININGS).collect()
    current = champion(lakehouse, model)
    assert current is not None
    assert (row["version"], row["fate"], row["trees_sha256"]) == (1, "champion", current.artifact.sha256)
    assert {split: found["rows"] for split, found in row["metrics"].items()} == {
        "train": 200.0, "validation": 80.0, "holdout": 120.0,
    }  # fmt: skip
    assert row["metrics"]["holdout"]["auc"] > 0.8
    assert [(each["column"], each["value"], each["metrics"]["rows"]) for each in row["slices"]] == [
        ("origin", "EWR", 60.0), ("origin", "JFK", 60.0),
    ]  # fmt: skip
    assert sum(step["rows"] for step in row["curve"]) == 120
    assert sum(step["label"] for step in row["curve"]) == row["metrics"]["holdout"]["positives"]
    assert sorted(each["input"] for each in row["importance"]) == [
        "carrier", "origin=EWR", "origin=JFK", "x", "y", "z",
    ]  # fmt: skip
    assert sum(each["gain"] for each in row["importance"]) == pytest.approx(1)
    assert {split: len(losses) for split, losses in row["losses"].items()} == {"train": 12, "validation": 12}
    logged = connect(lakehouse).get_run(current.mlflow_run).data
    assert logged.metrics["holdout_auc"] == row["metrics"]["holdout"]["auc"]
    assert logged.metrics["fit_seconds"] == row["seconds"]
    assert logged.metrics["holdout/origin/JFK/auc"] == row["slices"][1]["metrics"]["auc"]
    curve = connect(lakehouse).get_metric_history(current.mlflow_run, "validation_logloss_by_round")
    assert [(point.step, point.value) for point in curve] == [*enumerate(row["losses"]["validation"], start=1)]
    plots = {found.path for found in connect(lakehouse).list_artifacts(current.mlflow_run, "plots")}
    assert plots == {f"plots/{name}.svg" for name in ("roc", "precision_recall", "calibration", "losses", "importance")}
    page = page_of(lakehouse, "late", 1).read_text()
    for told in (current.artifact.sha256, "carrier", "origin = JFK", "Precision and recall", "Loss by round"):
        assert told in page
    assert any("trained by the native path" in note for note in outcome.notes)
    assert set(json.loads(row["about"])) >= {"packages", "commit", "parameters", "ranges", "training_version"}


def test_training_again_gives_the_same_trees_whatever_the_order_of_rows(make: Make, spark: SparkSession) -> None:
    lakehouse = make()
    model = lakehouse.config.models["late"]
    train.run(lakehouse, model, NIGHT)
    again = lakehouse.tables.read("gold.late_training").repartition(3, "y").localCheckpoint()
    lakehouse.tables.replace("gold.late_training", again, slice_of={"training_as_of": [NIGHT]})
    train.run(lakehouse, model, NIGHT)
    first, second = lakehouse.tables.read(TRAININGS).orderBy("version").collect()
    assert (first["version"], second["version"]) == (1, 2)
    assert first["trees_sha256"] == second["trees_sha256"]
    assert first["metrics"] == second["metrics"]


def test_inputs_are_the_same_numbers_in_training_and_scoring_column_by_column(make: Make) -> None:
    lakehouse = make(xgboost={"rounds": 3, "encode": {"origin": "frequency"}, "categorical": ["carrier"]})
    model = lakehouse.config.models["late"]
    train.run(lakehouse, model, NIGHT)
    current = champion(lakehouse, model)
    assert current is not None
    kept = Inputs.from_json(json.loads(json.dumps(current.artifact.inputs.to_json())))  # as scoring reads them
    table = lakehouse.tables.read("gold.late_training")
    scoring = table.drop("label", "label_known_at", "training_as_of")
    fitted = current.artifact.inputs
    for name, trained, scored in zip(fitted.names, fitted.columns(), kept.columns(), strict=True):
        in_training = table.select("id", trained.cast("float")).orderBy("id").collect()
        assert in_training == scoring.select("id", scored.cast("float")).orderBy("id").collect(), name


def test_groups_of_the_holdout_are_not_learned_from(make: Make) -> None:
    lakehouse = make(split={"holdout": "1d", "group": "customer"})
    model = lakehouse.config.models["late"]
    train.run(lakehouse, model, NIGHT)
    (row,) = lakehouse.tables.read(TRAININGS).collect()
    # eighty customers take turns by the half: of the forty on the last night, none is left among the other nights
    assert (row["metrics"]["holdout"]["rows"], row["metrics"]["train"]["rows"]) == (40.0, 200.0)


@pytest.mark.parametrize(("task", "least"), [("regression", ("r2", 0.5)), ("ranking", ("ndcg", 0.8))])
def test_numbers_and_rankings_are_learned_and_scored(
    make: Make, spark: SparkSession, task: str, least: tuple[str, float]
) -> None:
    changes: dict[str, Any] = {"rank_within": ["origin"]} if task == "ranking" else {}
    lakehouse = make(task=task, **changes)
    train.run(lakehouse, lakehouse.config.models["late"], NIGHT)
    (row,) = lakehouse.tables.read(TRAININGS).collect()
    metric, value = least
    assert row["metrics"]["holdout"][metric] > value
    asked = inputs_of(spark, task, NIGHT)
    lakehouse.tables.replace("gold.late_inputs", asked, slice_of={"as_of": [NIGHT]})
    score.run(lakehouse, lakehouse.config.models["late"], NIGHT)
    predictions = lakehouse.tables.read("gold.late_predictions").join(asked.select("id", "origin"), "id").collect()
    assert len(predictions) == 40
    if task == "regression":
        numbers = [found["score"] for found in predictions]
        assert min(numbers) < 0
        assert max(numbers) > 1
    else:
        for origin in ("EWR", "JFK"):
            ranked = sorted(
                (found for found in predictions if found["origin"] == origin), key=lambda found: found["rank"]
            )
            assert [found["rank"] for found in ranked] == [*range(1, 21)]
            assert [found["score"] for found in ranked] == sorted((found["score"] for found in ranked), reverse=True)
    assert "Predicted and actual" in page_of(lakehouse, "late", 1).read_text()


def test_classes_are_learned_scored_compared_and_explained(make: Make, spark: SparkSession) -> None:
    gates = {
        "log_loss": {"max": 0.9}, "accuracy": {"min": 0.6}, "slices": {"min": 0.5, "metric": "accuracy", "rows": 5},
        "champion": {"margin": 0.1}, "cost": {"sql": "avg(if(predicted = label, 0, 1))", "max": 0.4},
    }  # fmt: skip
    encode = {"carrier": "frequency", "origin": "one_hot"}
    lakehouse = make(
        task="multiclass", gates=gates, slices=["origin", "label"], split={"holdout": "3d", "validation": "2d"},
        xgboost={"rounds": 12, "max_depth": 3, "early_stopping": 3, "encode": encode}, contributions=2,
    )  # fmt: skip
    model = lakehouse.config.models["late"]
    for _ in range(2):  # the second is compared with the first
        train.run(lakehouse, model, NIGHT)
    last = lakehouse.tables.read(TRAININGS).orderBy(F.desc("version")).first()
    assert last is not None
    assert (last["version"], last["fate"]) == (2, "champion")
    holdout = last["metrics"]["holdout"]
    assert (holdout["rows"], holdout["classes"]) == (120.0, 3.0)
    assert holdout["accuracy"] > 0.6
    assert {(each["column"], each["value"]) for each in last["slices"]} == {
        ("origin", "EWR"), ("origin", "JFK"), ("label", "early"), ("label", "late"), ("label", "on time"),
    }  # fmt: skip
    page = page_of(lakehouse, "late", 2).read_text()
    assert "Calibration" in page
    assert "ROC" not in page
    asked = inputs_of(spark, "multiclass", NIGHT)
    lakehouse.tables.replace("gold.late_inputs", asked, slice_of={"as_of": [NIGHT]})
    score.run(lakehouse, model, NIGHT)
    predictions = lakehouse.tables.read("gold.late_predictions").collect()
    assert len(predictions) == 40
    for row in predictions:
        assert set(row["probabilities"]) == {"early", "late", "on time"}
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        assert row["score"] == max(row["probabilities"].values()) == row["probabilities"][row["predicted"]]
        assert len(row["contributions"]) == 2
    assert len({row["predicted"] for row in predictions}) == 3
    current = champion(lakehouse, model)
    assert current is not None
    served = pyfunc(lakehouse, model).predict(asked.toPandas())
    by_id = {row["id"]: row["probabilities"] for row in predictions}
    for each, shares in zip(asked.select("id").collect(), served.to_dict("records"), strict=True):
        assert shares == by_id[each["id"]]


def test_a_version_of_another_kind_of_label_does_not_score(make: Make, spark: SparkSession) -> None:
    lakehouse = make()
    train.run(lakehouse, lakehouse.config.models["late"], NIGHT)
    changed = lakehouse.config.models["late"].model_copy(update={"task": "regression"})
    lakehouse.tables.replace("gold.late_inputs", inputs_of(spark, "binary", NIGHT), slice_of={"as_of": [NIGHT]})
    with pytest.raises(ModelError, match="Version 1 of late was trained for another kind of label") as raised:
        score.run(lakehouse, changed, NIGHT)
    assert (raised.value.found, raised.value.expected) == ("task binary", "task regression")


def test_no_version_has_a_role_before_its_verdicts_are_on_record(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lakehouse = make(gates={"auc": {"min": 0.5}})
    model = lakehouse.config.models["late"]

    def dying(*_: Any) -> None:
        raise KeyboardInterrupt  # as by a signal, before the version becomes champion

    monkeypatch.setattr(train, "settle", dying)
    with pytest.raises(KeyboardInterrupt):
        train.run(lakehouse, model, NIGHT)
    assert champion(lakehouse, model) is None
    assert [row["gate"] for row in lakehouse.tables.read("ops.gates").collect()] == ["auc"]
    assert [row["version"] for row in lakehouse.tables.read(TRAININGS).collect()] == [1]
    monkeypatch.undo()
    train.run(lakehouse, model, NIGHT)
    current = champion(lakehouse, model)
    assert current is not None
    assert current.version == 2


def test_a_search_is_logged_goes_on_where_it_was_and_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    search = {"max_depth": {"low": 1, "high": 4}, "eta": {"low": 0.01, "high": 0.5, "log": True}}
    lakehouse = make(tune={"trials": 7, "folds": 2, "search": search})
    model = lakehouse.config.models["late"]
    judged: list[float] = []
    boost = native.boost

    def dying(*given: Any, **more: Any) -> Any:
        judged.append(given[1].xgboost.eta)
        if len(judged) == 5:
            raise KeyboardInterrupt  # as by a signal, in the middle of the third trial
        return boost(*given, **more)

    monkeypatch.setattr(native, "boost", dying)
    with pytest.raises(KeyboardInterrupt):
        train.run(lakehouse, model, NIGHT)
    monkeypatch.setattr(native, "boost", boost)
    train.run(lakehouse, model, NIGHT)
    (row,) = lakehouse.tables.read(TRAININGS).collect()
    chosen = json.loads(row["about"])["parameters"]
    client = connect(lakehouse)
    (experiment,) = [found for found in client.search_experiments() if found.name == "tiny.late"]
    runs = client.search_runs([experiment.experiment_id])
    trials = [run for run in runs if "assay.trial" in run.data.tags]
    (parent,) = [run for run in runs if "assay.trial" not in run.data.tags]
    assert len(trials) == 7
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parent.info.run_id}
    assert set(judged[:4]) <= {float(run.data.params["eta"]) for run in trials}  # the first two were not done again
    complete = [run for run in trials if run.data.tags["assay.trial"] == "complete"]
    best = min(complete, key=lambda run: run.data.metrics["loss"])
    assert (chosen["max_depth"], chosen["eta"]) == (int(best.data.params["max_depth"]), float(best.data.params["eta"]))
    assert float(parent.data.params["eta"]) == chosen["eta"]


def test_calibration_puts_steps_into_bins_of_about_as_many_rows() -> None:
    steps = [Step(n / 40, 5, n % 2 * 5.0) for n in range(40)]
    bins = calibration(steps)
    assert [found.rows for found in bins] == [20] * 10
    assert bins[0].mean_score == pytest.approx((0 + 1 + 2 + 3) / 160)
    assert {found.actual_rate for found in bins} == {0.5}
