"""Counts of a checked batch, in two Spark jobs whatever the number of checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Source
from assay.errors import ContractError
from assay.frames import only_row
from assay.tables import quoted
from silver.check_result import CheckResult
from silver.checks import Check

EXAMPLES = 5


@dataclass(frozen=True)
class Counts:
    """What was counted in a batch."""

    rows: int
    rejected: int
    missing: Mapping[str, int]
    """Column -> rows in which it is NULL."""

    key_range: Mapping[str, tuple[Any, Any]]
    """Key column -> its least and greatest value among accepted rows."""

    first_valid: datetime | None
    """When the first accepted row became available; None when none was accepted."""

    flagged: int
    """Accepted rows that break a check and are kept."""

    failures: Mapping[tuple[str, str | None], tuple[int, tuple[str, ...]]]
    """(check, column) -> rows that break it, whether rejected or kept, and a few of the values."""


def count(checked: DataFrame, source: Source) -> Counts:
    """Count a checked batch (cached by the caller)."""
    columns = [*source.columns, *source.derived]
    accepted = F.col("reasons").isNull()
    row = only_row(
        checked.agg(
            F.count("*").alias("rows"),
            F.count("reasons").alias("rejected"),
            F.count("flags").alias("breaking flags"),
            F.count_if(accepted & F.col("flags").isNotNull()).alias("flagged"),
            *[F.count_if(F.col(quoted(name)).isNull()).alias(f"missing {name}") for name in columns],
            *[F.min(F.when(accepted, F.col(quoted(name)))).alias(f"least {name}") for name in source.key],
            *[F.max(F.when(accepted, F.col(quoted(name)))).alias(f"most {name}") for name in source.key],
            F.min(F.when(accepted, F.col("valid_from"))).alias("first valid"),
        )
    )
    return Counts(
        rows=row["rows"],
        rejected=row["rejected"],
        missing={name: row[f"missing {name}"] for name in columns},
        key_range={name: (row[f"least {name}"], row[f"most {name}"]) for name in source.key},
        first_valid=row["first valid"] and row["first valid"].replace(tzinfo=UTC),
        flagged=row["flagged"],
        failures=_failures(checked) if row["rejected"] or row["breaking flags"] else {},
    )


def _failures(checked: DataFrame) -> dict[tuple[str, str | None], tuple[int, tuple[str, ...]]]:
    nothing = F.array().cast(checked.schema["reasons"].dataType)
    broken = F.concat(F.coalesce("reasons", nothing), F.coalesce("flags", nothing))
    rows = (
        checked.where(F.col("reasons").isNotNull() | F.col("flags").isNotNull())
        .select(F.explode(broken).alias("reason"))
        .groupBy("reason.check", "reason.column")
        .agg(
            F.count("*").alias("rows"),
            F.slice(F.array_sort(F.collect_set("reason.value")), 1, EXAMPLES).alias("examples"),
        )
        .collect()
    )
    return {(row["check"], row["column"]): (row["rows"], tuple(row["examples"])) for row in rows}


def enforce(
    source: Source,
    batch: int,
    counts: Counts,
    checks: Sequence[Check],
    accepts: Callable[[Source, int, Check], bool] = lambda _source, _batch, _check: False,
) -> None:
    """ContractError if more rows of a batch break a check than its contract allows and nobody `accepts` it."""
    for check in checks:
        failed, examples = counts.failures.get((check.name, check.column), (0, ()))
        limit = check.handling.limit
        if failed > limit * counts.rows and not accepts(source, batch, check):
            among = "references" if check.name in source.references else "checks"
            path = ("columns", check.column, "on_fail") if check.column else (among, check.name)
            label = f"{check.column} {check.message}" if check.column else f"{check.name} {check.message}"
            raise ContractError(
                f"Batch {batch} of source {source.name} breaks its contract: {label}.",
                where=source.at(*path),
                found=f"{failed} of {counts.rows} rows ({failed / counts.rows:.2%})"
                + (f", such as {', '.join(map(repr, examples))}" if examples else ""),
                expected=f"at most {limit:.4g} of the rows" if limit else "no such row",
                do="no row of the batch was written to silver: look at it in bronze; then change the contract's check, "
                f"its severity or at_most, and run again; or assay reject {source.name} {batch} --why '…' sets it aside"
                + (
                    ""
                    if check.handling.severity == "fail"
                    else f", and assay accept {source.name} {batch} --why '…' takes it in"
                ),
            )


def results(counts: Counts, checks: Sequence[Check], duplicates: int, key: Sequence[str]) -> tuple[CheckResult, ...]:
    """What each check found, for the expectation suite.

    Args:
        counts: The batch's counts.
        checks: The checks that were applied.
        duplicates: Accepted rows that are no new version of their key.
        key: The key's columns.
    """
    unreadable = counts.failures.get(("record", None), (0, ()))[0]
    found = [
        CheckResult("record", None, {"description": "The raw record can be read"}, counts.rows, 0, unreadable),
        CheckResult(
            "unique", None, {"key": list(key), "severity": "flag"}, counts.rows - counts.rejected, 0, duplicates
        ),
    ]
    for check in checks:
        failed, examples = counts.failures.get((check.name, check.column), (0, ()))
        missing = counts.missing.get(check.column or "", 0) - unreadable
        evaluated = counts.rows - unreadable
        found.append(
            CheckResult(check.name, check.column, check.settings, evaluated, max(missing, 0), failed, examples)
        )
    return tuple(found)
