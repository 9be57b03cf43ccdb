"""The as-of join of a training set: Feast's Spark store, assay's, DuckDB and Polars.

`.venv/bin/python benchmarks/asof.py`: 500,000 rows ask three tables of 20,000 entities and a row for each of 365 days, no
row older than 30 days. In one run, on the same Delta tables; every way writes its answer to Parquet, and all answers are
compared by hash. DuckDB and Polars are one process that reads the tables' files itself: what the machine can do at best.
assay's is measured through Feast, bare, and by Spark alone, as of tables whose files its tasks cannot read.

    --vary tables|days|payload|hot    a series: more tables, more rows of a key, wider rows, or 30% of the rows one key's
    --without feast                   leave a way out; Feast's own store takes minutes
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.config import Environment
from assay.frames import only_row
from assay.session import session
from gold.as_of_join import as_of_join
from gold.as_of_window import join_by_window
from gold.side import Side

FIRST = datetime(2013, 1, 1, tzinfo=UTC)
TTL = timedelta(days=30)


@dataclass(frozen=True)
class Size:
    """How much there is to join."""

    asked: int = 500_000
    tables: int = 3
    entities: int = 20_000
    days: int = 365
    payload: int = 4
    hot: float = 0.0
    """Share of the rows asked, and of each table's rows, that one entity has."""


