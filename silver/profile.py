"""The numbers of a batch, night by night: one Spark job whatever the number of columns, metrics and nights."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Source
from assay.errors import ContractError, TableError, nearest
from assay.tables import quoted
from silver.metrics import ALWAYS, METRICS, Kind, Metric, Number, kind_of

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROW = ""
"""Stands for no column: what is measured of whole records."""

TEXT = 100
"""Of a long text so much is told."""

MAGNITUDES = ("mean", "stddev", "quantiles")
"""Say nothing of a number that identifies."""

Plan = Mapping[str, tuple[Metric, ...]]
"""Column -> the metrics it is measured by."""

Key = tuple[str, str, str]
"""Column, metric, label."""


@dataclass(frozen=True)
class Profile:
    """The numbers of one night's records in a batch."""

    batch: int
    night: datetime
    numbers: Mapping[Key, Number]


def check_baseline(source: Source) -> None:
    """ConfigError where a contract names a column or a metric that there is not."""
    wanted = source.baseline
    if wanted is None:
        return
    columns = [*source.columns, *source.derived]
    named = [("columns", name) for name in wanted.columns] + [("ignore", name) for name in wanted.ignore]
    for key, name in named:
        if name not in columns:
            raise source.error(
                f"The baseline names a column that there is not: {name}.", "baseline", key, name, found=name,
                expected=nearest(name, columns),
            )  # fmt: skip
    metrics = [("columns", name, metric) for name, metrics in wanted.columns.items() for metric in metrics]
    for *path, name in [*metrics, *(("floors", metric) for metric in wanted.floors)]:
        if name not in METRICS:
            raise source.error(
                f"There is no metric {name}.", "baseline", *path, found=name, expected=nearest(name, METRICS)
            )


def plan(source: Source, schema: T.StructType) -> Plan:
    """What is measured of a source's batches.

    Raises:
        ContractError: A metric is not for columns of that type.
    """
    wanted = source.baseline
    if wanted is None:
        return {}
    kinds: dict[str, Kind] = {name: kind_of(schema[name].dataType) for name in (*source.columns, *source.derived)}
    for name, metrics in wanted.columns.items():
        if misplaced := [metric for metric in metrics if kinds[name] not in METRICS[metric].of]:
            raise ContractError(
                f"The metric {misplaced[0]} cannot be measured of column {name} of source {source.name}.",
                where=source.at("baseline", "columns", name), found=schema[name].dataType.simpleString(),
                expected="one of " + ", ".join(metric.name for metric in _of(kinds[name])),
            )  # fmt: skip
    columns = {
        name: tuple(METRICS[metric] for metric in wanted.columns[name])
        if name in wanted.columns
        else tuple(metric for metric in _of(kind) if name not in source.key or metric.name not in MAGNITUDES)
        for name, kind in kinds.items()
        if name not in wanted.ignore
    }
    return {ROW: _of("row"), **columns}


def _of(kind: Kind) -> tuple[Metric, ...]:
    return tuple(metric for metric in METRICS.values() if kind in metric.of)


def night_of(available_at: datetime, night: time) -> datetime:
    """The first night that sees what became available then."""
    first = datetime.combine(EPOCH, night, tzinfo=UTC)
    return first - (first - available_at) // DAY * DAY


def measure(judged: DataFrame, wanted: Plan, night: time, batch: int, delivered: Iterable[datetime]) -> list[Profile]:
    """The numbers of a checked batch, oldest night first.

    Args:
        judged: The batch's rows with `reasons`, cached by the caller.
        wanted: What is measured.
        night: The lakehouse's nightly as_of.
        batch: The batch.
        delivered: When each of the batch's files became available; a night of empty files has no row, and is told.

    Raises:
        TableError: A metric was not evaluated.
    """
    needs = {name: make for metrics in wanted.values() for metric in metrics for name, make in metric.needs.items()}
    found = (
        judged.select(_night(night).alias("night"), F.inline(F.array(*_cells(judged.schema, wanted))))
        .groupBy("night", "column")
        .agg(*[make().alias(name) for name, make in {**ALWAYS, **needs}.items()])
        .collect()
    )
    nights: dict[datetime, dict[str, Mapping[str, Any]]] = {night_of(when, night): {} for when in delivered}
    for row in found:
        at = datetime.combine(EPOCH, night, tzinfo=UTC) + row["night"] * DAY
        nights.setdefault(at, {})[row["column"]] = row.asDict()
    return [Profile(batch, at, _numbers(nights[at], wanted, batch, at)) for at in sorted(nights)]


def load_sketches(spark: Any) -> None:
    """Load Spark's sketches, which tell standard error once what they cannot do with newer Javas; nobody asks for it."""
    java = spark._jvm.java
    errors = java.lang.System.err
    java.lang.System.setErr(java.io.PrintStream(java.io.OutputStream.nullOutputStream()))
    try:
        java.lang.Class.forName("org.apache.datasketches.memory.internal.ResourceImpl")
    finally:
        java.lang.System.setErr(errors)


def _night(night: time) -> SparkColumn:
    """`night_of` of a row, as days since the first night of 1970."""
    offset = int((datetime.combine(EPOCH, night, tzinfo=UTC) - EPOCH).total_seconds() * 1_000_000)
    return F.ceil((F.unix_micros("available_at") - F.lit(offset)) / F.lit(86_400_000_000.0)).cast("int")


def _cells(schema: T.StructType, wanted: Plan) -> list[SparkColumn]:
    accepted = F.col("reasons").isNull()

    def cell(name: str) -> SparkColumn:
        value = F.col(quoted(name)) if name else F.lit(None)
        kind = kind_of(schema[name].dataType) if name else "row"
        shown = accepted & value.isNotNull()
        return F.struct(
            F.lit(name).alias("column"),
            F.when(shown, value.cast("double") if kind == "number" else F.lit(None).cast("double")).alias("number"),
            F.when(shown, F.xxhash64(value) if name else F.lit(None).cast("bigint")).alias("hash"),
            F.when(shown, F.substring(value.cast("string"), 1, TEXT) if kind == "text" else F.lit(None).cast("string"))
            .alias("text"),
            (value.isNull() if name else ~accepted).alias("missing"),
        )  # fmt: skip

    return [cell(name) for name in wanted]


def _numbers(columns: Mapping[str, Mapping[str, Any]], wanted: Plan, batch: int, night: datetime) -> dict[Key, Number]:
    """The numbers of one night; of a night without a row, that there is none."""
    if not columns:
        return {(ROW, "rows", ""): Number(0)}
    numbers: dict[Key, Number] = {}
    for name, metrics in wanted.items():
        for metric in metrics:
            found = metric.measure(columns[name]) if name in columns else {}
            has_values = name == ROW or metric.name == "nulls" or (name in columns and columns[name]["values"])
            if has_values and not (found and all(math.isfinite(number.value) for number in found.values())):
                raise TableError(
                    f"The metric {metric.name} of {name or 'the records'} was not evaluated.",
                    where=f"batch {batch}, night of {night:%Y-%m-%d}", found=dict(found) or "no number",
                    expected="a finite number", do=f"leave the column out: baseline: {{ignore: [{name}]}}, or report this",
                )  # fmt: skip
            numbers.update({(name, metric.name, label): number for label, number in found.items()})
    return numbers
