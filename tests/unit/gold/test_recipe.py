"""A hash of rows: blind to their order, to nothing else."""

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold.recipe import content_hash

SCHEMA = "id int, x double, y double, tags map<string, int>"
ROWS = [(1, 0.5, None, {"a": 1}), (2, None, 0.5, None), (2, None, 0.5, None)]


@pytest.fixture
def frame(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, SCHEMA)


def test_content_hash_does_not_depend_on_order_or_partitions(frame: DataFrame) -> None:
    assert content_hash(frame.orderBy(F.desc("id")).repartition(3)) == content_hash(frame)


@pytest.mark.parametrize(
    "change",
    [
        "select id, y as x, x as y, tags from t",  # the same values, and NULLs, in other columns
        "select id, x, y as z, tags from t",
        "select * from t where id = 1 union all (select * from t where id = 2 limit 1)",
        "select * from t union all select * from t",
        "select id, x, coalesce(y, 0D) as y, tags from t",
        "select id, x, y, map('a', 2) as tags from t",
    ],
)
def test_content_hash_changes_with_any_value_row_or_name(frame: DataFrame, change: str) -> None:
    frame.createOrReplaceTempView("t")
    try:
        assert content_hash(frame.sparkSession.sql(change)) != content_hash(frame)
    finally:
        frame.sparkSession.catalog.dropTempView("t")