LARGE = {
    "spark.driver.memory": "3g",
    "spark.sql.shuffle.partitions": 24,
    "spark.sql.adaptive.enabled": True,
    "spark.sql.codegen.wholeStage": True,
}
"""A Spark for large data, where assay's own inside a process is for small."""
SMALL = Size(asked=5_000, tables=2, entities=300, days=60)
SERIES: dict[str, list[dict[str, Any]]] = {
    "tables": [{"tables": n} for n in (1, 3, 10, 20)],
    "days": [{"days": n, "entities": 7_300_000 // n} for n in (10, 100, 1_000, 10_000)],
    "payload": [{"payload": n, "entities": 2_000} for n in (2, 20, 200)],
    "hot": [{"hot": share} for share in (0.0, 0.3)],
}


def tables(spark: SparkSession, size: Size, folder: Path) -> list[str]:
    """Write the tables as a pipeline would, in order of time: a row per entity and day, at its own second of it."""
    found = []
    for number in range(size.tables):
        rows = spark.range(size.entities * size.days).select(
            (F.col("id") % size.entities).alias("entity"), F.floor(F.col("id") / size.entities).alias("day"), "id"
        )
        hot = F.pmod(F.xxhash64("id", F.lit("hot")), F.lit(1_000)) < round(1_000 * size.hot)
        second = F.col("day") * 86_400 + F.pmod(F.xxhash64("id", F.lit(number)), F.lit(86_400))
        values = [
            (F.pmod(F.xxhash64("id", F.lit(number), F.lit(n)), F.lit(10_000)) / 100).alias(f"t{number}_{n}")
            for n in range(size.payload)
        ]
        at = F.timestamp_seconds(F.lit(int(FIRST.timestamp())) + second)
        apart = F.make_dt_interval(secs=F.col("id") / 1e6 % 1)  # no two rows of the one key are of the same time
        at = F.when(hot, at + apart).otherwise(at)
        rows = rows.select(F.when(hot, 0).otherwise(F.col("entity")).alias("entity"), at.alias("at"), *values)
        rows = rows.withColumn("created", F.col("at"))
        found.append(str(folder / f"t{number}"))
        rows.repartitionByRange(12, "at").write.format("delta").save(found[-1])
    return found


def spine(spark: SparkSession, size: Size) -> DataFrame:
    """Rows that ask: an entity and a moment each, and a number."""
    hot = F.pmod(F.xxhash64("id", F.lit("hot asked")), F.lit(1_000)) < round(1_000 * size.hot)
    entity = F.pmod(F.xxhash64("id", F.lit("entity")), F.lit(size.entities))
    second = F.pmod(F.xxhash64("id", F.lit("second")), F.lit(size.days * 86_400))
    return spark.range(size.asked, numPartitions=4).select(
        F.col("id").alias("n"), F.when(hot, 0).otherwise(entity).alias("entity"),
        F.timestamp_micros(F.lit(int(FIRST.timestamp()) * 1_000_000) + second * 1_000_000 + F.col("id") % 1_000_000)
        .alias("event_timestamp"),
    )  # fmt: skip


def through_feast(kind: str, asked: DataFrame, paths: list[str], size: Size, folder: Path) -> DataFrame:
    """The answer of a Feast project with an offline store of some type."""
    from feast import Entity, FeatureStore, FeatureView, Field, ValueType
    from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
    from feast.repo_config import RepoConfig
    from feast.table_format import DeltaFormat
    from feast.types import Float64

    entity = Entity(name="entity", join_keys=["entity"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=f"t{number}", entities=[entity], ttl=TTL,
            source=SparkSource(
                name=f"t{number}", path=path, table_format=DeltaFormat(), timestamp_field="at",
                created_timestamp_column="created",
            ),
            schema=[Field(name=f"t{number}_{n}", dtype=Float64) for n in range(size.payload)],
        )
        for number, path in enumerate(paths)
    ]  # fmt: skip
    store = FeatureStore(
        config=RepoConfig(
            project="benchmark", provider="local", registry=str(folder / f"{kind}.db"),
            offline_store={"type": kind}, online_store=None, entity_key_serialization_version=3,
        )
    )  # fmt: skip
    store.apply([entity, *views])
    refs = [f"t{number}:t{number}_{n}" for number in range(size.tables) for n in range(size.payload)]
    answer: DataFrame = store.get_historical_features(asked, refs).to_spark_df()
    return answer


def sides(spark: SparkSession, paths: list[str], size: Size) -> list[Side]:
    """What the join alone is given."""
    return [
        Side(
            spark.read.format("delta").load(path), {"entity": "entity"}, "at", "created", TTL,
            {f"t{number}_{n}": f"t{number}_{n}" for n in range(size.payload)}, folder=path,
        )
        for number, path in enumerate(paths)
    ]  # fmt: skip


def by_duckdb(asked: Path, paths: list[str], size: Size, target: Path) -> None:
    """One process, its own threads, the tables' files."""
    import duckdb

    joins, columns = "", "s.n"
    for number, path in enumerate(paths):
        joins += (
            f" ASOF LEFT JOIN read_parquet('{path}/*.parquet') t{number}"
            f" ON s.entity = t{number}.entity AND s.event_timestamp >= t{number}.at"
        )
        for n in range(size.payload):
            fresh = f"t{number}.at >= s.event_timestamp - INTERVAL {TTL.days} DAY"
            columns += f", CASE WHEN {fresh} THEN t{number}.t{number}_{n} END AS t{number}_{n}"
    with duckdb.connect(config={"threads": 2}) as database:
        target.mkdir()
        database.execute(
            f"COPY (SELECT {columns} FROM read_parquet('{asked}/*.parquet') s{joins})"
            f" TO '{target}/answer.parquet' (FORMAT parquet)"
        )


def by_polars(asked: Path, paths: list[str], size: Size, target: Path) -> None:
    """One process too, with lazy frames."""
    import polars as pl

    found = pl.scan_parquet(str(asked / "*.parquet")).sort("event_timestamp")
    for number, path in enumerate(paths):
        names = [f"t{number}_{n}" for n in range(size.payload)]
        rows = pl.scan_parquet(f"{path}/*.parquet").select(
            "entity", pl.col("at").cast(pl.Datetime("us", "UTC")), *names
        )
        found = found.with_columns(pl.col("event_timestamp").cast(pl.Datetime("us", "UTC"))).join_asof(
            rows.sort("at"), left_on="event_timestamp", right_on="at", by="entity", strategy="backward", tolerance=TTL,
            check_sortedness=False,
        )  # fmt: skip
        found = found.drop("at", strict=False)
    target.mkdir()
    found.drop("entity", "event_timestamp").sink_parquet(target / "answer.parquet")


def digest(spark: SparkSession, answer: Path, size: Size) -> tuple[int, int]:
    """Rows and a hash of an answer that does not depend on their order."""
    names = ["n", *[f"t{number}_{n}" for number in range(size.tables) for n in range(size.payload)]]
    hashed = F.sum(F.xxhash64(*names) % 1_000_003)
    row = only_row(spark.read.parquet(str(answer)).agg(F.count("*").alias("rows"), hashed.alias("hash")))
    return row["rows"], row["hash"]


def measure(spark: SparkSession, size: Size, without: set[str]) -> list[dict[str, Any]]:
    """Every way once on warm tables, after one that is not counted."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = tables(spark, size, folder)
        spine(spark, size).write.parquet(str(folder / "asked"))
        asked = spark.read.parquet(str(folder / "asked"))

        def written(answer: Callable[[], DataFrame], target: Path) -> None:
            answer().write.parquet(str(target))

        ways: dict[str, Callable[[Path], None]] = {
            "duckdb": lambda target: by_duckdb(folder / "asked", paths, size, target),
            "polars": lambda target: by_polars(folder / "asked", paths, size, target),
            "assay": lambda target: written(
                lambda: as_of_join(asked, "event_timestamp", sides(spark, paths, size)), target
            ),
            "assay by spark alone": lambda target: written(
                lambda: join_by_window(asked, "event_timestamp", sides(spark, paths, size)), target
            ),
            "assay through feast": lambda target: written(
                lambda: through_feast("gold.offline_store.AssayOfflineStore", asked, paths, size, folder), target
            ),
            "feast": lambda target: written(lambda: through_feast("spark", asked, paths, size, folder), target),
        }
        ways["assay through feast"](folder / "warm")
        seconds: dict[str, float] = {}
        digests = set()
        for name, way in ways.items():
            if name in without:
                continue
            target = folder / name.replace(" ", "_")
            started = time.perf_counter()
            way(target)
            seconds[name] = time.perf_counter() - started
            digests.add(digest(spark, target, size))
            print(f"{name:<24}{seconds[name]:8.1f} s", flush=True)
        if len(digests) != 1:
            raise SystemExit(f"The ways differ: {digests}")
        fastest = min(seconds.values())
        return [
            {**asdict(size), "way": name, "seconds": round(took, 2), "against_fastest": round(took / fastest, 2)}
            for name, took in seconds.items()
        ]


def main() -> None:
    """Measure, and print a line each and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="seconds, not minutes")
    options.add_argument("--asked", type=int, default=Size.asked, help="rows that ask")
    options.add_argument("--entities", type=int, default=Size.entities, help="entities of each table")
    options.add_argument("--vary", choices=list(SERIES), help="a series instead of the one size")
    options.add_argument("--without", action="append", default=[], help="a way to leave out")
    options.add_argument("--json", type=Path, help="a file for the figures")
    given = options.parse_args()
    spark = session(Environment.model_validate({"name": "benchmark", "spark": {"conf": LARGE}}))
    size = SMALL if given.small else Size(asked=given.asked, entities=given.entities)
    found = []
    for change in SERIES[given.vary] if given.vary else [{}]:
        print(f"== {replace(size, **change)}", flush=True)
        found += measure(spark, replace(size, **change), set(given.without))
    for row in found:
        print(f"{row['way']:<24}{row['seconds']:8.1f} s  {row['against_fastest']:6.2f} times the fastest")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
