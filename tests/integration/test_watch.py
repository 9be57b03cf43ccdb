"""A model that is watched night by night: drift planted in its inputs, decay planted in what became of its predictions."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay import cli
from assay.catalog import ask
from assay.ledger import Outcome
from assay.monitors import MONITORS
from assay.monitors.monitor import Monitor, Settings
from assay.report.watch import watch_of
from assay.watch import WATCH, Finding, watched
from jobs.watch import run_watch
from model import score, train
from model.registry import champion
from tests.parcels import START, Parcels, new_parcels, write_inputs, write_training

DAY = timedelta(days=1)
QUIET, DRIFTED, EMPTY, DECAYED, OLD = (START + n * DAY for n in (1, 2, 3, 5, 6))
EACH = 150
JOBS = 20
"""Spark jobs that a night of one model takes at most."""


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Parcels:
    """Trained and scored on five nights. On one the weights are ten times what they were; what became of the later ones is
    the contrary of what it was. Nobody delivers anything: stages before are not run.
    """
    made = new_parcels(tmp_path_factory.mktemp("shop")).edited(
        "gates: {auc: {min: 0.5}}",
        "gates: {auc: {min: 0.5}}\nslices: [courier]\nmonitoring: {quality: {rows: 100}, challenger: {rows: 100}}",
    )
    write_training(made, START)
    train.run(made.lakehouse, made.lakehouse.config.models["late"], START)
    nights = [START, QUIET, DRIFTED, DECAYED - DAY, DECAYED]
    write_inputs(made, nights, each=EACH)
    _change(made, "gold.late_inputs", DRIFTED, "as_of", lambda rows: rows.withColumn("heavy", F.col("heavy") * 10))
    for night in (DRIFTED, DECAYED - DAY):
        _change(made, "silver.parcels__history", night, "day", lambda rows: rows.withColumn("late", ~F.col("late")))
    for night in nights:
        score.run(made.lakehouse, made.lakehouse.config.models["late"], night)
    return made


def _change(shop: Parcels, table: str, night: Any, column: str, how: Callable[[DataFrame], DataFrame]) -> None:
    tables = shop.lakehouse.tables
    tables.replace(table, how(tables.read(table).where(F.col(column) == F.lit(night))), slice_of={column: [night]})


def told(shop: Parcels, night: Any) -> dict[tuple[str, str, str], Finding]:
    [one] = watched(shop.lakehouse, night, night)
    return {found.key: found for found in one.findings}


def test_a_night_that_is_as_training_was_is_ok_and_all_of_it_is_told(shop: Parcels) -> None:
    outcome = run_watch(shop.lakehouse, QUIET)
    found = told(shop, QUIET)
    inputs = {name for subject, monitor, name in found if (subject, monitor) == ("features:late", "drift")}
    current = champion(shop.lakehouse, shop.lakehouse.config.models["late"])
    assert current is not None
    assert inputs == set(current.artifact.inputs.read) == {"courier", "many", "courier_days__late_rate_7d", "heavy"}
    assert {one.status for one in found.values() if one.monitor in ("drift", "nulls", "score_drift")} == {"ok"}
    assert outcome.total("rows") == len(found)
    courier = found["features:late", "drift", "courier"]
    assert courier.value is not None
    assert courier.limit is not None
    assert courier.value < courier.limit
    assert courier.details["other_values"] == pytest.approx(
        1 / EACH
    )  # the first of each night, whom training has not seen
    heavy = found["features:late", "nulls", "heavy"]
    given = shop.lakehouse.tables.read("gold.late_inputs").where(F.col("as_of") == F.lit(QUIET))
    missing = given.where("heavy is null").count() / EACH
    assert heavy.value == pytest.approx(missing)
    quality = found["model:late", "quality", "auc"]
    assert quality.status == "ok", quality.why
    assert {name for subject, monitor, name in found if monitor == "quality"} == {
        "auc", "log_loss", "brier", "calibration_error", "auc courier=ada", "auc courier=ben", "auc courier=cy",
        "auc courier=None",
    }  # fmt: skip
    assert found["model:late", "quality", "auc courier=ada"].status == "unknown"  # too few rows of one courier
    assert not any(monitor == "challenger" for _, monitor, _ in found)
    assert outcome.spark_jobs <= JOBS


def test_drift_that_is_planted_is_bad_by_name_value_and_limit(shop: Parcels) -> None:
    run_watch(shop.lakehouse, DRIFTED)
    found = told(shop, DRIFTED)
    heavy = found["features:late", "drift", "heavy"]
    assert heavy.status == "bad"
    assert heavy.value is not None
    assert heavy.limit is not None
    assert heavy.value > 2 * heavy.limit
    assert heavy.details["jensen_shannon"] > 0.5
    assert heavy.details["quantile_distance"] > 2
    assert (
        f"heavy is {heavy.value:.2f} from training by its stability index on {EACH} rows, {heavy.limit:.2f} pass"
        in heavy.why
    )
    assert [key for key, one in found.items() if one.monitor == "drift" and one.status == "bad"] == [heavy.key]
    assert found["model:late", "score_drift", "score"].status in ("warn", "bad")


def test_decay_that_is_planted_is_bad_with_what_is_asked(shop: Parcels) -> None:
    run_watch(shop.lakehouse, DECAYED)
    auc = told(shop, DECAYED)["model:late", "quality", "auc"]
    assert auc.status == "bad"
    assert auc.value is not None
    assert auc.limit is not None
    assert auc.expected is not None
    assert auc.value < auc.limit == pytest.approx(auc.expected - 0.08)
    assert auc.details["rows"] == 4 * EACH  # the nights before, their labels known by then


def test_a_night_without_predictions_is_unknown(shop: Parcels) -> None:
    run_watch(shop.lakehouse, EMPTY)
    found = told(shop, EMPTY)
    for name in ("drift", "score_drift", "nulls", "quality"):
        one = found["model:late", name, ""]
        assert (one.status, one.value) == ("unknown", None)
        assert one.why == "Cannot be told: nothing was scored for the night."


def test_a_night_that_is_watched_again_stays_until_something_of_it_is_done_again(shop: Parcels) -> None:
    tables = shop.lakehouse.tables
    run_watch(shop.lakehouse, QUIET)
    before = tables.version(WATCH)
    again = run_watch(shop.lakehouse, QUIET)
    assert (again.targets, again.spark_jobs <= 2, tables.version(WATCH)) == ([], True, before)
    score.run(shop.lakehouse, shop.lakehouse.config.models["late"], QUIET, rewrite=True)
    anew: Outcome = run_watch(shop.lakehouse, QUIET)
    assert tables.version(WATCH) == before + 1
    [one] = watched(shop.lakehouse, QUIET, QUIET)
    assert one.run_id == anew.run_id  # the slice was replaced
    assert tables.read(WATCH).where(F.col("as_of") == F.lit(QUIET)).count() == anew.total("rows")


def test_a_monitor_that_stops_is_told(shop: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(facts: Any, settings: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setitem(MONITORS, "score_drift", Monitor(stops, Settings, "model"))
    run_watch(shop.lakehouse, START)
    found = told(shop, START)
    assert found["model:late", "score_drift", ""].status == "unknown"
    itself = found["stage:watch", "evaluation", "model:late score_drift"]
    assert (itself.status, "ZeroDivisionError: division by zero" in itself.why) == ("bad", True)
    assert found["features:late", "drift", "heavy"].status == "ok"  # the others go on


def test_the_page_has_each_thing_with_the_nights_before_worst_first(shop: Parcels) -> None:
    for night in (QUIET, DRIFTED):
        run_watch(shop.lakehouse, night)
    rows = watch_of(shop.lakehouse, DRIFTED)
    [heavy] = [row for row in rows if (row.monitor, row.name) == ("drift", "heavy")]
    values = [told(shop, night)["features:late", "drift", "heavy"].value for night in (QUIET, DRIFTED)]
    assert heavy.past[-2:] == tuple(values)
    statuses = [row.status for row in rows]
    assert statuses == sorted(statuses, key=["bad", "warn", "unknown", "ok"].index)
    assert watch_of(shop.lakehouse, DRIFTED + timedelta(hours=1)) == ()  # that has not been watched


def test_the_command_tells_what_it_found(
    shop: Parcels, capsys: pytest.CaptureFixture[str], empty_catalog: None
) -> None:
    arguments = ["watch", "--conf-dir", str(shop.lakehouse.conf_dir), "--as-of", f"{DRIFTED:%Y-%m-%d}"]
    assert cli.main(arguments) == 0
    head, columns, _, first, *_ = capsys.readouterr().out.splitlines()
    assert head.startswith(f"watch        {DRIFTED:%Y-%m-%d} 00:00Z  ")
    assert columns.split() == ["status", "what", "why"]
    assert first.startswith("bad      features:late drift heavy")
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [one["name"] for one in found if one["monitor"] == "drift" and one["status"] == "bad"] == ["heavy"]
    question = "select name, value > limit from ops.watch where status = 'bad' and monitor = 'drift'"
    assert [*ask(shop.lakehouse, question).rows] == [["heavy", True]]
