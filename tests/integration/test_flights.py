"""Real flights through every stage: what was landed, learned and predicted, run again, and corrected."""

import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F

import bronze.stage
import gold.stage
import silver.stage
from assay import dbt
from assay.catalog import ask
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from gold.compute import compute
from jobs.nightly import run_night

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    landing: Path
    backfilled: datetime
    nights: tuple[datetime, datetime]
    outcomes: list[Outcome]


def lines_of(path: Path) -> Iterator[dict[str, str]]:
    """The records of a raw file."""
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


# ------------------------------------------------------------------------------------ what was landed


def test_the_wind_of_1048_mph_is_in_quarantine_with_its_reason_and_its_line(flights: Flights) -> None:
    name = "landing/weather/2013-02-12T18-00.csv"
    lines = (flights.landing.parent / name).read_text().splitlines()
    [(position, line)] = [(n, line) for n, line in enumerate(lines, start=1) if ",1048.36058," in line]
    quarantine = flights.lakehouse.tables.read("silver.weather__quarantine").where(
        F.exists("reasons", lambda reason: reason["column"] == "wind_speed")
    )
    [row] = quarantine.collect()
    assert (row["source_file"], row["source_position"]) == (name, position)
    assert [(r["check"], r["column"], r["value"]) for r in row["reasons"]] == [("max", "wind_speed", "1048.36058")]
    raw = dict(zip(lines[0].split(","), line.split(","), strict=True))
    declared = flights.lakehouse.config.sources["weather"].columns
    assert json.loads(row["raw"]) == {column: raw[column] for column in declared}
    metrics = flights.lakehouse.tables.read("ops.runs").select(F.inline("metrics")).where("target = 'weather'")
    assert metrics.where("label = 'max:wind_speed'").select("metric", "value").collect() == [("rejected", 1.0)]


def test_every_line_of_every_file_is_accepted_quarantined_or_a_duplicate(flights: Flights) -> None:
    tables = flights.lakehouse.tables
    lines: Counter[tuple[str, int]] = Counter()
    for row in tables.read("ops.files").where("status = 'landed'").collect():
        content = (flights.landing.parent / row["source_file"]).read_text()
        lines[row["source"], row["batch"]] += len(content.splitlines()) - 1
    told: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    metrics = (
        tables.read("ops.runs")
        .where("stage = 'silver'")
        .select(F.inline("metrics"))
        .where("label = '' and batch is not null")
    )
    for row in metrics.collect():
        told[row["target"], row["batch"]][row["metric"]] = row["value"]
    assert {batch: numbers["landed"] for batch, numbers in told.items()} == lines
    assert {
        batch: numbers["accepted"] + numbers["quarantined"] + numbers["duplicates"] for batch, numbers in told.items()
    } == lines
    for source in flights.lakehouse.config.sources:
        assert tables.read(f"bronze.{source}").count() == sum(n for (name, _), n in lines.items() if name == source)


# ------------------------------------------------------------------------------------ what was made of it


def test_no_label_of_the_training_set_was_unknown_and_none_was_known_when_its_flight_was_scored(
    flights: Flights,
) -> None:
    training = flights.lakehouse.tables.read("gold.late_arrival_training")
    rows = training.select("carrier", "flight", "origin", "flight_date", "label", "label_known_at", "as_of").collect()
    found = {
        (r["carrier"], str(r["flight"]), r["origin"], str(r["flight_date"])): (
            r["label"], r["label_known_at"].replace(tzinfo=UTC), r["as_of"].replace(tzinfo=UTC)
        )
        for r in rows
    }  # fmt: skip
    trained = flights.nights[0]
    expected = {
        (r["carrier"], r["flight"], r["origin"], r["flight_date"]): (
            r["arr_delay"] == "NA" or int(r["arr_delay"]) >= 15,
            datetime.combine(
                date.fromisoformat(r["flight_date"]) + DAY, datetime.min.time().replace(hour=6), NEW_YORK
            ).astimezone(UTC),
            datetime.fromisoformat(r["flight_date"]).replace(tzinfo=UTC),
        )
        for day in range(1, 12)
        for r in lines_of(flights.landing / "outcomes" / f"2013-02-{day + 1:02}T06-00.csv")
    }
    assert len(rows) == len(expected)
    assert found == expected
    assert all(as_of < known_at <= trained for _, known_at, as_of in found.values())


def test_predictions_are_a_probability_for_every_flight_of_the_days_schedule(flights: Flights) -> None:
    rows = flights.lakehouse.tables.read("gold.late_arrival_predictions").collect()
    found = sorted((r["as_of"].day, r["carrier"], r["flight"], r["origin"], str(r["flight_date"])) for r in rows)
    expected = []
    for night in flights.nights:
        expected += [
            (night.day, r["carrier"], int(r["flight"]), r["origin"], f"{night:%Y-%m-%d}")
            for r in lines_of(flights.landing / "schedule" / f"{night - DAY:%Y-%m-%d}T18-00.csv")
        ]
    assert found == sorted(expected)
    assert all(math.isfinite(row["score"]) and 0 <= row["score"] <= 1 for row in rows)
    assert {row["model_version"] for row in rows} == {1}


