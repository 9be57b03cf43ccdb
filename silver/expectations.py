"""A source's contract and the counts of one silver pass, as Great Expectations objects and Data Docs.

Great Expectations scans no data here: the silver stage has counted everything in its own pass, and this
module states the contract as an expectation suite and the counts as that suite's validation result. The
library is imported inside functions because importing it takes seconds.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from silver import data_docs
from silver.check_result import IDS, CheckResult, expectation_of, grouped, rejected_sql

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

__all__ = ["BatchResult", "CheckResult", "publish", "suite", "validation"]

_EXAMPLES = 5
_EXAMPLE_LENGTH = 200


@dataclass(frozen=True)
class BatchResult:
    """What a contract's checks found in one batch of a source."""

    lakehouse: str
    source: str
    description: str
    batch: int
    as_of: datetime
    run_id: str
    rows: int
    checks: tuple[CheckResult, ...]


def suite(source: str, checks: Iterable[CheckResult], description: str = "") -> "ExpectationSuite":
    """The contract of a source as an expectation suite; counts play no part in it.

    Equal contracts give equal suites: the ids in it are derived, not drawn.

    Args:
        source: Name of the source, and of the suite.
        checks: One result per check of the contract; `min` and `max` of a column become one expectation.
        description: What the source is, shown in the Data Docs.
    """
    from great_expectations.core import ExpectationSuite

    return ExpectationSuite(
        name=source,
        expectations=[expectation_of(source, group).configuration for group in grouped(checks)],
        notes=description or None,
        id=str(uuid.uuid5(IDS, source)),
    )


def validation(result: BatchResult) -> "ExpectationSuiteValidationResult":
    """The counts of a batch as the validation result of its source's suite."""
    from great_expectations import __version__ as version
    from great_expectations.core import ExpectationSuiteValidationResult

    results = [_result(result, group) for group in grouped(result.checks)]
    passed = sum(bool(each.success) for each in results)
    at = _utc(result.as_of).isoformat()
    return ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=result.source,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100.0 * passed / len(results) if results else None,
        },
        meta={
            "great_expectations_version": version,
            "run_id": {"run_name": f"run {result.run_id}", "run_time": at},  # the page takes a bare number for a date
            "validation_time": at,
            "active_batch_definition": {
                "datasource_name": result.lakehouse,
                "data_asset_name": result.source,
                "batch_identifiers": {"batch": result.batch},
            },
            "batch_spec": {
                "data_asset_name": f"silver.{result.source}",
                "batch": result.batch,
                "rows": result.rows,
            },
        },
    )


def publish(root: Path, results: Sequence[BatchResult]) -> Path:
    """Store suites and validation results in a Great Expectations project and bring its Data Docs up to date.

    Publishing a source, batch and run again replaces what was published. The work grows with `results`,
    not with what was published before.

    Args:
        root: The project's folder; nothing is written outside it.
        results: One per batch; the latest of a source decides what its suite page says.

    Returns:
        Path of the Data Docs' `index.html`.
    """
    pages = [
        data_docs.Page(
            entry=data_docs.Entry(
                lakehouse=result.lakehouse,
                source=result.source,
                description=result.description,
                batch=result.batch,
                as_of=_utc(result.as_of),
                run_id=result.run_id,
                rows=result.rows,
                checks=len(result.checks),
                failing=tuple((check.label, check.failed) for check in result.checks if check.failed),
            ),
            suite=suite(result.source, result.checks, result.description),
            validation=validation(result),
        )
        for result in results
    ]
    return data_docs.write(root, pages)


def _result(batch: BatchResult, group: Sequence[CheckResult]) -> "ExpectationValidationResult":
    """The counts of a group of checks as the result of its expectation."""
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    rows = max(check.evaluated for check in group)
    failed = sum(check.failed for check in group)
    missing = max(check.missing for check in group)
    present = max(rows - missing, failed)
    examples = [value for check in group for value in check.examples][:_EXAMPLES]
    counts: dict[str, object] = {
        "element_count": rows,
        "missing_count": missing,
        "missing_percent": _percent(missing, rows),
        "unexpected_count": failed,
        "unexpected_percent": _percent(failed, present),
        "unexpected_percent_total": _percent(failed, rows),
        "unexpected_percent_nonmissing": _percent(failed, present),
        "partial_unexpected_list": [_shortened(value) for value in examples],
    }
    if failed and group[0].check != "unique" and group[0].settings.get("severity") != "flag":
        table = f"silver.{batch.source}__quarantine"
        counts["unexpected_index_query"] = (
            f"SELECT * FROM {table} WHERE batch = {batch.batch} AND {rejected_sql(group)}"
        )
    return ExpectationValidationResult(
        success=not failed,
        expectation_config=expectation_of(batch.source, group).configuration,
        result=counts,
        meta={},
    )


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0


def _shortened(value: str) -> str:
    return value if len(value) <= _EXAMPLE_LENGTH else value[: _EXAMPLE_LENGTH - 1] + "…"


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
