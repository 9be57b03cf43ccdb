"""Tables that other processes write too."""

import shutil
from pathlib import Path
from typing import Protocol

from assay.catalog import register
from assay.changes import state_of
from assay.lakehouse import Lakehouse


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse


def test_a_table_that_was_looked_at_while_it_was_begun_is_seen_once_it_is_there(readings: Readings) -> None:
    lakehouse, spark = readings.lakehouse, readings.lakehouse.spark
    lakehouse.tables.append("gold.made", spark.range(3))
    made, begun = (Path(lakehouse.tables.path(f"gold.{name}")) for name in ("made", "begun"))
    (begun / "_delta_log").mkdir(parents=True)
    assert not lakehouse.tables.exists("gold.begun")
    assert state_of(spark, str(begun)) is None
    assert "gold.begun" not in register(lakehouse)
    shutil.copytree(made, begun, dirs_exist_ok=True)
    assert lakehouse.tables.exists("gold.begun")
    assert state_of(spark, str(begun)) is not None
    assert "gold.begun" in register(lakehouse)
    assert spark.table("gold.begun").count() == 3


def test_a_table_that_was_taken_away_is_not_there(readings: Readings) -> None:
    lakehouse = readings.lakehouse
    lakehouse.tables.append("gold.made", lakehouse.spark.range(3))
    shutil.rmtree(lakehouse.tables.path("gold.made"))
    assert not lakehouse.tables.exists("gold.made")
    lakehouse.tables.append("gold.made", lakehouse.spark.range(2))
    assert lakehouse.tables.read("gold.made").count() == 2
