"""What every test may use: one Spark session for the whole process, built as the application builds it."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from assay.config.environment import Environment, Spark
from assay.session import session

settings.register_profile("assay", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("assay")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The process's only session. dbt works in the process's default one, so no test makes another."""
    conf: dict[str, str | int | float | bool] = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("catalog"))}
    made = session(Environment(name="test", spark=Spark(master="local[2]", conf=conf)))
    yield made
    made.stop()
