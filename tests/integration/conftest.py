"""Whole lakehouses in a folder: real flights, thinned; and a tiny one that a test fills with literal files."""

import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.tables import SCHEMAS
from demo.replay import replay
from jobs.backfill import run_backfill
from jobs.nightly import run_night

CONF = Path(__file__).parents[2] / "conf"
ONE_IN = 6
"""Flights whose number is a multiple of this are kept: about 140 a day."""


@dataclass(frozen=True)
class Flights:
    """The lakehouse of the flights after a backfill and two nights."""

    lakehouse: Lakehouse
    landing: Path
    backfilled: datetime
    nights: tuple[datetime, datetime]
    outcomes: list[Outcome]
    """What the stages of the second night did."""


@pytest.fixture(scope="session")
def flights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Flights:
    """January and half of February landed; features from 1 February; trained on the 13th, scored on two nights."""
    folder = tmp_path_factory.mktemp("flights")
    _configure(folder)
    landing = folder / "warehouse" / "flights" / "landing"
    replay(landing, date(2013, 1, 1), date(2013, 2, 14))
    for path in [*landing.glob("schedule/*.csv"), *landing.glob("outcomes/*.csv")]:
        _thin(path)
    lakehouse = open_lakehouse(folder / "conf" / "flights")
    first, backfilled, *nights = [datetime(2013, 2, day, tzinfo=UTC) for day in (1, 12, 13, 14)]
    run_backfill(lakehouse, first, backfilled)
    run_night(lakehouse, nights[0])
    return Flights(lakehouse, landing, backfilled, (nights[0], nights[1]), run_night(lakehouse, nights[1]))


def _configure(folder: Path) -> None:
    """The configuration of the flights, with a model that learns from few days in little time."""
    shutil.copytree(CONF / "flights", folder / "conf" / "flights")
    (folder / "conf" / "env").mkdir()
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    _edit(folder / "conf" / "flights" / "lakehouse.yml", dbt=None)
    model = folder / "conf" / "flights" / "models" / "late_arrival.yml"
    quick = yaml.safe_load(model.read_text())["xgboost"] | {"rounds": 10, "min_child_weight": 5}
    _edit(
        model,
        split={"validation": "2d", "holdout": "2d"},
        train={"every": "7d", "window": "12d"},
        gates={"auc": {"min": 0.01}},
        xgboost=quick,
    )


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))


def _thin(path: Path) -> None:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        rows = [row for row in reader if int(row["flight"]) % ONE_IN == 0]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def empty_catalog(spark: SparkSession) -> Iterator[None]:
    """The session knows no table by name: those of another lakehouse would be found under the same names."""
    _forget(spark)
    yield
    _forget(spark)


def _forget(spark: SparkSession) -> None:
    for schema in SCHEMAS:
        spark.sql(f"DROP DATABASE IF EXISTS {schema} CASCADE")
