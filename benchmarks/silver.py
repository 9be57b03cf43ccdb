"""What silver costs: typing, 40 checks, quarantine, versions and metrics, against doing less, and against others.

`.venv/bin/python benchmarks/silver.py`: 5 million rows of 20 columns, half a per cent of them broken. In one run, on the
same table of raw texts:

- plain: read, cast, write. No check, no quarantine, no versions, no counts.
- one select: all checks as one array of messages in one select, then good and bad rows written, as DQX does it.
- assay: the silver stage as it is every night.
- great expectations: its own Spark validation of the same rules on the cast table; nothing is written.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, in which this file has the name of a layer

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import silver.stage
from assay.config import Source
from assay.frames import local_frame
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import FILES
from assay.session import compiled, jobs_so_far
from bronze.seen import FILES_SCHEMA

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
NUMBERS, REALS = 6, 6
CONTRACT = """
description: Readings of meters. One row per reading.
from: {files: "landing/readings/*", available: file_name, format: csv}
key: [id]
columns:
  id:    {type: long, required: true, min: 0}
  day:   {type: date, required: true}
  at:    {type: timestamp, required: true}
  name:  {type: string, required: true, pattern: "[a-z]+-[0-9]+", length: {min: 3, max: 40}}
  kind:  {type: string, required: true, allowed: [gas, water, heat, power]}
  place: {type: string, required: true, length: 4, pattern: "[A-Z0-9]{4}"}
  ok:    {type: boolean, required: true}
  cost:  {type: "decimal(12,2)", min: 0, max: 100000}
""" + "".join(
    [f"  n{n}: {{type: int, required: {str(n < 2).lower()}, min: 0, max: 1000000}}\n" for n in range(NUMBERS)]
    + [f"  x{n}: {{type: double, min: -1000, max: 1000}}\n" for n in range(REALS)]
) + """
checks:
  in_order: {holds: n0 <= n1 + 1000000}
  cheap: {holds: cost < 100000 or kind = 'heat'}
  not_both: {holds: x0 <= x1 + 2000, on_fail: flag}
"""  # fmt: skip


def raw(spark: SparkSession, rows: int) -> DataFrame:
    """Raw texts; one row in 200 has a value that is broken."""
    seed = F.xxhash64("id")
    broken = F.pmod(seed, F.lit(200)) == 0
    values: dict[str, SparkColumn] = {
        "id": F.col("id").cast("string"),
        "day": F.date_add(F.lit("2013-01-01").cast("date"), F.pmod(seed, F.lit(60)).cast("int")).cast("string"),
        "at": F.timestamp_seconds(F.lit(1357000000) + F.pmod(seed, F.lit(5000000))).cast("string"),
        "name": F.concat(F.lit("meter-"), F.pmod(seed, F.lit(90000)).cast("string")),
        "kind": F.element_at(
            F.array(*map(F.lit, ("gas", "water", "heat", "power"))), F.pmod(seed, F.lit(4)).cast("int") + 1
        ),
        "place": F.lpad(F.pmod(seed, F.lit(9999)).cast("string"), 4, "A"),
        "ok": (F.pmod(seed, F.lit(2)) == 0).cast("string"),
        "cost": F.format_string("%.2f", F.pmod(seed, F.lit(1000000)) / 100),
    }
    for n in range(NUMBERS):
        values[f"n{n}"] = F.pmod(seed + n, F.lit(1000000)).cast("string")
    for n in range(REALS):
        values[f"x{n}"] = (F.pmod(seed + n, F.lit(199999)) / 100 - 999).cast("string")
    values["n3"] = F.when(broken, F.lit("many")).otherwise(values["n3"])
    return spark.range(0, rows, 1, 8).select(*[value.alias(name) for name, value in values.items()])


def lakehouse_with(folder: Path, rows: int) -> Lakehouse:
    """A lakehouse into whose bronze table the rows were landed as batch 1."""
    conf = folder / "conf"
    (conf / "env").mkdir(parents=True)
    (conf / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (conf / "tiny" / "sources").mkdir(parents=True)
    (conf / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: One source.\n")
    (conf / "tiny" / "sources" / "readings.yml").write_text(CONTRACT)
    lakehouse = open_lakehouse(conf / "tiny")
    landed = raw(lakehouse.spark, rows).select(
        "*", F.lit(None).cast("map<string, string>").alias("extra"), F.lit(None).cast("string").alias("corrupt"),
        F.lit(None).cast("string").alias("raw"), F.lit("f.csv").alias("source_file"),
        F.col("id").cast("bigint").alias("source_position"), F.lit(NIGHT).alias("available_at"),
        F.lit(1).alias("batch"), F.lit(NIGHT).alias("landed_at"),
    )  # fmt: skip
    lakehouse.tables.replace("bronze.readings", landed, slice_of={"batch": [1]})
    file = {"source": "readings", "batch": 1, "source_file": "f.csv", "status": "landed", "records": rows}
    lakehouse.tables.append(FILES, local_frame(lakehouse.spark, [{**file, "available_at": NIGHT}], FILES_SCHEMA))
    return lakehouse


def cast(bronze: DataFrame, source: Source) -> DataFrame:
    """The columns of the contract by Spark's own casts."""
    return bronze.select(
        *[F.col(name).try_cast(column.type).alias(name) for name, column in source.columns.items()],
        "source_file", "source_position", "batch", "available_at",
    )  # fmt: skip


