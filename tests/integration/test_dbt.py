"""The dbt project over literal Delta tables: whole result frames, nights that change, failures, both ways to run."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from assay import dbt
from assay.errors import DbtError

PROJECT = Path(__file__).parents[2] / "dbt_project"

OUTCOMES = (
    "carrier string, flight int, origin string, dest string, flight_date date, sched_dep_time int, arr_delay int, "
    "is_late boolean, is_cancelled boolean, valid_from timestamp, valid_to timestamp, batch int"
)
PREDICTIONS = (
    "carrier string, flight int, origin string, flight_date date, as_of timestamp, score double, role string, "
    "model string, model_version int, run_id string"
)
FILES = (
    "source string, batch int, source_file string, bytes bigint, status string, records bigint, "
    "available_at timestamp, as_of timestamp, landed_at timestamp, run_id string"
)
RUNS = (
    "run_id string, stage string, as_of timestamp, status string, ended_at timestamp, "
    "metrics array<struct<target:string, batch:int, metric:string, label:string, value:double>>"
)


def night(day: int) -> datetime:
    """The as_of of a night in March 2013."""
    return datetime(2013, 3, 1, tzinfo=UTC) + timedelta(days=day - 1)


def flown(
    flight: int, day: int, late: bool | None, *, carrier: str = "UA", hour: int = 8, **over: Any
) -> dict[str, Any]:
    """An outcome of a flight EWR-BOS, delivered at 11:00 UTC of the day after it."""
    delay = over.pop("arr_delay", 30 if late else 0)
    return {
        "carrier": carrier, "flight": flight, "origin": "EWR", "dest": "BOS", "flight_date": night(day).date(),
        "sched_dep_time": hour * 60 + 15, "arr_delay": delay, "is_late": late, "is_cancelled": delay is None,
        "valid_from": night(day + 1) + timedelta(hours=11), "valid_to": None, "batch": day, **over,
    }  # fmt: skip


def scored(flight: int, day: int, score: float, *, carrier: str = "UA", **over: Any) -> dict[str, Any]:
    """A prediction for a flight on the day of its night."""
    return {
        "carrier": carrier, "flight": flight, "origin": "EWR", "flight_date": night(day).date(), "as_of": night(day),
        "score": score, "role": "champion", "model": "late_arrival", "model_version": 1, "run_id": f"run-{day}", **over,
    }  # fmt: skip


def metric(source: str, batch: int | None, name: str, value: float, label: str | None = None) -> dict[str, Any]:
    """One entry of `ops.runs.metrics`."""
    return {"target": source, "batch": batch, "metric": name, "label": label, "value": float(value)}


def landed(source: str, batch: int | None, day: int, records: int, **over: Any) -> dict[str, Any]:
    """A file available an hour before the night that landed it."""
    return {
        "source": source, "batch": batch, "source_file": f"{source}-{day}.csv", "bytes": records * 10,
        "status": "landed", "records": records, "available_at": night(day) - timedelta(hours=1),
        "as_of": night(day), "landed_at": night(day), "run_id": f"bronze-{day}", **over,
    }  # fmt: skip


def ran(stage: str, day: int, metrics: list[dict[str, Any]], **over: Any) -> dict[str, Any]:
    """A run of a stage for a night."""
    return {
        "run_id": f"{stage}-{day}", "stage": stage, "as_of": night(day), "status": "done",
        "ended_at": night(day) + timedelta(minutes=5), "metrics": metrics, **over,
    }  # fmt: skip


def plain(value: object) -> object:
    """A value as a literal row has it: doubles to nine digits, times in UTC."""
    if isinstance(value, float):
        return round(value, 9)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


class Lakehouse:
    """A warehouse in a folder, of literal rows."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder

    def write(self, table: str, schema: str, rows: list[dict[str, Any]], **options: str) -> None:
        """Replaces a table."""
        frame = self.spark.createDataFrame(rows, schema).coalesce(1)
        frame.write.format("delta").mode("overwrite").options(**options).save(str(self.folder / table))

    def outcomes(self, rows: list[dict[str, Any]]) -> None:
        self.write("silver/outcomes__history", OUTCOMES, rows)

    def predictions(self, rows: list[dict[str, Any]]) -> None:
        """Beside each a challenger's, which no model may count."""
        shadows = [
            {**r, "score": 1 - r["score"], "role": "challenger", "model_version": 9, "run_id": "s"} for r in rows
        ]
        self.write("gold/late_arrival_predictions", PREDICTIONS, [*rows, *shadows])

    def ledger(self, files: list[dict[str, Any]], runs: list[dict[str, Any]]) -> None:
        self.write("ops/files", FILES, files)
        self.write("ops/runs", RUNS, runs)

    def build(self, **options: Any) -> dbt.DbtOutcome:
        return dbt.build(
            self.spark, str(self.folder), project_dir=PROJECT, target_dir=self.folder / "dbt",
            **{"vars": {"route_flights": "1"}, **options},
        )  # fmt: skip

    def frame(self, model: str) -> DataFrame:
        return self.spark.read.format("delta").load(str(self.folder / "gold" / model))

    def rows(self, model: str, *columns: str, order: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """The table as tuples, doubles rounded to nine digits."""
        found = self.frame(model).orderBy(*order).select(*columns or ["*"]).collect()
        return [tuple(map(plain, row)) for row in found]

    def version(self, model: str) -> int:
        return int(self.spark.sql(f"describe history delta.`{self.folder}/gold/{model}`").first()["version"])  # type: ignore[index]


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path) -> Lakehouse:
    """A lakehouse with two flights of one night and an empty ledger."""
    house = Lakehouse(spark, tmp_path / "it's here")
    house.outcomes([flown(1, 1, True), flown(2, 1, False)])
    house.predictions([scored(1, 1, 0.9), scored(2, 1, 0.2)])
    house.ledger([], [])
    return house


