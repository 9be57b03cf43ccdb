"""What a night's features cost after a month and after a year, and a year of nights in one pass.

`.venv/bin/python benchmarks/features.py`: 10,000 events of 2,000 customers a day for a year, known the day after, a feature
table of three windows and five aggregates. In one run:

- night 30 and night 365: the features stage as it is every night, the median of seven nights each.
- backfill: all nights between, in one pass, and what one of them costs of a night on its own.
- by hand: a Spark job for all nights as one writes it: sums a day, a row for each customer and night, window functions.

Rows of a night of the backfill are compared with those of the stage for that night alone, and must be equal.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, in which this file has the name of a command

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

import gold.stage
from assay.lakehouse import Lakehouse, open_lakehouse
from gold.compute import compute

FIRST = datetime(2013, 1, 1, tzinfo=UTC)
SOURCE = """
description: What customers bought. One row per sale.
from: {files: "landing/sales/*", available: file_name, format: csv}
event_time: at
key: [id]
columns:
  id: {type: long, required: true}
  customer: {type: long, required: true}
  at: {type: timestamp, required: true}
  amount: {type: double}
  returned: {type: boolean}
"""
FEATURES = """
description: What a customer bought. One row per customer and night.
entity: {customer: [customer]}
source: sales
windows: [1d, 7d, 28d]
features:
  sales: {count: "*", description: Sales}
  amount: {mean: amount, description: Mean amount}
  spread: {stddev: amount, description: Spread of the amounts}
  most: {max: amount, description: Greatest amount}
  returns: {rate: returned, description: Share that came back}
"""


def lakehouse_of(folder: Path, days: int, events: int, customers: int) -> Lakehouse:
    """A lakehouse whose silver has a file of events for each day."""
    conf = folder / "conf" / "shop"
    for path, text in (
        (conf / "lakehouse.yml", "name: shop\ndescription: A shop.\n"),
        (conf / "sources" / "sales.yml", SOURCE),
        (conf / "features" / "customers.yml", FEATURES),
        (folder / "conf" / "env" / "local.yml", "warehouse: warehouse\nspark: {conf: {spark.driver.memory: 3g}}\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lakehouse = open_lakehouse(conf)
    spark = lakehouse.spark
    at = F.timestamp_seconds(
        F.lit(int(FIRST.timestamp())) + F.floor(F.col("id") / events) * 86_400 + F.pmod(F.xxhash64("id"), F.lit(86_400))
    )
    rows = spark.range(events * days).select(
        "id", F.pmod(F.xxhash64("id", F.lit("customer")), F.lit(customers)).alias("customer"), at.alias("at"),
        (F.pmod(F.xxhash64("id", F.lit("amount")), F.lit(100_000)) / 100).alias("amount"),
        (F.pmod(F.xxhash64("id", F.lit("returned")), F.lit(20)) == 0).alias("returned"),
    )  # fmt: skip
    known = F.date_trunc("day", "at") + F.expr("interval 1 day")
    rows = rows.select(
        "*", known.alias("valid_from"), F.lit(None).cast("timestamp").alias("valid_to"),
        F.lit("sales.csv").alias("source_file"), F.col("id").alias("source_position"),
    )  # fmt: skip
    by_day = rows.repartitionByRange(days, "valid_from").write.format("delta")
    by_day.save(lakehouse.tables.path("silver.sales__history"))
    return lakehouse


def by_hand(lakehouse: Lakehouse, nights: int) -> DataFrame:
    """The same features for all nights, as a Spark job of window functions."""
    sales = lakehouse.tables.read("silver.sales__history")
    daily = sales.groupBy("customer", F.date_add(F.to_date("at"), 1).alias("night")).agg(
        F.count("*").alias("n"), F.sum("amount").alias("sum"), F.sum(F.col("amount") * F.col("amount")).alias("squares"),
        F.max("amount").alias("most"), F.count_if("returned").alias("returned"),
    )  # fmt: skip
    calendar = lakehouse.spark.range(1, nights + 1).select(
        F.date_add(F.lit(FIRST.date()), F.col("id").cast("int")).alias("night")
    )
    grid = sales.select("customer").distinct().crossJoin(calendar).join(daily, ["customer", "night"], "left")
    number = F.datediff("night", F.lit(FIRST.date()))
    columns = []
    for days in (1, 7, 28):
        window = Window.partitionBy("customer").orderBy(number).rangeBetween(1 - days, 0)
        n, total, squares = (F.sum(name).over(window) for name in ("n", "sum", "squares"))
        columns += [
            n.alias(f"sales_{days}d"), (total / n).alias(f"amount_{days}d"),
            F.sqrt((squares - total * total / n) / F.nullif(n - 1, F.lit(0))).alias(f"spread_{days}d"),
            F.max("most").over(window).alias(f"most_{days}d"),
            (F.sum("returned").over(window) / n).alias(f"returns_{days}d"),
        ]  # fmt: skip
    return grid.select("customer", "night", *columns).where("sales_28d > 0")


def main() -> None:
    """Measure, and print a line each and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="60 nights of 1,000 events")
    given = options.parse_args()
    days, events, customers = (60, 1_000, 200) if given.small else (365, 10_000, 2_000)
    with tempfile.TemporaryDirectory() as temporary:
        lakehouse = lakehouse_of(Path(temporary), days, events, customers)

        def stage(number: int, earlier: int | None = None) -> float:
            started = time.perf_counter()
            as_of = FIRST + timedelta(days=number)
            gold.stage.run(lakehouse, as_of, [FIRST + timedelta(days=n) for n in range(earlier or number, number)])
            return time.perf_counter() - started

        def slice_of(number: int) -> set[tuple[object, ...]]:
            night = F.col("event_timestamp") == F.lit(FIRST + timedelta(days=number))
            return {
                tuple(row)
                for row in lakehouse.tables.read("gold.customers").where(night).drop("created_timestamp").collect()
            }

        for number in range(15, 24):
            stage(number)  # to warm up
        month = statistics.median(stage(number) for number in range(24, 31))
        whole = stage(days - 7, earlier=31)
        year = statistics.median(stage(number) for number in range(days - 6, days + 1))
        checked = slice_of(days - 10)
        alone = compute(
            lakehouse.tables.read("silver.sales__history"), lakehouse.config.features["customers"], "at",
            [FIRST + timedelta(days=days - 10)],
        )  # fmt: skip
        if {tuple(row) for row in alone.collect()} != checked:
            raise SystemExit("A night of the backfill is not what the night alone would be.")
        started = time.perf_counter()
        by_hand(lakehouse, days).write.format("delta").partitionBy("night").save(f"{temporary}/by_hand")
        hand = time.perf_counter() - started
    nights = days - 37
    figures = {
        "night 30": month, f"night {days}": year, f"backfill of {nights} nights": whole, f"by hand, {days} nights": hand,
    }  # fmt: skip
    for name, seconds in figures.items():
        print(f"{name:<28}{seconds:8.1f} s")
    ratios = {
        "last night / night 30": round(year / month, 2),
        "backfill / night": round(whole / month, 1),
        "backfill / by hand": round(whole / hand, 2),
    }
    print(json.dumps({"events_a_day": events, "customers": customers, "seconds": figures, "ratios": ratios}))


if __name__ == "__main__":
    main()