def rules(source: Source) -> list[tuple[str, SparkColumn]]:
    """Each check's message and where it fails, in plain Spark."""
    found: list[tuple[str, SparkColumn]] = []
    for name, column in source.columns.items():
        value = F.col(name)
        if column.required:
            found.append((f"{name} is missing", value.isNull()))
        if column.min is not None:
            found.append((f"{name} is too low", value < column.min))
        if column.max is not None:
            found.append((f"{name} is too high", value > column.max))
        if column.allowed is not None:
            found.append((f"{name} is not allowed", ~value.isin(list(column.allowed))))
        if column.pattern is not None:
            found.append((f"{name} does not match", ~value.rlike(rf"^(?:{column.pattern})$")))
        if column.length is not None:
            length, most = F.char_length(value), column.length.max or 2**31
            found.append((f"{name} has a wrong length", (length < column.length.min) | (length > most)))
    return found + [(name, ~F.expr(check.holds)) for name, check in source.checks.items()]


def plain(lakehouse: Lakehouse, source: Source, to: str) -> None:
    """Read, cast, write."""
    cast(lakehouse.tables.read("bronze.readings"), source).write.format("delta").save(to)


def one_select(lakehouse: Lakehouse, source: Source, to: str) -> None:
    """Messages of all checks in one select; good and bad rows written."""
    messages = F.array_compact(F.array(*[F.when(fails, F.lit(message)) for message, fails in rules(source)]))
    checked = cast(lakehouse.tables.read("bronze.readings"), source).select("*", messages.alias("errors")).cache()
    checked.where(F.size("errors") == 0).drop("errors").write.format("delta").save(f"{to}_good")
    checked.where(F.size("errors") > 0).write.format("delta").save(f"{to}_bad")
    checked.unpersist()


def great_expectations(lakehouse: Lakehouse, source: Source, cast_at: str) -> None:
    """Its own validation of a table."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    asked: list[Any] = []
    for name, column in source.columns.items():
        if column.required:
            asked.append(gxe.ExpectColumnValuesToNotBeNull(column=name))
        if column.min is not None:
            asked.append(gxe.ExpectColumnValuesToBeBetween(column=name, min_value=column.min))
        if column.max is not None:
            asked.append(gxe.ExpectColumnValuesToBeBetween(column=name, max_value=column.max))
        if column.allowed is not None:
            asked.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.allowed)))
        if column.pattern is not None:
            asked.append(gxe.ExpectColumnValuesToMatchRegex(column=name, regex=f"^(?:{column.pattern})$"))
        if column.length is not None:
            asked.append(
                gxe.ExpectColumnValueLengthsToBeBetween(
                    column=name, min_value=column.length.min, max_value=column.length.max
                )
            )
    for check in source.checks.values():
        query = f"SELECT * FROM {{batch}} WHERE NOT ({check.holds})"
        asked.append(gxe.UnexpectedRowsExpectation(unexpected_rows_query=query))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_spark("spark", persist=False).add_dataframe_asset("readings")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
        {"dataframe": lakehouse.spark.read.format("delta").load(cast_at)}
    )
    result = batch.validate(gx.ExpectationSuite(name="readings", expectations=asked))
    assert len(result.results) == len(asked)  # noqa: S101
    assert not any(each.exception_info.get("raised_exception") for each in result.results)  # noqa: S101


def timed(lakehouse: Lakehouse, work: Callable[[], object]) -> dict[str, float]:
    """Seconds and Spark jobs of some work."""
    jobs, begun = jobs_so_far(lakehouse.spark), time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - begun, "spark_jobs": jobs_so_far(lakehouse.spark) - jobs}


def measured(rows: int) -> tuple[dict[str, dict[str, float]], int]:
    """Seconds and Spark jobs of each way, and how many rows were refused."""
    with tempfile.TemporaryDirectory() as folder:
        lakehouse = lakehouse_with(Path(folder), rows)
        source = lakehouse.config.sources["readings"]
        ways: dict[str, Callable[[], object]] = {
            "plain": lambda: plain(lakehouse, source, f"{folder}/plain"),
            "one select": lambda: one_select(lakehouse, source, f"{folder}/select"),
            "great expectations": lambda: great_expectations(lakehouse, source, f"{folder}/plain"),
        }
        with compiled(lakehouse.spark):  # as Spark does by default
            found = {name: timed(lakehouse, way) for name, way in ways.items()}
        found["assay"] = timed(lakehouse, lambda: silver.stage.run(lakehouse, NIGHT))
        kept = lakehouse.tables.read("silver.readings__history").count()
        refused = lakehouse.tables.read("silver.readings__quarantine").count()
        assert kept + refused == rows  # noqa: S101
        assert refused > 0  # noqa: S101
        return found, refused


def main() -> None:
    """Measure, and print a line each and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="100,000 rows")
    options.add_argument("--rows", type=int, help="as many rows")
    given = options.parse_args()
    rows = given.rows or (100_000 if given.small else 5_000_000)
    measured(20_000)  # to warm up
    found, refused = measured(rows)
    seconds = {name: figures["seconds"] for name, figures in found.items()}
    print(f"{rows:,} rows, {refused:,} of them refused")
    for name, figures in found.items():
        ratio = seconds[name] / seconds["plain"]
        print(f"{name:<20}{seconds[name]:8.1f} s {figures['spark_jobs']:5.0f} jobs  {ratio:6.2f} x plain")
    ratios = {
        "assay / plain": round(seconds["assay"] / seconds["plain"], 2),
        "one select / assay": round(seconds["one select"] / seconds["assay"], 2),
        "great expectations / assay": round(seconds["great expectations"] / seconds["assay"], 2),
    }
    print(json.dumps({"rows": rows, **found, "ratios": ratios}))


if __name__ == "__main__":
    main()