def test_every_night_of_the_backfill_is_a_baseline_and_no_later_night_is_unlike_them(flights: Flights) -> None:
    profiles = flights.lakehouse.tables.read("ops.profiles")
    found = profiles.groupBy("source", "batch").agg(F.count_distinct("night"), F.collect_set("status"))
    gated = [name for name, source in flights.lakehouse.config.sources.items() if source.baseline]
    assert gated == ["outcomes", "schedule", "weather"]
    assert sorted(tuple(row) for row in found.collect()) == [
        (name, batch, 28 if batch == 1 else 1, ["good"]) for name in gated for batch in (1, 2, 3)
    ]
    compared = profiles.where("batch > 1 and metric = 'rows'").select("verdict").distinct().collect()
    assert [row["verdict"] for row in compared] == ["ok"]


# ------------------------------------------------------------------------------------- again, and later


def versions(lakehouse: Lakehouse) -> dict[str, int]:
    """The Delta version of every table but the ledger's runs and leases."""
    logs = Path(lakehouse.root).glob("*/*/_delta_log")
    names = {f"{log.parent.parent.name}.{log.parent.name}" for log in logs} - {"ops.runs", "ops.leases"}
    return {name: lakehouse.tables.version(name) for name in names}


def test_nights_run_again_change_nothing(flights: Flights) -> None:
    before = versions(flights.lakehouse)
    assert {"bronze.weather", "silver.outcomes__history", "gold.late_arrival_predictions", "ops.files"} <= set(before)
    for night in flights.nights:
        again = run_night(flights.lakehouse, night)
        assert {outcome.stage: outcome.targets for outcome in again if outcome.targets} == {}
    assert versions(flights.lakehouse) == before


def test_tables_of_every_layer_answer_to_their_names(flights: Flights, empty_catalog: None) -> None:
    for query, expected in {
        "select count(distinct origin) from bronze.weather": 3,
        "select count(*) from silver.airlines": 16,
        "select count(*) > 0 from silver.weather__quarantine": True,
        "select count(*) - count(valid_to) - (select count(*) from silver.planes) from silver.planes__history": 0,
        "select count(*) from gold.origin_weather where event_timestamp = '2013-02-14'": 3,
        "select count(distinct as_of) from gold.late_arrival_predictions": 2,
        "select count(distinct as_of) from ops.runs where stage = 'score'": 2,
        "select sum(value) from ops.metrics where stage = 'silver' and label = 'max:wind_speed'": 1.0,
    }.items():
        assert [*ask(flights.lakehouse, query).rows] == [[expected]], query


def test_a_correction_changes_the_current_outcome_and_no_published_feature(flights: Flights) -> None:
    lakehouse, night = flights.lakehouse, flights.nights[1]
    outcomes = flights.landing / "outcomes"
    first = next(row for row in lines_of(outcomes / "2013-02-11T06-00.csv") if row["arr_delay"] != "NA")
    corrected = {**first, "arr_delay": "999"}
    (outcomes / "2013-02-14T12-00.csv").write_text(",".join(corrected) + "\n" + ",".join(corrected.values()) + "\n")
    features = [f"gold.{name}" for name in lakehouse.config.features]
    before = {name: lakehouse.tables.version(name) for name in features}

    bronze.stage.run(lakehouse, night + DAY)
    silver.stage.run(lakehouse, night + DAY)
    gold.stage.run(lakehouse, night)

    key = " and ".join(f"{name} = '{first[name]}'" for name in ("carrier", "flight", "origin", "flight_date"))
    history = lakehouse.tables.read("silver.outcomes__history").where(key).orderBy("valid_from")
    learned, told = datetime(2013, 2, 11, 11, tzinfo=UTC), datetime(2013, 2, 14, 17, tzinfo=UTC)
    assert [tuple(row) for row in history.select("arr_delay", at("valid_from"), at("valid_to")).collect()] == [
        (int(first["arr_delay"]), learned.timestamp(), told.timestamp()),
        (999, told.timestamp(), None),
    ]
    assert {name: lakehouse.tables.version(name) for name in features} == before
    # Computed anew from the history as it is now, the night's features are still what they were, bit for bit.
    for name in ("carrier_delays", "tail_delays"):
        table = lakehouse.config.features[name]
        history = lakehouse.tables.read(f"silver.{table.source}__history")
        again = compute(history, table, lakehouse.config.sources[table.source].event_time, [night])
        published = lakehouse.tables.read(f"gold.{name}").where(F.col("event_timestamp") == night)
        assert sorted(again.collect(), key=repr) == sorted(published.select(*again.columns).collect(), key=repr)


def at(column: str) -> Column:
    """A time as seconds since 1970, which no zone can change."""
    return F.unix_timestamp(column)


def test_silver_holds_what_the_contracts_say_by_tests_of_dbt(
    flights: Flights, tmp_path: Path, empty_catalog: None
) -> None:
    lakehouse = flights.lakehouse
    project = Path(__file__).parents[2] / "dbt_project"
    done = dbt.build(lakehouse.spark, lakehouse.root, project_dir=project, target_dir=tmp_path, tests=True)
    asked = [*sorted(lakehouse.config.sources), "outcomes_airline"]
    units = [
        "daily_calibration_compares_scores_with_outcomes_where_they_are_known",
        "worst_routes_are_in_order_of_their_share_late",
    ]
    assert sorted(done.tests) == sorted([*(f"contract_{name}" for name in asked), *units])
    assert done.models == {}
    left_out = (
        lakehouse.tables.read("ops.runs").select(F.explode("notes").alias("note")).where("note like '%constraint%'")
    )
    assert left_out.collect() == []
