"""A bronze batch to typed, derived and checked rows: one projection over another, no Spark job."""

from collections.abc import Mapping
from itertools import takewhile
from types import MappingProxyType

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.config import Source
from assay.config.origins import AvailableAfterEvent, AvailableColumn
from assay.errors import ContractError
from assay.sql_expression import NotAllowedError, row_expression
from assay.tables import literal, quoted
from silver.checks import Check, Value, checks_of
from silver.parse import are_plain, text_of, typed
from silver.references import with_referenced

NO_HISTORY: Mapping[str, DataFrame] = MappingProxyType({})
REASON = "struct<check: string, column: string, value: string, message: string, severity: string>"
ORIGIN = ("source_file", "source_position", "batch")


REJECTED = "rejected"
"""The check of a batch that somebody has rejected as a whole."""
KEPT = 1_000_000
"""Characters of an unreadable record that quarantine shows; bronze has them all. Rows are held in memory while judged."""


def register_functions(spark: SparkSession, time_zone: str) -> None:
    """The SQL functions that contracts may use beside Spark's own.

    `local_timestamp(day, minutes)` is the instant of a local wall-clock time in the lakehouse's zone, minutes after
    midnight; 1440 is the next midnight.
    """
    spark.sql(
        "CREATE OR REPLACE TEMPORARY FUNCTION local_timestamp(day DATE, minutes INT) RETURNS TIMESTAMP RETURN "
        f"to_utc_timestamp(CAST(day AS TIMESTAMP) + make_dt_interval(0, 0, minutes), {literal(time_zone)})"
    )


def check_batch(
    bronze: DataFrame,
    source: Source,
    time_zone: str,
    histories: Mapping[str, DataFrame] = NO_HISTORY,
    rejected: str | None = None,
) -> tuple[DataFrame, list[Check]]:
    """The rows of a batch with their values and, where they are rejected, why.

    Args:
        bronze: Rows of `bronze.<source>`.
        source: The contract.
        time_zone: The lakehouse's zone.
        histories: `silver.<source>__history` of the sources that the contract refers to, of those that have one.
        rejected: Why somebody has rejected the batch as a whole, if so: every row is rejected.

    Returns:
        A frame with the contract's columns, `valid_from`, where the record came from, `raw` (JSON of the raw values,
        or the text of a corrupt record; NULL where the row is accepted), `reasons` (NULL where it is) and `flags` (the
        checks that it breaks and is kept with, NULL for none), a row per bronze row; and the checks that were applied.
    """
    raw = {name: F.col(f"raw.{quoted(name)}") for name in source.columns}
    read = {name: F.col(quoted(name)) for name in source.columns}
    values = [
        Value(
            name,
            read[name] if column.type == "string" else text_of(f"raw.{quoted(name)}", source.nulls),
            read[name],
            column,
            time_zone,
        )
        for name, column in source.columns.items()
    ]
    texts = {name: text_of(quoted(name), source.nulls) for name in source.columns}
    plain = are_plain((column, texts[name]) for name, column in source.columns.items())
    parsed = bronze.select(
        F.struct(*[F.col(quoted(name)).alias(name) for name in source.columns]).alias("raw"),
        *[typed(texts[name], column, time_zone, plain).alias(name) for name, column in source.columns.items()],
        "corrupt", F.col("raw").alias("__raw"), "available_at", *ORIGIN,
    )  # fmt: skip
    for name, derived in source.derived.items():
        parsed = _derive(parsed, source, name, derived.expr)
    parsed = with_referenced(parsed, source, _valid_from(source, time_zone), histories)
    checks = checks_of(source, values)
    if not isinstance(source.come_from.available, str):
        unknown = _valid_from(source, time_zone).isNull()
        checks.append(Check("available", "valid_from", {}, unknown, "is unknown"))
    unreadable = F.array(
        F.struct(
            F.lit("record").alias("check"), F.lit(None).cast("string").alias("column"),
            F.lit(None).cast("string").alias("value"), F.col("corrupt").alias("message"),
            F.lit("quarantine").alias("severity"),
        ).cast(REASON)
    )  # fmt: skip
    readable, none = F.col("corrupt").isNull(), F.lit(None).cast(f"array<{REASON}>")
    rejecting, flagging = [item for item in checks if not item.flags], [item for item in checks if item.flags]
    if rejected is not None:
        rejecting = [*rejecting, Check(REJECTED, None, {}, F.lit(True), rejected)]
    broken, flagged = _any_fails(rejecting), readable & _any_fails(flagging)
    reasons = F.when(~readable, unreadable).when(broken, _failing(rejecting)).otherwise(none)
    kept = F.coalesce(F.substring("__raw", 1, KEPT), F.to_json(F.struct(*[raw[name].alias(name) for name in raw])))
    return parsed.select(
        *[quoted(name) for name in (*source.columns, *source.derived)],
        _valid_from(source, time_zone).alias("valid_from"),
        "available_at", *ORIGIN,
        F.when(~readable | broken, kept).alias("raw"),
        reasons.alias("reasons"),
        F.when(flagged, _failing(flagging)).otherwise(none).alias("flags"),
    ), checks  # fmt: skip


