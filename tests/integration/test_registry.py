"""Two trainings of one model: the second scores in the first one's shadow, is compared, promoted, and taken back."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import log_loss, roc_auc_score

import jobs.compare
import jobs.models
import jobs.promote
import jobs.rollback
from assay import catalog, cli
from assay.config import Model
from assay.errors import ModelError, TableError
from assay.lakehouse import Lakehouse
from jobs.report import page, run_report
from jobs.score import score_model
from model import score, train
from model.registry import aliases, champion, tracking_uri
from tests.parcels import START, Parcels, new_parcels, write_inputs, write_training

DAY = timedelta(days=1)
NIGHTS = [START + day * DAY for day in range(5)]
TABLE = "gold.late_predictions"
EACH = 50


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Parcels:
    """Version 1 was promoted at once; version 2, trained a week later, waits as challenger. Both scored three nights.

    Tests may be shared out among processes: each finds this, and no more.
    """
    made = new_parcels(tmp_path_factory.mktemp("shop"))
    for as_of, seed in ((START - 7 * DAY, 1), (START, 5)):
        write_training(made, as_of, seed=seed)
    first = train.run(made.lakehouse, made.lakehouse.config.models["late"], START - 7 * DAY)
    assert first.total("promoted") == 1
    made = made.edited("at_once", "by_hand")
    second = train.run(made.lakehouse, made.lakehouse.config.models["late"], START)
    assert (second.total("passed"), second.total("promoted")) == (1, 0)
    assert "version 1 is champion" in first.notes
    assert "version 2 is challenger" in second.notes
    write_inputs(made, NIGHTS, each=EACH)
    for night in NIGHTS[:3]:
        outcomes = score_model(made.lakehouse, made.lakehouse.config.models["late"], night)
        assert [(outcome.stage, outcome.status) for outcome in outcomes] == [
            ("scoring_set", "done"), ("score", "done"), ("shadow", "done"),
        ]  # fmt: skip
        assert outcomes[2].notes == ["late: version 2 is challenger"]
    return made


@pytest.fixture(scope="module")
def lakehouse(shop: Parcels) -> Lakehouse:
    return shop.lakehouse


@pytest.fixture(scope="module")
def late(lakehouse: Lakehouse) -> Model:
    return lakehouse.config.models["late"]


def predictions(lakehouse: Lakehouse) -> DataFrame:
    return lakehouse.tables.read(TABLE)


def slices(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    """Night, role, version, rows."""
    rows = predictions(lakehouse).groupBy("as_of", "role", "model_version").count().collect()
    return sorted((row["as_of"].day, row["role"], row["model_version"], row["count"]) for row in rows)


def runs_of(lakehouse: Lakehouse) -> dict[tuple[int, str], str]:
    """Night and role -> the run that wrote the slice."""
    rows = predictions(lakehouse).select("as_of", "role", "run_id").distinct().collect()
    assert len(rows) == len({(row["as_of"], row["role"]) for row in rows})
    return {(row["as_of"].day, row["role"]): row["run_id"] for row in rows}


def call(command: Any, lakehouse: Lakehouse, *arguments: str) -> int:
    """A command on the lakehouse; its exit code."""
    return cli.run(command.main, [*arguments, "--conf-dir", str(lakehouse.conf_dir)])


# --------------------------------------------------------------------------------- a night of both, in order


def test_both_score_the_same_rows_each_in_its_own_slice(lakehouse: Lakehouse, late: Model) -> None:
    assert slices(lakehouse)[:6] == [
        (day, role, version, EACH) for day in (1, 2, 3) for role, version in (("challenger", 2), ("champion", 1))
    ]
    row = predictions(lakehouse).where("role = 'champion'").first()
    current = champion(lakehouse, late)
    assert row is not None
    assert current is not None
    assert row["model_sha256"] == current.artifact.sha256
    assert row["inputs_version"] == lakehouse.tables.version("gold.late_inputs")
    assert row["feature_versions"] == {"courier_days": 3}
    assert predictions(lakehouse).columns == [
        "parcel", "as_of", "score", "role", "model", "model_version", "model_sha256", "inputs_version",
        "feature_versions", "run_id",
    ]  # fmt: skip


def test_a_night_again_changes_nothing_and_a_rewrite_changes_its_slices_alone(
    lakehouse: Lakehouse, late: Model
) -> None:
    version, before = lakehouse.tables.version(TABLE), runs_of(lakehouse)
    score_model(lakehouse, late, NIGHTS[0])
    assert lakehouse.tables.version(TABLE) == version
    score.run_shadow(lakehouse, late, NIGHTS[1], rewrite=True)
    after = runs_of(lakehouse)
    assert {slice_ for slice_ in after if after[slice_] != before[slice_]} == {(2, "challenger")}
    score.run(lakehouse, late, NIGHTS[1], rewrite=True)
    again = runs_of(lakehouse)
    assert {slice_ for slice_ in again if again[slice_] != after[slice_]} == {(2, "champion")}
    assert len(again) == len(before)


def test_a_challenger_that_cannot_score_stops_nothing(
    lakehouse: Lakehouse, late: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(*_: object) -> None:
        raise ModelError("A file of late version 2 is not the one that was registered.")

    monkeypatch.setattr(score, "challenger", tampered)
    outcomes = score_model(lakehouse, late, NIGHTS[3])
    assert [(outcome.stage, outcome.status) for outcome in outcomes[1:]] == [("score", "done"), ("shadow", "failed")]
    assert [found for found in slices(lakehouse) if found[0] == 4] == [(4, "champion", 1, EACH)]
    row = lakehouse.tables.read("ops.runs").where("stage = 'shadow' and status = 'failed'").first()
    assert row is not None
    assert row["error"].startswith("A file of late version 2")
    monkeypatch.undo()
    assert score_model(lakehouse, late, NIGHTS[3])[-1].status == "done", "the next run makes up for it"


# --------------------------------------------------------------------------------------- what stops a scoring


def broken(lakehouse: Lakehouse, late: Model, monkeypatch: pytest.MonkeyPatch, inputs: DataFrame) -> ModelError:
    """The error of scoring a night on other inputs; its predictions stay as they were."""
    before, version = runs_of(lakehouse), lakehouse.tables.version(TABLE)
    kind = type(lakehouse.tables)
    read = kind.read

    def given(self: Any, name: str, version: int | None = None) -> DataFrame:
        return inputs if name == "gold.late_inputs" else read(self, name, version)

    monkeypatch.setattr(kind, "read", given)
    with pytest.raises((ModelError, TableError)) as raised:
        score.run(lakehouse, late, NIGHTS[0], rewrite=True)
    monkeypatch.undo()
    assert (runs_of(lakehouse), lakehouse.tables.version(TABLE)) == (before, version)
    failed = lakehouse.tables.read("ops.runs").where("stage = 'score'").orderBy(F.desc("started_at")).first()
    assert failed is not None
    assert failed["status"] == "failed"
    return raised.value  # type: ignore[return-value]


def test_what_is_not_sound_stops_before_it_is_written(
    lakehouse: Lakehouse, late: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = lakehouse.tables.read("gold.late_inputs")
    for bad, what, found in (
        (inputs.where("false"), "There is nothing for late to score as of 2026-03-01", "no row of this night"),
        (inputs.drop("heavy"), "not what version 1 was trained on", "missing heavy"),
        (
            inputs.withColumn("heavy", F.col("heavy").cast("string")), "not what version 1 was trained on",
            "heavy is string, was double",
        ),
        (inputs.union(inputs), "are not what was asked for", f"{2 * EACH} rows, {EACH} different keys, {2 * EACH} finite"),
    ):  # fmt: skip
        error = broken(lakehouse, late, monkeypatch, bad)
        assert what in error.what, error
        assert found in str(error.found), error


def test_a_score_that_is_no_number_stops(lakehouse: Lakehouse, late: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    infinite = lakehouse.tables.read("gold.late_inputs").withColumn("heavy", F.lit(float("inf")))
    error = broken(lakehouse, late, monkeypatch, infinite)
    assert error.found == f"{EACH} rows, {EACH} different keys, 0 finite scores"


def test_inputs_that_are_configured_away_are_missing_though_the_table_has_the_column(
    shop: Parcels, late: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = late.model_copy(update={"request": {"many": "stops"}, "features": {}})
    error = broken(shop.lakehouse, without, monkeypatch, shop.lakehouse.tables.read("gold.late_inputs"))
    assert error.found == "missing courier_days__late_rate_7d"


def test_a_night_whose_features_are_not_built_is_not_looked_up(lakehouse: Lakehouse, late: Model) -> None:
    from assay.errors import FeatureError

    with pytest.raises(FeatureError, match="Features that late is scored on are not built for 2026-04-01"):
        score_model(lakehouse, late, NIGHTS[0] + 31 * DAY)


# -------------------------------------------------------------------------- compare, promote, serve, roll back


def test_compare_measures_both_on_what_happened(
    lakehouse: Lakehouse, late: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(jobs.compare, lakehouse, "late", "--to", "2026-03-03", "--json") == 0
    found = json.loads(capsys.readouterr().out)["nights"]
    assert [one["as_of"] for one in found] == [f"2026-03-0{day} 00:00:00+00:00" for day in (1, 2, 3)] + [None]
    assert found[-1]["versions"] == {"champion": [1], "challenger": [2]}
    silver = lakehouse.tables.read("silver.parcels__history").selectExpr("parcel", "day as as_of", "late")
    rows = predictions(lakehouse).where("as_of <= '2026-03-03'").join(silver, ["parcel", "as_of"]).toPandas()
    for role, mine in rows.groupby("role"):
        metrics = found[-1]["metrics"][role]
        assert metrics["rows"] == len(mine) == 3 * EACH
        assert metrics["auc"] == pytest.approx(roc_auc_score(mine["late"], mine["score"]))
        assert metrics["log_loss"] == pytest.approx(log_loss(mine["late"], mine["score"]))
    assert call(jobs.compare, lakehouse, "late") == 0
    assert "champion and challenger on realised outcomes" in capsys.readouterr().out
    assert call(jobs.compare, lakehouse, "late", "--from", "2027-01-01") == 7


def test_the_report_has_both_as_compare_has_them(lakehouse: Lakehouse, late: Model) -> None:
    run_report(lakehouse, NIGHTS[2])
    found = jobs.compare.compared(lakehouse, late, last=NIGHTS[2])
    html = page(lakehouse, NIGHTS[2]).read_text()
    section = html[html.index('id="challenge"') : html.index('id="realised"')]
    assert "Version 2 is challenger." in section
    for one in found:
        for role in ("champion", "challenger"):
            assert f"{one.metrics[role]['auc']:.3f}" in section


@contextmanager
def serving(lakehouse: Lakehouse) -> Iterator[str]:
    """MLflow's own server of the champion, on this machine alone; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ, "MLFLOW_TRACKING_URI": tracking_uri(lakehouse), "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    command = [
        str(binaries / "mlflow"),
        "models",
        "serve",
        "-m",
        "models:/shop.late@champion",
        "--env-manager",
        "local",
    ]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answer(url: str, body: bytes | None = None) -> bytes:
    """What a server answers, once it is there; at most two minutes are waited for it."""
    until = time.monotonic() + 120
    while True:
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
                return bytes(response.read())
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


