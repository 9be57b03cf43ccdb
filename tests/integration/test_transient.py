"""Real errors that may pass, and a night that gets over one: a server that is away, and a writer that came first."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from assay.errors import TableError
from assay.explained import explaining
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.runs import recent
from assay.tables import Tables
from assay.transient import transient
from jobs.nightly import run_night

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
CONTRACT = """
description: What a station measured. One row per station.
from: {jdbc: plant, table: stations, cursor: changed_at, available: {column: changed_at}}
key: [station]
columns:
  station: {type: string, required: true}
  changed_at: {type: timestamp}
"""


class Postgres(Protocol):
    """What the fixture gives."""

    url: str
    password: str

    def execute(self, statements: str) -> None: ...
    def stop(self) -> None: ...
    def start(self) -> None: ...


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse


@pytest.fixture
def plant(readings: Readings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """A lakehouse whose only source is a table of a server."""
    postgres.execute(
        "DROP TABLE IF EXISTS stations; CREATE TABLE stations (station text, changed_at timestamptz);"
        "INSERT INTO stations VALUES ('a', '2013-03-01 10:00+00')"
    )
    for name, value in {"URL": postgres.url, "USER": "reader", "PASSWORD": postgres.password}.items():
        monkeypatch.setenv(f"PLANT_{name}", value)
    conf = readings.lakehouse.conf_dir
    (conf.parent / "env" / "local.yml").write_text(
        'connections: {plant: {url: "${PLANT_URL}", user: "${PLANT_USER}", password: "${PLANT_PASSWORD}"}}\n'
    )
    (conf / "sources" / "readings.yml").write_text(CONTRACT)
    (conf / "lakehouse.yml").write_text("name: tiny\ndescription: One source.\nnight: {attempts: 2, backoff: 10s}\n")
    return open_lakehouse(conf)


def test_a_night_gets_over_a_server_that_is_away_for_a_while(plant: Lakehouse, postgres: Postgres) -> None:
    slept: list[timedelta] = []

    def back_meanwhile(length: timedelta) -> None:
        slept.append(length)
        postgres.start()

    plant.control.sleep = back_meanwhile  # type: ignore[method-assign]
    postgres.stop()
    outcomes = run_night(plant, NIGHT)
    assert slept == [timedelta(seconds=10)]
    assert [(one.stage, one.total("accepted")) for one in outcomes if one.stage == "silver"] == [("silver", 1)]
    tries = [one for one in recent(plant, limit=9) if one.stage == "bronze"]
    assert [(one.status, one.notes[-1]) for one in tries] == [
        ("done", "attempt 2 of 2"), ("failed", "attempt 1 of 2, to be tried again"),
    ]  # fmt: skip
    assert tries[1].error.startswith("The database of source readings cannot be reached.")


def test_a_conflict_of_two_writers_of_a_delta_table_may_pass(spark: SparkSession, tmp_path: Path) -> None:
    tables, began, go = Tables(spark, str(tmp_path)), tmp_path / "began", tmp_path / "go"
    tables.replace("gold.numbers", spark.sql("select 1 as n, 'x' as part"), slice_of={"part": ["x"]})

    def slow(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        began.touch()
        while not go.exists():
            time.sleep(0.05)
        yield from batches

    caught: list[TableError] = []

    def replace() -> None:
        slowly = spark.sql("select 2 as n, 'x' as part").mapInArrow(slow, "n int, part string")
        with pytest.raises(TableError) as error, explaining(str(tmp_path), "replacing"):
            tables.replace("gold.numbers", slowly, slice_of={"part": ["x"]})
        caught.append(error.value)

    writer = threading.Thread(target=replace)
    writer.start()
    while not began.exists():
        assert writer.is_alive()
        time.sleep(0.05)
    tables.replace("gold.numbers", spark.sql("select 3 as n, 'x' as part"), slice_of={"part": ["x"]})
    go.touch()
    writer.join()
    assert "DELTA_CONCURRENT" in str(caught[0].__cause__)
    assert transient(caught[0])