def accepted_rows(judged: DataFrame, source: Source) -> DataFrame:
    """The accepted rows of a batch that `check_batch` has judged, as people know them: values and where they came from."""
    names = [*source.columns, *source.derived]
    return judged.where(F.col("reasons").isNull()).select(*map(quoted, names), "valid_from", *ORIGIN)


def _any_fails(checks: list[Check]) -> SparkColumn:
    """Whether a row breaks one of some checks: found out first, as most rows break none."""
    return F.greatest(F.lit(False), F.lit(False), *[item.fails for item in checks])


def _failing(checks: list[Check]) -> SparkColumn:
    """The reasons of the checks that a row breaks."""
    reasons = F.array(*[F.when(item.fails, _reason(item)) for item in checks])
    return F.filter(reasons, lambda reason: reason.isNotNull()).cast(f"array<{REASON}>")


def label_of(reason: SparkColumn) -> SparkColumn:
    """`<check>:<column>` of a reason, or the check alone where it looks at no single column."""
    return F.concat_ws(":", reason["check"], reason["column"])


def _derive(frame: DataFrame, source: Source, name: str, expression: str) -> DataFrame:
    known = [*source.columns, *takewhile(lambda other: other != name, source.derived)]
    try:
        return frame.select("*", row_expression(expression, known).alias(name))
    except NotAllowedError as error:
        raise ContractError(
            f"The derived column {name} of source {source.name} cannot be computed.", where=source.at("derived", name),
            found=error.found, expected=error.expected,
        ) from error  # fmt: skip
    except Exception as error:
        raise ContractError(
            f"The derived column {name} of source {source.name} cannot be computed.",
            where=source.at("derived", name),
            found=f"{expression}: {str(error).splitlines()[0]}",
            expected="a Spark SQL expression over " + ", ".join(known),
        ) from error


def _valid_from(source: Source, time_zone: str) -> SparkColumn:
    """When a row became available; a column that is a date means the end of that day in the lakehouse's zone."""
    match source.come_from.available:
        case AvailableColumn(column=column) if source.columns[column].type == "date":
            return F.to_utc_timestamp(F.date_add(F.col(quoted(column)), 1).cast("timestamp"), time_zone)
        case AvailableColumn(column=column):
            return F.col(quoted(column)).cast("timestamp")
        case AvailableAfterEvent(after_event=delay):
            seconds = int(delay.total_seconds())
            return F.col(quoted(str(source.event_time))).cast("timestamp") + F.expr(f"INTERVAL {seconds} SECONDS")
    return F.col("available_at")


def _reason(item: Check) -> SparkColumn:
    return F.struct(
        F.lit(item.name).alias("check"), F.lit(item.column).alias("column"),
        (F.lit(None) if item.shown is None else item.shown).alias("value"), F.lit(item.message).alias("message"),
        F.lit(item.handling.severity).alias("severity"),
    ).cast(REASON)  # fmt: skip
