"""What every stage shares: the lease, the clock, the count of Spark jobs, and the ledger's row."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from pyspark import inheritable_thread_target

from assay.errors import AssayError
from assay.explained import explaining, first_lines
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
    doing = f"stage {stage}, as of {as_of:%Y-%m-%dT%H:%MZ}"
    with explaining(lakehouse.root, doing), lease(lakehouse, [stage]):
        jobs_before = jobs_so_far(lakehouse.spark)
        context.setJobGroup(outcome.run_id, f"{stage} {as_of:%Y-%m-%d}")
        try:
            with explaining(lakehouse.root, doing):
                work(outcome)
            outcome.status = "done"
        except AssayError as error:
            outcome.status, outcome.error = "failed", str(error)
            raise
        except BaseException as error:
            outcome.status, outcome.error = "failed", repr(error)
            raise
        finally:
            outcome.ended_at = datetime.now(UTC)
            outcome.seconds = (outcome.ended_at - outcome.started_at).total_seconds()
            outcome.spark_jobs = jobs_so_far(lakehouse.spark) - jobs_before  # dbt's threads belong to no job group
            _record(lakehouse, outcome)
    logger.info("%s as of %s: %s in %.1f s", stage, as_of.isoformat(), outcome.status, outcome.seconds)
    return outcome


def _record(lakehouse: Lakehouse, outcome: Outcome) -> None:
    """Write the outcome to the ledger. Where a stage has failed, its own error is told, and not that of the ledger."""
    try:
        record(lakehouse, outcome)
    except Exception as error:
        if outcome.status != "failed":
            raise
        logger.warning("the failed run is not in the ledger: %s", first_lines(error))


def side_by_side(lakehouse: Lakehouse, work: Callable[[T], R], items: Sequence[T], workers: int = 2) -> list[R]:
    """`work` of every item, in order, in threads whose Spark jobs belong to the calling stage."""
    target = inheritable_thread_target(lakehouse.spark)(work)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(target, items))
