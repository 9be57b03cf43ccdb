"""Great Expectations suites that a contract names, run as they are on the accepted rows of a batch.

The library scans the rows itself, so only sources that name a suite pay for it. Its results stand in the Data Docs beside
those of the contract.
"""

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from assay.config import Source
from assay.config.suites import UserSuite
from assay.errors import ConfigError, ContractError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from silver import data_docs
from silver.check_result import IDS

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

_MOST_BYTES = 5_000_000
_LONGEST = 300
_one_at_a_time = threading.Lock()
"""The library keeps one project per process, and the Data Docs have one index."""


@dataclass(frozen=True)
class _Failure:
    """An expectation that was not met."""

    label: str
    why: str
    rows: int
    """Rows that it found wrong, 1 where it does not look at rows."""


def check_suites(source: Source, conf_dir: Path) -> None:
    """ConfigError unless every suite that a contract names is a file that can be one."""
    names = [item.name for item in source.expectations]
    for place, item in enumerate(source.expectations):
        if names.index(item.name) != place:
            raise source.error("Two suites have one name.", "expectations", place, found=item.suite)
        read_suite(source, place, item, conf_dir)


def read_suite(source: Source, place: int, item: UserSuite, conf_dir: Path) -> list[dict[str, Any]]:
    """The expectations of a suite's file, each a mapping with `type` and `kwargs`."""
    folder = conf_dir.resolve()
    path = (folder / item.suite).resolve()
    at = ("expectations", place)
    if not path.is_relative_to(folder) or not path.is_file():
        raise source.error("The suite is not there.", *at, found=str(path), expected=f"a file below {folder}")
    if path.stat().st_size > _MOST_BYTES:
        raise source.error("The suite is too large.", *at, found=f"{path.stat().st_size} bytes", expected=_MOST_BYTES)
    try:
        told = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise _no_suite(source, place, f"{path}: {error}") from error
    found = told.get("expectations") if isinstance(told, dict) else None
    if not isinstance(found, list) or not found or not all(_is_expectation(each) for each in found):
        raise _no_suite(source, place, str(path))
    return found


def _is_expectation(told: object) -> bool:
    return isinstance(told, dict) and isinstance(told.get("type"), str) and isinstance(told.get("kwargs", {}), dict)


def _no_suite(source: Source, place: int, found: str) -> ConfigError:
    return source.error(
        "The file is no suite of Great Expectations.", "expectations", place, found=found,
        expected='JSON as the library writes it: {"name": …, "expectations": [{"type": …, "kwargs": {…}}, …]}',
    )  # fmt: skip


def run_suites(
    lakehouse: Lakehouse, source: Source, batch: int, accepted: DataFrame, rows: int, outcome: Outcome
) -> None:
    """Run the suites that a contract names, and publish what they found.

    Raises:
        ContractError: An expectation of a suite whose `on_fail` is fail did not pass; nothing is written to silver.
    """
    broken: list[tuple[int, UserSuite, list[_Failure]]] = []
    for place, item in enumerate(source.expectations):
        expectations = read_suite(source, place, item, lakehouse.conf_dir)
        with _one_at_a_time:
            suite, result, failing = _validate(f"{source.name}.{item.name}", expectations, accepted)
            _publish(lakehouse, source, batch, item, suite, result, rows, failing, outcome)
        outcome.measure(
            source.name, batch, label=f"suite:{item.name}", expectations=len(expectations), unmet=len(failing)
        )
        if failing:
            broken.append((place, item, failing))
    for place, item, failing in broken:
        told = "; ".join(f"{each.label}: {each.why}" for each in failing)
        if item.on_fail == "fail":
            raise ContractError(
                f"Batch {batch} of source {source.name} breaks the suite {item.name}.",
                where=source.at("expectations", place), found=told, expected="every expectation of the suite met",
                do="no row of the batch was written to silver: look at it in bronze and at the Data Docs; then change the "
                "suite or its on_fail, and run again",
            )  # fmt: skip
        outcome.notes.append(f"{source.name}, batch {batch}: suite {item.name} is not met: {told}")


