"""The join by files against the join by Spark alone, on tables as Spark writes them, and what is not done by files."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gold import as_of_task
from gold.as_of_files import NotByFilesError, join_by_files
from gold.as_of_join import as_of_join
from gold.as_of_window import join_by_window
from gold.side import Side

TTL = timedelta(days=30)
VALUES = {
    "number": "CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN double('NaN') WHEN 2 THEN -0.0D ELSE n / 7D END",
    "small": "CAST(n AS float)",
    "tiny": "CAST(n % 100 AS tinyint)",
    "long": "n",
    "even": "n % 2 = 0",
    "exact": "CAST(CAST(n AS decimal(20, 10)) / 3 AS decimal(38, 10))",
    "word": "'é' || n",
    "bytes": "CAST('b' || n AS binary)",
    "day": "DATE'1969-12-31' + CAST(n AS int)",
    "long_ago": "TIMESTAMP'1583-01-01 00:00:00.000001' + make_dt_interval(CAST(n AS int))",
    "wall": "TIMESTAMP_NTZ'2013-03-10 02:30:00'",
}
KEYS = {
    "long": "CAST(n % 7 AS bigint)", "int": "CAST(n % 7 AS int)", "word": "'k' || n % 7", "yes": "n % 7 > 3",
    "day": "DATE'2013-01-01' + CAST(n % 7 AS int)", "exact": "CAST(n % 7 AS decimal(20, 2))",
}  # fmt: skip


def delta(spark: SparkSession, folder: Path, rows: DataFrame, *partition_by: str, **options: str) -> str:
    rows.write.format("delta").mode("append").options(**options).partitionBy(*partition_by).save(str(folder))
    return str(folder)


def side(spark: SparkSession, folder: str, **more: Any) -> Side:
    """What there is to ask of a table that `told` made."""
    given: dict[str, Any] = {"keys": {"key": "key"}, "ttl": TTL, "features": {"t__number": "number", "t__word": "word"}}
    rows = spark.read.format("delta").load(folder)
    return Side(rows, time="at", created="created", folder=folder, **(given | more))


def told(spark: SparkSession, key: str = KEYS["long"]) -> DataFrame:
    """Rows of seven entities, some of one time, with a value of every type."""
    at = "TIMESTAMP'2013-03-01' + make_dt_interval(0, 0, 0, n % 50 * 3600 + 0.000999)"
    values = [f"{value} AS {name}" for name, value in VALUES.items()]
    rows = spark.range(200).selectExpr("id AS n")
    return rows.selectExpr(f"{key} AS key", f"{at} AS at", "TIMESTAMP'2013-03-01' AS created", *values)


def asked(spark: SparkSession, key: str = KEYS["long"]) -> DataFrame:
    """Questions for eight entities, some of no time."""
    at = "IF(n % 9 = 0, NULL, TIMESTAMP'2013-03-01' + make_dt_interval(0, 0, 0, n * 1700))"
    key = key.replace("% 7", "% 8")
    return spark.range(150).selectExpr("id AS n").selectExpr("n", f"{key} AS key", f"{at} AS at")


def same(spark: SparkSession, spine: DataFrame, *sides: Side) -> list[Any]:
    """The rows that both ways give."""
    found, wanted = (
        way.selectExpr("n", "to_json(struct(*), map('ignoreNullFields', 'false')) AS text").orderBy("n").collect()
        for way in (join_by_files(spine, "at", sides, None), join_by_window(spine, "at", sides))
    )
    assert found == wanted
    return [row["text"] for row in found]


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_every_type_find_their_rows(spark: SparkSession, tmp_path: Path, key: str) -> None:
    folder = delta(spark, tmp_path / "t", told(spark, KEYS[key]))
    texts = same(spark, asked(spark, KEYS[key]), side(spark, folder))
    assert sum('"t__word":"' in text for text in texts) > 50


def test_values_of_every_type_come_as_they_were_written(spark: SparkSession, tmp_path: Path) -> None:
    folder = delta(spark, tmp_path / "t", told(spark))
    features = {f"t__{name}": name for name in VALUES}
    spine, sides = asked(spark), [side(spark, folder, features=features)]
    same(spark, spine, *sides)
    found, wanted = join_by_files(spine, "at", sides, 150), join_by_window(spine, "at", sides)
    assert found.schema == wanted.schema
    assert found.exceptAll(wanted).count() == 0


def test_tables_in_partitions_of_time_and_columns_that_came_later(spark: SparkSession, tmp_path: Path) -> None:
    first = told(spark).withColumn("at", F.date_trunc("day", "at"))
    delta(spark, tmp_path / "t", first.drop("word"), "at")
    folder = delta(
        spark, tmp_path / "t", first.withColumn("at", F.expr("at + interval 1 day")), "at", mergeSchema="true"
    )
    texts = same(spark, asked(spark), side(spark, folder, ttl=timedelta(days=1, seconds=-1)))
    assert any('"t__word":null' in text and '"t__number":null' not in text for text in texts)


def test_rows_that_were_removed_are_not_found(spark: SparkSession, tmp_path: Path) -> None:
    folder = delta(spark, tmp_path / "t", told(spark))
    DeltaTable.forPath(spark, folder).delete("key = 3")
    texts = same(spark, asked(spark), side(spark, folder))
    assert not any('"key":3' in text and '"t__word":"' in text for text in texts)
    assert any('"key":4' in text and '"t__word":"' in text for text in texts)


def test_a_time_to_live_counts_to_the_microsecond_where_the_log_knows_milliseconds(
    spark: SparkSession, tmp_path: Path
) -> None:
    one = spark.sql("SELECT 1L AS key, TIMESTAMP'2013-03-01 00:00:00.000999' AS at, now() AS created, 1D AS number")
    folder = delta(spark, tmp_path / "t", one)
    spine = spark.sql(
        "SELECT 1 AS n, 1L AS key, TIMESTAMP'2013-03-31 00:00:00.000999' AS at"
        " UNION ALL SELECT 2, 1L, TIMESTAMP'2013-03-31 00:00:00.001'"
    )
    texts = same(spark, spine, side(spark, folder, features={"x": "number"}))
    assert ['"x":1.0' in text for text in texts] == [True, False]


def test_tables_with_odd_names_are_asked(spark: SparkSession, tmp_path: Path) -> None:
    rows = told(spark).withColumnsRenamed({"key": "a`b", "at": 'at"x"', "number": "n'o.1"})
    folder = delta(spark, tmp_path / "t", rows.drop("wall"), **{"delta.columnMapping.mode": "none"})
    there = spark.read.format("delta").load(folder)
    odd = Side(there, {"key": "a`b"}, 'at"x"', "created", TTL, {"o'n`e": "n'o.1"}, folder=folder)
    texts = same(spark, asked(spark), odd)
    assert any('"o\'n`e":3' in text for text in texts)


def test_a_task_answers_a_bounded_number_of_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_of_task, "GROUP", 5)
    batches = [pa.record_batch({"n": list(range(start, start + 3))}) for start in (0, 3, 6)]
    groups = as_of_task.groups(batches)
    assert [group["n"].to_pylist() for group in groups] == [[0, 1, 2, 3, 4, 5], [6, 7, 8]]


def other(kind: str, spark: SparkSession, folder: Path) -> Side:
    """A table that is not asked by its files."""
    rows, options, more = told(spark), {}, {}
    match kind:
        case "deletionVectors":
            options = {"delta.enableDeletionVectors": "true"}
        case "columnMapping":
            options = {"delta.columnMapping.mode": "name", "delta.minReaderVersion": "2", "delta.minWriterVersion": "5"}
        case "from its creation on":
            more = {"from_creation": True}
        case "at is no timestamp":
            rows = rows.withColumn("at", F.col("at").cast("timestamp_ntz"))
        case "key is of type double":
            rows = rows.withColumn("key", F.col("key").cast("double"))
        case "number is of type map":
            rows = rows.withColumn("number", F.create_map("word", "long"))
    found = side(spark, delta(spark, folder, rows, **options), **more)
    return replace(found, folder=None) if kind == "not those of one Delta table" else found


@pytest.mark.parametrize(
    "kind",
    [
        "deletionVectors", "columnMapping", "from its creation on", "at is no timestamp", "key is of type double",
        "number is of type map", "not those of one Delta table",
    ],
)  # fmt: skip
def test_what_files_do_not_tell_as_spark_does_is_asked_of_spark(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    table = other(kind, spark, tmp_path / "t")
    with pytest.raises(NotByFilesError, match=kind):
        join_by_files(asked(spark), "at", [table], None)
    assert as_of_join(asked(spark).limit(20), "at", [table]).where("t__word IS NOT NULL").count() > 0


def test_a_table_that_cannot_be_opened_here_is_asked_of_spark(spark: SparkSession, tmp_path: Path) -> None:
    table = side(spark, delta(spark, tmp_path / "t", told(spark)))
    with pytest.raises(NotByFilesError, match="cannot be read here"):
        join_by_files(asked(spark), "at", [replace(table, folder=str(tmp_path / "elsewhere"))], None)
    with pytest.raises(NotByFilesError, match="is on no file system"):
        join_by_files(asked(spark), "at", [replace(table, folder="s3a://lake/t")], None)
