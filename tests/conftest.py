"""What every test may use: one Spark session for the whole process, built as the application builds it; and a tiny
lakehouse that a test fills with literal files.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from assay.config.environment import Environment, Spark
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.session import session
from tests.java import QUICK

settings.register_profile("assay", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("assay")


if not hasattr(main := sys.modules["__main__"], "__file__"):
    main.__file__ = __file__  # a process that shares the tests has none, which Spark takes for its own tests and ends


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The process's only session. dbt works in the process's default one, so no test makes another."""
    conf: dict[str, str | int | float | bool] = {
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("catalog")),
        "spark.driver.extraJavaOptions": f"-XX:+UseParallelGC {QUICK}",
        "spark.driver.memory": "3g",  # hundreds of lakehouses in one process, where a night has one
    }
    made = session(Environment(name="test", spark=Spark(master="local[2]", conf=conf)))
    yield made
    made.stop()


READINGS = """
description: What a station measured. One row per station and hour.
from: {files: "landing/readings/*", available: file_name, format: csv}
key: [station, hour]
columns:
  station: {type: string, required: true}
  hour: {type: int, min: 0, max: 23}
  temp: {type: double, max: 60}
"""


@dataclass(frozen=True)
class Readings:
    """A lakehouse of one source, without features or models, and its landing folder."""

    lakehouse: Lakehouse
    landing: Path

    def deliver(self, name: str, content: str | bytes) -> None:
        """Put a file into the landing folder."""
        self.landing.mkdir(parents=True, exist_ok=True)
        (self.landing / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def new_readings(spark: SparkSession, tmp_path: Path) -> Callable[[str], Readings]:
    """Makes a lakehouse of readings in a folder of that name."""

    def make(name: str) -> Readings:
        conf = tmp_path / name / "conf"
        (conf / "env").mkdir(parents=True)
        (conf / "env" / "local.yml").write_text("warehouse: warehouse\n")
        (conf / "tiny" / "sources").mkdir(parents=True)
        (conf / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: One source.\n")
        (conf / "tiny" / "sources" / "readings.yml").write_text(READINGS)
        lakehouse = open_lakehouse(conf / "tiny")
        return Readings(lakehouse, Path(lakehouse.root) / "landing" / "readings")

    return make


@pytest.fixture
def readings(new_readings: Callable[[str], Readings]) -> Readings:
    """A lakehouse of readings into which nothing has been delivered."""
    return new_readings("readings")
