"""What every stage shares: the lease, the clock, the count of Spark jobs, and the ledger's row."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import inheritable_thread_target
from pyspark.errors import PySparkException

from assay.errors import AssayError, TableError
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome, record
from assay.session import jobs_so_far

logger = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


def run_stage(lakehouse: Lakehouse, stage: str, as_of: datetime, work: Callable[[Outcome], None]) -> Outcome:
    """Run a stage for one as_of and write its row to the ledger, also when it fails.

    Args:
        lakehouse: The lakehouse.
        stage: The stage's name.
        as_of: The run's logical time, UTC.
        work: Does the work and fills the outcome that it is given.

    Raises:
        AssayError: What `work` raised; an error of Spark's own is told as a TableError.
    """
    outcome = Outcome(stage, as_of)
    context = lakehouse.spark.sparkContext
    with lease(lakehouse, [stage]):
        jobs_before = jobs_so_far(lakehouse.spark)
        context.setJobGroup(outcome.run_id, f"{stage} {as_of:%Y-%m-%d}")
        try:
            work(outcome)
            outcome.status = "done"
        except AssayError as error:
            outcome.status, outcome.error = "failed", str(error)
            raise
        except (PySparkException, Py4JError) as error:
            outcome.status, outcome.error = "failed", _first_lines(error)
            raise TableError(
                f"Spark failed in stage {stage}.", where=f"as of {as_of:%Y-%m-%dT%H:%MZ}", found=_first_lines(error)
            ) from error
        except BaseException as error:
            outcome.status, outcome.error = "failed", repr(error)
            raise
        finally:
            outcome.ended_at = datetime.now(UTC)
            outcome.seconds = (outcome.ended_at - outcome.started_at).total_seconds()
            outcome.spark_jobs = jobs_so_far(lakehouse.spark) - jobs_before  # dbt's threads belong to no job group
            record(lakehouse, outcome)
    logger.info("%s as of %s: %s in %.1f s", stage, as_of.isoformat(), outcome.status, outcome.seconds)
    return outcome


def side_by_side(lakehouse: Lakehouse, work: Callable[[T], R], items: Sequence[T], workers: int = 2) -> list[R]:
    """`work` of every item, in order, in threads whose Spark jobs belong to the calling stage."""
    target = inheritable_thread_target(lakehouse.spark)(work)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(target, items))


def _first_lines(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip() and "JVM stacktrace" not in line]
    return " ".join(lines[:3])[:500]
