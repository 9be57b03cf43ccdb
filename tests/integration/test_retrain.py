"""Training at a past as_of, after more has become known: the same rows, and the same trees to the last byte."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse, open_lakehouse
from jobs.train import train_model
from model.trainings import TRAININGS


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


@pytest.fixture(scope="module")
def copied(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """A copy of the lakehouse of the flights, with a second model that is the first under another name."""
    folder = tmp_path_factory.mktemp("retrained")
    shutil.copytree(flights.lakehouse.conf_dir.resolve().parent, folder / "conf")
    shutil.copytree(Path(flights.lakehouse.root), folder / "warehouse" / "flights")
    models = folder / "conf" / "flights" / "models"
    shutil.copy(models / "late_arrival.yml", models / "again.yml")
    return open_lakehouse(folder / "conf" / "flights")


def training(lakehouse: Lakehouse, model: str) -> Any:
    """The row of a model's training."""
    return lakehouse.tables.read(TRAININGS).where(F.col("model") == model).collect()[0]


def test_training_again_at_a_past_as_of_gives_the_model_of_that_day(copied: Lakehouse, flights: Flights) -> None:
    first, later = flights.nights
    landed = copied.tables.read("silver.outcomes__history").where(F.col("valid_from") > F.lit(first))
    assert landed.count() > 50, "more is known today than on the night of the first training"
    train_model(copied, copied.config.models["again"], first)
    before, again = training(copied, "late_arrival"), training(copied, "again")
    assert before["as_of"] == again["as_of"]
    assert again["content_hash"] == before["content_hash"]
    assert again["trees_sha256"] == before["trees_sha256"]
    assert again["metrics"] == before["metrics"]
    train_model(copied, copied.config.models["again"], later)
    newer = copied.tables.read(TRAININGS).where("model = 'again'").orderBy(F.desc("as_of")).limit(1).collect()[0]
    assert newer["content_hash"] != before["content_hash"]
    assert newer["trees_sha256"] != before["trees_sha256"]