def _validate(
    name: str, expectations: Sequence[dict[str, Any]], rows: DataFrame
) -> "tuple[ExpectationSuite, ExpectationSuiteValidationResult, list[_Failure]]":
    """The suite, what the library finds of what it knows, and what was not met."""
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult

    known, failing = _known(name, expectations)
    suite = ExpectationSuite(name=name, expectations=known, id=str(uuid.uuid5(IDS, name)))
    context = _context()
    whole = (
        context.data_sources.add_spark(name, persist=False)
        .add_dataframe_asset("accepted")
        .add_batch_definition_whole_dataframe("batch")
    )
    before = _views(rows)
    try:
        found = whole.get_batch({"dataframe": rows}).validate(suite, result_format="SUMMARY")
    finally:
        for view in _views(rows) - before:
            rows.sparkSession.catalog.dropTempView(view)
    failing = [*(failure for each in found.results if (failure := _failure(each))), *failing]
    total, passed = len(expectations), len(expectations) - len(failing)
    statistics = {
        "evaluated_expectations": total, "successful_expectations": passed,
        "unsuccessful_expectations": len(failing), "success_percent": 100.0 * passed / total,
    }  # fmt: skip
    result = ExpectationSuiteValidationResult(
        success=not failing, results=found.results, suite_name=name, statistics=statistics, meta=found.meta
    )
    return suite, result, failing


def _known(
    name: str, expectations: Sequence[dict[str, Any]]
) -> "tuple[list[ExpectationConfiguration], list[_Failure]]":
    """The expectations that the library knows; a suite would leave out the others without a word."""
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    known, unknown = [], []
    for place, each in enumerate(expectations):
        told = {key: each[key] for key in ("meta", "description", "severity") if each.get(key) is not None}
        try:
            configured = ExpectationConfiguration(
                type=each["type"], kwargs=each.get("kwargs", {}), id=str(uuid.uuid5(IDS, f"{name} {place}")), **told
            )
            configured.to_domain_obj()
            known.append(configured)
        except (GreatExpectationsError, ValueError, TypeError) as error:
            unknown.append(_Failure(each["type"], f"could not be evaluated: {error}"[:_LONGEST], 1))
    return known, unknown


def _context() -> Any:
    """A project that lives as long as a call: nothing stored, nothing told to anybody, no progress bar."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    settings = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(), analytics_enabled=False)
    context = gx.get_context(mode="ephemeral", project_config=settings)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def _views(rows: DataFrame) -> set[str]:
    return {table.name for table in rows.sparkSession.catalog.listTables() if table.isTemporary}


def _failure(result: "ExpectationValidationResult") -> _Failure | None:
    """What is wrong with an expectation that was not met."""
    if result.success:
        return None
    configured = result.expectation_config
    kwargs = {name: value for name, value in configured.kwargs.items() if name != "batch_id"}
    column = kwargs.get("column")
    label = f"{configured.type}:{column}" if column else str(configured.type)
    if raised := _raised(result.exception_info or {}):
        return _Failure(label, f"could not be evaluated: {raised}"[:_LONGEST], 1)
    told = result.result
    if count := told.get("unexpected_count"):
        examples = ", ".join(map(repr, told.get("partial_unexpected_list", [])[:3]))
        why = f"{count} of {told.get('element_count', '?')} rows" + (f", such as {examples}" if examples else "")
        return _Failure(label, why[:_LONGEST], int(count))
    return _Failure(label, f"observed {told.get('observed_value')!r}, expected {kwargs}"[:_LONGEST], 1)


def _raised(info: Mapping[str, Any]) -> str:
    """What an expectation raised: the library tells it flat, or by metric."""
    if "raised_exception" in info:
        return str(info.get("exception_message") or "an error")[:_LONGEST] if info["raised_exception"] else ""
    return next((told for each in info.values() if isinstance(each, dict) and (told := _raised(each))), "")


def _publish(
    lakehouse: Lakehouse, source: Source, batch: int, item: UserSuite, suite: "ExpectationSuite",
    result: "ExpectationSuiteValidationResult", rows: int, failing: Sequence[_Failure], outcome: Outcome,
) -> None:  # fmt: skip
    at = outcome.as_of.isoformat()
    result.meta = {
        **result.meta,
        "run_id": {"run_name": f"run {outcome.run_id}", "run_time": at},
        "validation_time": at,
        "active_batch_definition": {
            "datasource_name": lakehouse.name, "data_asset_name": source.name, "batch_identifiers": {"batch": batch},
        },
        "batch_spec": {"data_asset_name": f"silver.{source.name}", "batch": batch, "rows": rows},
    }  # fmt: skip
    entry = data_docs.Entry(
        lakehouse=lakehouse.name, source=f"{source.name}.{item.name}",
        description=f"The suite {item.suite} on the accepted rows of {source.name}.", batch=batch,
        as_of=outcome.as_of, run_id=outcome.run_id, rows=rows, checks=result.statistics["evaluated_expectations"],
        failing=tuple((each.label, each.rows) for each in failing),
    )  # fmt: skip
    data_docs.write(lakehouse.folder("expectations"), [data_docs.Page(entry=entry, suite=suite, validation=result)])
