"""What every stage shares: the lease, the clock, the count of Spark jobs, and the ledger's row."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from pyspark import inheritable_thread_target

from assay.control import Control, ending
from assay.errors import AssayError, StoppedError
from assay.explained import explaining, first_lines
from assay.lakehouse import Lakehouse
from assay.lease import give_all_back, lease
from assay.ledger import Outcome, record
from assay.session import jobs_so_far
from assay.transient import transient
from assay.usage import used

logger = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


def run_stage(lakehouse: Lakehouse, stage: str, as_of: datetime, work: Callable[[Outcome], None]) -> Outcome:
    """Run a stage for one as_of and write its row to the ledger, also when it fails or is stopped.

    Args:
        lakehouse: The lakehouse.
        stage: The stage's name.
        as_of: The run's logical time, UTC.
        work: Does the work and fills the outcome that it is given.

    Raises:
        AssayError: What `work` raised; an error of Spark's own is told as a TableError.
        StoppedError: The process was told to stop.
        TimeLimitError: The run took longer than the night allows.
    """
    outcome = Outcome(stage, as_of)
    context = lakehouse.spark.sparkContext
    doing = f"stage {stage}, as of {as_of:%Y-%m-%dT%H:%MZ}"
    with explaining(lakehouse.root, doing), lease(lakehouse, [stage]):
        jobs_before, used_before = jobs_so_far(lakehouse.spark), used(lakehouse.spark)
        files_before = len(lakehouse.tables.written)
        context.setJobGroup(outcome.run_id, f"{stage} {as_of:%Y-%m-%d}")

        def end(error: BaseException | None) -> None:
            _end(outcome, error, lakehouse.control)
            outcome.spark_jobs = jobs_so_far(lakehouse.spark) - jobs_before  # dbt's threads belong to no job group
            usage = used(lakehouse.spark).since(used_before)
            outcome.cpu_seconds, outcome.shuffle_bytes = usage.cpu_seconds, usage.shuffle_bytes
            outcome.files_written = sum(lakehouse.tables.written[files_before:])
            _record(lakehouse, outcome)

        def leave(error: AssayError) -> None:
            end(error)
            give_all_back(lakehouse)
            print(f"assay: {error}", file=sys.stderr, flush=True)  # noqa: T201  # nothing after this tells it
            os._exit(error.exit_code)

        try:
            with ending(lakehouse.control, stage, context.cancelAllJobs, leave), explaining(lakehouse.root, doing):
                work(outcome)
        except BaseException as error:
            end(error)
            raise
        end(None)
    logger.info("%s as of %s: %s in %.1f s", stage, as_of.isoformat(), outcome.status, outcome.seconds)
    return outcome


def _end(outcome: Outcome, error: BaseException | None, control: Control) -> None:
    """Fill in how a run ended."""
    outcome.ended_at = datetime.now(UTC)
    outcome.seconds = (outcome.ended_at - outcome.started_at).total_seconds()
    outcome.status = "done" if error is None else "stopped" if isinstance(error, StoppedError) else "failed"
    if error is not None:
        outcome.error = str(error) if isinstance(error, AssayError) else repr(error)
    again = error is not None and control.attempt < control.attempts and transient(error)
    if again or control.attempt > 1:
        outcome.notes.append(
            f"attempt {control.attempt} of {control.attempts}" + (", to be tried again" if again else "")
        )


def _record(lakehouse: Lakehouse, outcome: Outcome) -> None:
    """Write the outcome to the ledger. Where a stage has failed, its own error is told, and not that of the ledger."""
    try:
        record(lakehouse, outcome)
    except Exception as error:
        if outcome.status == "done":
            raise
        logger.warning("the %s run is not in the ledger: %s", outcome.status, first_lines(error))


def side_by_side(lakehouse: Lakehouse, work: Callable[[T], R], items: Sequence[T], workers: int = 2) -> list[R]:
    """`work` of every item, in order, in threads whose Spark jobs belong to the calling stage."""
    target = inheritable_thread_target(lakehouse.spark)(work)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(target, items))
