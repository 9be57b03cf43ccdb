"""Audits on real flights: they pass what the pipeline made, and find a value that was changed or told the future."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from pyspark.sql import Column
from pyspark.sql import functions as F

from assay.errors import ConfigError, FeatureError
from assay.lakehouse import Lakehouse, open_lakehouse
from gold.audit import run_leaks, run_replay
from jobs.audit import main

FEATURE = "carrier_delays__late_rate_1d"


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


@pytest.fixture(scope="module")
def copied(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """A lakehouse that may be spoilt."""
    folder = tmp_path_factory.mktemp("copied")
    shutil.copytree(Path(flights.lakehouse.root).parent.parent, folder, dirs_exist_ok=True)
    return open_lakehouse(folder / "conf" / "flights")


def spoil(lakehouse: Lakehouse, table: str, night: tuple[str, datetime], column: str, value: Column) -> None:
    """Change a column of one night's slice, as no stage would."""
    name, as_of = night
    slice_ = lakehouse.tables.read(table).where(F.col(name) == F.lit(as_of)).withColumn(column, value)
    rows = lakehouse.spark.createDataFrame(slice_.collect(), slice_.schema)
    lakehouse.tables.replace(table, rows, slice_of={name: [as_of]})


def test_past_inputs_read_the_same_today(flights: Flights) -> None:
    lakehouse, (first, last) = flights.lakehouse, flights.nights
    model = lakehouse.config.models["late_arrival"]
    outcome = run_replay(lakehouse, model, first, last)
    scored = lakehouse.tables.read("gold.late_arrival_inputs").count()
    assert (outcome.total("nights"), outcome.total("rows"), outcome.total("differing")) == (2, scored, 0)
    assert outcome.total("values") >= 9 * scored


def test_replay_finds_a_feature_that_was_written_over(flights: Flights, copied: Lakehouse) -> None:
    first, last = flights.nights
    model = copied.config.models["late_arrival"]
    changed = F.when(F.col("carrier") == "UA", F.col("late_rate_1d") + 1e-12).otherwise(F.col("late_rate_1d"))
    spoil(copied, "gold.carrier_delays", ("event_timestamp", last), "late_rate_1d", changed)
    run_replay(copied, model, first, first)  # the other night is as it was
    with pytest.raises(FeatureError) as raised:
        run_replay(copied, model, first, last)
    assert str(raised.value.found).startswith(f"{FEATURE}: ")
    assert f" {last:%Y-%m-%d %H:%M:%S}: {FEATURE} was 0." in str(raised.value.found)
    runs = copied.tables.read("ops.runs").where("stage = 'audit_replay' and status = 'failed'")
    assert runs.count() == 1


def test_a_training_set_tells_what_silver_knew_at_each_rows_time(flights: Flights) -> None:
    lakehouse = flights.lakehouse
    outcome = run_leaks(lakehouse, lakehouse.config.models["late_arrival"], flights.nights[-1], rows=40)
    assert (outcome.total("rows"), outcome.total("differing")) == (40, 0)
    assert outcome.total("values") >= 9 * 40
    known = {metric.target: metric.value for metric in outcome.metrics if metric.metric == "hours_known_before"}
    assert known.keys() == lakehouse.config.models["late_arrival"].features.keys()
    assert min(known.values()) >= 0
    assert known["carrier_delays"] > 12, "outcomes of a day are delivered the morning before"


def test_leaks_finds_features_of_a_later_night(flights: Flights, copied: Lakehouse) -> None:
    model = copied.config.models["late_arrival"]
    training_as_of = flights.nights[0]
    training = copied.tables.read("gold.late_arrival_training")
    tomorrow = copied.tables.read("gold.carrier_delays").select(
        "carrier",
        (F.col("event_timestamp") - F.lit(timedelta(days=1))).alias("as_of"),
        F.col("late_rate_1d").alias("told"),
    )
    leaked = training.join(tomorrow, ["carrier", "as_of"]).select(
        *[F.col("told").alias(FEATURE) if name == FEATURE else F.col(name) for name in training.columns]
    )
    rows = copied.spark.createDataFrame(leaked.collect(), training.schema)
    copied.tables.replace("gold.late_arrival_training", rows, slice_of={"training_as_of": [training_as_of]})
    with pytest.raises(FeatureError) as raised:
        run_leaks(copied, model, flights.nights[-1])
    assert str(raised.value.found).startswith(f"{FEATURE}: ")


def test_an_audit_that_would_look_at_nothing_says_so(flights: Flights) -> None:
    lakehouse = flights.lakehouse
    before = flights.nights[0] - timedelta(days=9)
    with pytest.raises(FeatureError, match="has been scored in this range"):
        run_replay(lakehouse, lakehouse.config.models["late_arrival"], before, before)
    with pytest.raises(ConfigError, match="An audit needs rows"):
        main(["leaks", "--as-of", "2013-02-14", "--rows", "0", "--conf-dir", str(lakehouse.conf_dir)])


def test_an_audit_without_a_training_set_says_so(flights: Flights) -> None:
    model = flights.lakehouse.config.models["late_arrival"]
    with pytest.raises(FeatureError) as raised:
        run_leaks(flights.lakehouse, model, datetime(2012, 1, 1, tzinfo=flights.nights[0].tzinfo))
    assert raised.value.what == "There is no training set of late_arrival."