def naive_baseline(flights: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[float]:
    """Late rate of the carrier at the hour, or of the hour, or of all, over what was known."""

    def rate(**same: Any) -> float | None:
        late = [o["is_late"] for o in known if all(key(o, name) == value for name, value in same.items())]
        return sum(late) / len(late) if late else None

    def key(flight: dict[str, Any], name: str) -> Any:
        return flight["sched_dep_time"] // 60 if name == "hour" else flight[name]

    found = []
    for flight in flights:
        hour = key(flight, "hour")
        rates = [rate(carrier=flight["carrier"], hour=hour), rate(hour=hour), rate()]
        found.append(next(r for r in rates if r is not None))
    return found


def lakehouse_rows(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """The champion's predictions as they lie in the table."""
    return [row.asDict() for row in lakehouse.frame("late_arrival_predictions").where("role = 'champion'").collect()]


def test_build_measures_a_night_as_sklearn_does(lakehouse: Lakehouse) -> None:
    random = np.random.default_rng(7)
    carriers = ["UA", "AA", "B6"]
    days = {1: 200, 2: 5, 5: 300}
    outcomes = [
        flown(n, day, bool(random.random() < 0.3), carrier=carriers[random.integers(3 if day == 5 else 2)],
              hour=int(random.integers(6, 14 if day == 5 else 11)))
        for day, count in days.items() for n in range(count)
    ]  # fmt: skip
    # Delivered after the night of day 5: must not be in its baseline. A correction made after it: neither.
    outcomes += [flown(n, 4, True, hour=8) for n in range(50)]
    outcomes[0] |= {"is_late": True, "valid_to": night(6), "batch": 1}
    outcomes.append({**outcomes[0], "is_late": False, "valid_from": night(6), "valid_to": None, "batch": 6})
    judged = [o for o in outcomes if o["flight_date"] == night(5).date()]
    lakehouse.outcomes(outcomes)
    lakehouse.predictions(
        [scored(o["flight"], 5, float(random.integers(1, 20)) / 20, carrier=o["carrier"]) for o in judged]
    )

    lakehouse.build()

    scores = [row["score"] for row in sorted(lakehouse_rows(lakehouse), key=lambda row: row["flight"])]
    late = [o["is_late"] for o in sorted(judged, key=lambda o: o["flight"])]
    known = [o for o in outcomes if o["valid_from"] <= night(5) and (o["valid_to"] or night(9)) > night(5)]
    baseline = naive_baseline(sorted(judged, key=lambda o: o["flight"]), known)
    expected = (
        night(5), 1, 300, 300, sum(late), np.mean(scores), np.mean(late), roc_auc_score(late, scores),
        roc_auc_score(late, baseline), log_loss(late, scores), brier_score_loss(late, scores), "run-5", 5,
    )  # fmt: skip
    (found,) = lakehouse.rows("nightly_quality", *lakehouse.frame("nightly_quality").columns[:-1], order=("as_of",))
    assert found[:2] == expected[:2]
    assert found[2:-2] == pytest.approx(expected[2:-2], rel=1e-8)
    assert found[-2:] == expected[-2:]


def test_build_makes_every_table_from_literal_rows(lakehouse: Lakehouse) -> None:
    lakehouse.outcomes([
        flown(1, 1, True), flown(2, 1, False), flown(3, 1, True, arr_delay=None, dest="ORD"),
        flown(4, 1, False, dest="ORD", arr_delay=-6), flown(9, -40, True),
    ])  # fmt: skip
    lakehouse.predictions([
        scored(1, 1, 0.91), scored(2, 1, 0.2), scored(3, 1, 0.25), scored(4, 1, 1.0), scored(5, 2, 0.0),
    ])  # fmt: skip
    lakehouse.ledger(
        [
            landed("schedule", 1, 1, 10), landed("schedule", 1, 1, 5, source_file="more.csv"),
            landed("schedule", None, 1, 5, source_file="again.csv", status="duplicate"),
            landed("planes", 1, 1, 3), landed("schedule", 2, 3, 7),
        ],
        [
            ran("bronze", 1, []),
            ran("bronze", 2, [metric(source, None, "files", 0) for source in ("planes", "schedule")]),
            ran("bronze", 3, [metric("planes", None, "files", 0)]),
            ran("bronze", 4, [metric("planes", None, "files", 0)], status="failed"),
            ran("silver", 1, [
                metric("schedule", 1, "accepted", 1), metric("schedule", 1, "quarantined", 1),
                metric("schedule", 1, "duplicates", 1), metric("planes", 1, "accepted", 2),
                metric("planes", 1, "quarantined", 1), metric("planes", 1, "duplicates", 0),
                metric("planes", 1, "rejected", 1, "range:seats"),
            ]),
            ran("silver", 2, [
                metric("schedule", 1, "accepted", 12), metric("schedule", 1, "quarantined", 2),
                metric("schedule", 1, "duplicates", 1),
            ]),
        ],
    )  # fmt: skip

    outcome = lakehouse.build()

    assert outcome.models == {
        "gold.feed_health": ("ops.files", "ops.runs"),
        "gold.worst_routes": ("gold.late_arrival_predictions", "silver.outcomes__history"),
        "gold.nightly_quality": ("gold.late_arrival_predictions", "silver.outcomes__history"),
        "gold.daily_calibration": ("gold.nightly_quality",),
    }
    assert sorted(outcome.tests) == [f"{model.removeprefix('gold.')}_holds" for model in sorted(outcome.models)]
    assert outcome.warnings == ()
    assert lakehouse.rows("daily_calibration", order=("as_of", "bin")) == [
        (night(1), 1, 2, 0.2, 0.3, 2, 2, 0.225, 0.5, 0.275),
        (night(1), 1, 9, 0.9, 1.0, 2, 2, 0.955, 0.5, -0.455),
        (night(2), 1, 0, 0.0, 0.1, 1, 0, None, None, None),
    ]
    first = date(2013, 3, 1)
    assert lakehouse.rows("worst_routes", order=("place",)) == [
        (1, "EWR", "BOS", first, first, 2, 1, 0.5, 15.0, 0, 2, 0.555),
        (2, "EWR", "ORD", first, first, 2, 1, 0.5, -6.0, 1, 2, 0.625),
    ]
    brought = [night(day) - timedelta(hours=1) for day in range(5)]
    assert lakehouse.rows("feed_health", order=("source", "day")) == [
        ("planes", night(1).date(), night(1), 1, 0, 0, 30, 3, 2, 1, 0, brought[1], round(1 / 3, 9), 1.0),
        ("planes", night(2).date(), night(2), 0, 0, 0, 0, 0, 0, 0, 0, brought[1], None, 25.0),
        ("planes", night(3).date(), night(3), 0, 0, 0, 0, 0, 0, 0, 0, brought[1], None, 49.0),
        ("schedule", night(1).date(), night(1), 2, 1, 0, 200, 15, 12, 2, 1, brought[1], round(2 / 15, 9), 1.0),
        ("schedule", night(2).date(), night(2), 0, 0, 0, 0, 0, 0, 0, 0, brought[1], None, 25.0),
        ("schedule", night(3).date(), night(3), 1, 0, 0, 70, 7, None, None, None, brought[3], None, 1.0),
    ]


def test_build_works_out_again_only_the_nights_that_changed(lakehouse: Lakehouse) -> None:
    columns = ("as_of", "model_version", "flights", "flights_known", "flights_late", "auc", "run_id")
    outcomes = [flown(1, 1, True), flown(2, 1, False)]
    predictions = [scored(1, 1, 0.9), scored(2, 1, 0.2), scored(1, 2, 0.8), scored(2, 2, 0.3)]
    lakehouse.outcomes(outcomes)
    lakehouse.predictions(predictions)
    lakehouse.build()
    assert lakehouse.rows("nightly_quality", *columns, order=("as_of",)) == [
        (night(1), 1, 2, 2, 1, 1.0, "run-1"),
        (night(2), 1, 2, 0, 0, None, "run-2"),
    ]

    version = lakehouse.version("nightly_quality")
    lakehouse.build()
    assert lakehouse.version("nightly_quality") == version  # nothing new: nothing written

    # Night 2's outcomes land, night 3 is scored, and night 1 is scored again by another model.
    lakehouse.outcomes([*outcomes, flown(1, 2, False, batch=2), flown(2, 2, True, batch=2)])
    again = [{**p, "score": 1 - p["score"], "model_version": 2, "run_id": "run-1b"} for p in predictions[:2]]
    lakehouse.predictions([*again, *predictions[2:], scored(1, 3, 0.4)])
    lakehouse.build()
    expected = [
        (night(1), 2, 2, 2, 1, 0.0, "run-1b"),
        (night(2), 1, 2, 2, 1, 0.0, "run-2"),
        (night(3), 1, 1, 0, 0, None, "run-3"),
    ]
    assert lakehouse.rows("nightly_quality", *columns, order=("as_of",)) == expected
    whole = lakehouse.rows("nightly_quality", order=("as_of",))
    lakehouse.build(full_refresh=True)
    assert lakehouse.rows("nightly_quality", order=("as_of",)) == whole


def test_build_leaves_session_and_folder_as_found_and_knows_two_lakehouses_apart(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    other = Lakehouse(lakehouse.spark, tmp_path / "other")
    other.outcomes([flown(1, 1, True)])
    other.predictions([scored(1, 1, 0.7, run_id="other")])
    other.ledger([], [])
    spark, settings = lakehouse.spark, ("spark.sql.ansi.enabled", "spark.sql.sources.partitionOverwriteMode")
    before = [spark.conf.get(name) for name in settings], Path.cwd()

    for house in (lakehouse, other, lakehouse):
        house.build()

    assert ([spark.conf.get(name) for name in settings], Path.cwd()) == before
    assert lakehouse.rows("nightly_quality", "flights", "run_id", order=("as_of",)) == [(2, "run-1")]
    assert other.rows("nightly_quality", "flights", "run_id", order=("as_of",)) == [(1, "other")]


def test_build_says_which_test_failed_and_on_what(lakehouse: Lakehouse) -> None:
    lakehouse.ledger(
        [landed("planes", 1, 1, 3)],
        [
            ran("bronze", 1, []),
            ran("silver", 1, [metric("planes", 1, name, 2) for name in ("accepted", "quarantined", "duplicates")]),
        ],
    )  # fmt: skip
    with pytest.raises(DbtError) as raised:
        lakehouse.build()
    assert raised.value.what == "dbt: 1 of 9 steps failed."
    assert raised.value.found == (
        "feed_health_holds: {'check_name': 'landed = accepted + quarantined + duplicates', 'failing_rows': 1}"
    )


def test_build_says_which_table_is_missing_and_makes_none(lakehouse: Lakehouse, tmp_path: Path) -> None:
    empty = Lakehouse(lakehouse.spark, tmp_path / "empty")
    empty.outcomes([])
    empty.ledger([], [])
    with pytest.raises(DbtError, match=r"`gold`\.`late_arrival_predictions` cannot be found"):
        empty.build()
    assert sorted(path.name for path in empty.folder.glob("*/*") if path.parent.name != "dbt") == [
        "feed_health", "files", "outcomes__history", "runs",
    ]  # fmt: skip


def test_the_documentation_is_one_page_with_columns_and_with_who_reads_the_models(lakehouse: Lakehouse) -> None:
    lakehouse.build()
    target = lakehouse.folder / "dbt"
    page = dbt.document(lakehouse.spark, str(lakehouse.folder), project_dir=PROJECT, target_dir=target)
    assert page.parent == target
    assert "worst_routes" in page.read_text()
    catalog = json.loads((target / "catalog.json").read_text())
    quality = catalog["nodes"]["model.assay.nightly_quality"]["columns"]
    assert (quality["as_of"]["type"], quality["auc"]["type"]) == ("timestamp", "double")
    manifest = json.loads((target / "manifest.json").read_text())
    read = {model for one in manifest["exposures"].values() for model in one["depends_on"]["nodes"]}
    assert read == {name for name in manifest["nodes"] if name.startswith("model.")}


def test_plain_dbt_build_makes_the_same_tables(lakehouse: Lakehouse, tmp_path: Path) -> None:
    lakehouse.build()
    calibration = lakehouse.rows("daily_calibration", order=("as_of", "bin"))
    version = lakehouse.version("nightly_quality")
    environment = {
        **os.environ, "ASSAY_WAREHOUSE": str(lakehouse.folder), "DO_NOT_TRACK": "1",
        "ASSAY_SPARK_MASTER": "local[2]", "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "log"),
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "dbt"), "build", "--vars", json.dumps({"route_flights": 1})]
    ran_dbt = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran_dbt.returncode == 0, ran_dbt.stdout + ran_dbt.stderr
    assert lakehouse.rows("daily_calibration", order=("as_of", "bin")) == calibration
    assert lakehouse.version("nightly_quality") == version  # it found the table: nothing was replaced
