"""Counts of a checked batch, in two Spark jobs whatever the number of checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Source
from assay.tables import only_row, quoted
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

    reasons: Mapping[tuple[str, str | None], tuple[int, tuple[str, ...]]]
    """(check, column) -> rows rejected for it, and a few of the values."""


def count(checked: DataFrame, source: Source) -> Counts:
    """Count a checked batch (cached by the caller)."""
    columns = [*source.columns, *source.derived]
    accepted = F.col("reasons").isNull()
    row = only_row(
        checked.agg(
            F.count("*").alias("rows"),
            F.count("reasons").alias("rejected"),
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
        reasons=_reasons(checked) if row["rejected"] else {},
    )


def _reasons(checked: DataFrame) -> dict[tuple[str, str | None], tuple[int, tuple[str, ...]]]:
    rows = (
        checked.where(F.col("reasons").isNotNull())
        .select(F.explode("reasons").alias("reason"))
        .groupBy("reason.check", "reason.column")
        .agg(
            F.count("*").alias("rows"),
            F.slice(F.array_sort(F.collect_set("reason.value")), 1, EXAMPLES).alias("examples"),
        )
        .collect()
    )
    return {(row["check"], row["column"]): (row["rows"], tuple(row["examples"])) for row in rows}


def results(counts: Counts, checks: Sequence[Check], duplicates: int, key: Sequence[str]) -> tuple[CheckResult, ...]:
    """What each check found, for the expectation suite.

    Args:
        counts: The batch's counts.
        checks: The checks that were applied.
        duplicates: Accepted rows that are no new version of their key.
        key: The key's columns.
    """
    unreadable = counts.reasons.get(("record", None), (0, ()))[0]
    found = [
        CheckResult("record", None, {"description": "The raw record can be read"}, counts.rows, 0, unreadable),
        CheckResult(
            "unique", None, {"key": list(key), "severity": "flag"}, counts.rows - counts.rejected, 0, duplicates
        ),
    ]
    for check in checks:
        failed, examples = counts.reasons.get((check.name, check.column), (0, ()))
        missing = counts.missing.get(check.column, 0) - unreadable
        evaluated = counts.rows - unreadable
        found.append(
            CheckResult(check.name, check.column, check.settings, evaluated, max(missing, 0), failed, examples)
        )
    return tuple(found)