FRESH = """
import sys, json, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/shop.late@champion")
print(json.dumps(list(model.predict(pd.read_parquet(sys.argv[2])))))
print(sorted({name.partition(".")[0] for name in sys.modules} & {"assay", "bronze", "silver", "gold", "jobs"}))
"""


def test_mlflow_s_own_tools_give_the_scores_of_the_pipeline(
    lakehouse: Lakehouse, late: Model, tmp_path: Path, spark: SparkSession
) -> None:
    import mlflow

    inputs = (
        lakehouse.tables.read("gold.late_inputs").where(F.col("as_of") == F.lit(NIGHTS[0])).drop("feature_versions")
    )
    scored = predictions(lakehouse).where((F.col("as_of") == F.lit(NIGHTS[0])) & (F.col("role") == "champion"))
    expected = [row["score"] for row in scored.orderBy("parcel").collect()]
    rows = inputs.orderBy("parcel").toPandas()
    assert rows["heavy"].isna().any()
    assert rows["many"].dtype == np.float64, "whole numbers, of which one is missing"
    assert (rows["courier"] == "new").any()

    with serving(lakehouse) as url:  # starts while the others run
        champion(lakehouse, late)  # MLflow is told where the registry is
        with mlflow_quiet():
            udf = mlflow.pyfunc.spark_udf(
                spark, "models:/shop.late@champion", result_type="double", env_manager="local"
            )
        columns = [*champion_columns(lakehouse, late)]
        by_spark = inputs.withColumn("served", udf(F.struct(*columns))).orderBy("parcel").collect()
        assert [row["served"] for row in by_spark] == expected

        rows.to_parquet(tmp_path / "rows.parquet")
        fresh = subprocess.run(
            [sys.executable, "-c", FRESH, tracking_uri(lakehouse), str(tmp_path / "rows.parquet")],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        in_fresh, imported = fresh.stdout.splitlines()
        assert (json.loads(in_fresh), imported) == (expected, "[]")

        answer(f"{url}/ping")
        body = b'{"dataframe_split": ' + rows[columns].to_json(orient="split", double_precision=15).encode() + b"}"
        assert json.loads(answer(f"{url}/invocations", body))["predictions"] == expected


def champion_columns(lakehouse: Lakehouse, late: Model) -> list[str]:
    current = champion(lakehouse, late)
    assert current is not None
    return list(current.artifact.about["columns"])


@contextmanager
def mlflow_quiet() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_promote_then_rollback_with_nights_scored_again(
    lakehouse: Lakehouse, late: Model, empty_catalog: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last of all: it changes the roles that the others find."""
    assert call(jobs.promote, lakehouse, "late", "--why", "ahead on March") == 0
    assert "version 2 of late is champion; before, version 1 was. Gates passed: auc" in capsys.readouterr().out
    outcomes = score_model(lakehouse, late, NIGHTS[4])
    assert [outcome.stage for outcome in outcomes] == ["scoring_set", "score"], "nobody challenges"
    assert [found for found in slices(lakehouse) if found[0] == 5] == [(5, "champion", 2, EACH)]
    before = runs_of(lakehouse)

    nights = ["--rescore-from", "2026-03-05", "--rescore-to", "2026-03-05"]
    assert call(jobs.rollback, lakehouse, "late", "--why", "it was not", *nights, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["change"]["to_version"], told["change"]["from_version"]) == (1, 2)
    assert [(run["stage"], run["status"]) for run in told["runs"]] == [("scoring_set", "done"), ("score", "done")]
    assert aliases(lakehouse, late) == {"champion": 1}
    assert [found for found in slices(lakehouse) if found[0] == 5] == [(5, "champion", 1, EACH)]
    after = runs_of(lakehouse)
    assert {slice_ for slice_ in after if after[slice_] != before[slice_]} == {(5, "champion")}

    assert call(jobs.rollback, lakehouse, "late", "--why", "again", *nights) == 0
    assert "nothing to go back to" in capsys.readouterr().out
    assert aliases(lakehouse, late) == {"champion": 1}
    assert slices(lakehouse)[-1] == (5, "champion", 1, EACH)
    assert call(jobs.rollback, lakehouse, "late", "--why", "again", "--rescore-from", "2026-03-05") == 2
    assert call(jobs.promote, lakehouse, "latte", "--why", "x") == 2
    assert "did you mean 'late'?" in capsys.readouterr().err

    asked = catalog.ask(lakehouse, "select action, role, from_version, to_version, why from ops.promotions order by at")
    assert [*asked.rows] == [
        ["train", "champion", None, 1, "it passed its gates"],
        ["train", "challenger", None, 2, "it passed its gates"],
        ["promote", "champion", 1, 2, "ahead on March"],
        ["rollback", "champion", 2, 1, "it was not"],
    ]
    assert call(jobs.models, lakehouse, "--json") == 0
    (second, first) = json.loads(capsys.readouterr().out)["late"]
    assert (first["version"], first["roles"], second["version"], second["roles"]) == (1, ["champion"], 2, [])
    assert 0.5 < first["metrics"]["auc"] < 1
    assert call(jobs.models, lakehouse) == 0
    assert "late: 2 versions" in capsys.readouterr().out
