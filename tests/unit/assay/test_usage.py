"""CPU time is that of all processes at work, also of those that have ended; shuffles count what tasks write."""

import subprocess
import sys

from pyspark.sql import SparkSession

from assay.config.environment import Prices
from assay.usage import Usage, used

BURN = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"


def test_what_python_its_children_and_spark_do_between_two_moments_is_counted(spark: SparkSession) -> None:
    before = used(spark)
    exec(BURN)  # noqa: S102  # as the child does
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert 1.0 <= used(spark).since(before).cpu_seconds < 60
    before = used(spark)
    assert spark.range(10_000, numPartitions=2).selectExpr("id % 977 AS k").groupBy("k").count().count() == 977
    after = used(spark).since(before)
    assert after.shuffle_bytes > 977
    assert after.cpu_seconds > 0
    before = used(spark)
    spark.range(10).collect()
    assert used(spark).since(before).shuffle_bytes == 0


def test_nothing_is_used_backwards() -> None:
    assert Usage(1.0, 5).since(Usage(2.0, 9)) == Usage(0.0, 0)


def test_an_hour_of_a_core_costs_its_price() -> None:
    assert Prices(core_hour=0.05).of(7200) == 0.1
