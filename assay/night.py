"""Runs the tasks of a night, one after the other: what is done is skipped, what may pass is tried again."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.dag import RUN, State, Task
from assay.errors import AssayError, StoppedError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.times import format_duration
from assay.transient import transient

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """What became of a task."""

    task: Task
    state: State
    outcomes: Sequence[Outcome] = ()
    error: Exception | None = None
    blocked: bool = False
    """It was left out, as what it needs has failed."""


def run_tasks(
    lakehouse: Lakehouse,
    as_of: datetime,
    tasks: Sequence[Task],
    begins: Callable[[str], None] = lambda _stage: None,
    ended: Callable[[Ended], None] = lambda _ended: None,
) -> list[Outcome]:
    """Run the tasks of a night in order. Where one fails, those that need it are left out, and the others go on.

    Args:
        lakehouse: The lakehouse, its leases held.
        as_of: The night.
        tasks: What there is to do.
        begins: Is told each stage's name before it runs.
        ended: Is told what became of each task.

    Raises:
        StoppedError: The process was told to stop; nothing further was begun.
        Exception: What the first task that failed raised, once all have ended.
    """
    outcomes: list[Outcome] = []
    errors: list[Exception] = []
    lost: set[str] = set()
    for task in tasks:
        if lacking := [need for need in task.needs if str(need) in lost]:
            lost.add(str(task))
            ended(Ended(task, State("not due", f"{lacking[0]} is not done"), blocked=True))
            continue
        try:
            one = _run(lakehouse, as_of, task, begins)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  # raised below
            lost.add(str(task))
            errors.append(error)
            one = Ended(task, RUN, error=error)
        outcomes += one.outcomes
        ended(one)
    if errors:
        raise errors[0]
    return outcomes


def _run(lakehouse: Lakehouse, as_of: datetime, task: Task, begins: Callable[[str], None]) -> Ended:
    """Run a task unless it has nothing to do, and again where its error may pass."""
    night, control, attempt = lakehouse.config.file.night, lakehouse.control, 1
    while True:
        control.check()
        control.limit = night.limits.get(task.stage.name, task.stage.limit)
        control.attempt, control.attempts = attempt, night.attempts
        try:
            state = task.state(lakehouse, as_of)
            if state.what != RUN.what:
                return Ended(task, state)
            begins(task.stage.name)
            return Ended(task, state, task.run(lakehouse, as_of))
        except AssayError as error:
            if attempt == night.attempts or not transient(error):
                raise
            wait = night.backoff * 2 ** (attempt - 1)
            logger.warning("%s: %s Tried again in %s.", task, error.what, format_duration(wait))
        finally:
            control.limit, control.attempt, control.attempts = None, 1, 1
        control.sleep(wait)
        attempt += 1
