"""`spark-submit jobs/nightly.py --conf-dir conf/flights --as-of 2013-03-01`: the stages of a night, in order."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import argparse
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from assay.alerts.findings import STAGE as ALERTS
from assay.catalog import is_shared, register
from assay.cli import parser, run
from assay.control import stoppable
from assay.dag import Stage, State, Task, check_limits, tasks, until
from assay.errors import BusyError, ConfigError, StoppedError
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.night import Ended, run_tasks
from assay.printable import printable
from assay.runs import last_complete
from assay.times import last_night, missed, parse_as_of
from jobs import alerts, metrics
from jobs.common import as_dict, open_from, set_now, show
from jobs.night.stages import LEDGER_NAMES, STAGES, completing

logger = logging.getLogger(__name__)


def run_night(
    lakehouse: Lakehouse,
    as_of: datetime,
    progress: Callable[[str], None] = lambda _stage: None,
    *,
    stages: Sequence[Stage] = STAGES,
    ended: Callable[[Ended], None] = lambda _ended: None,
) -> list[Outcome]:
    """Run a night, stage by stage. What is done is skipped; where a stage fails, those that need it are left out.

    A training that fails its gates is a failure only if there is no champion to score with. The night is watched, its
    report written, and where all its stages are wanted alerts are sent and metrics written, also where it failed. Where a
    Hive metastore keeps the tables' names, it has all of them in the end.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        progress: Is told each stage's name before it runs.
        stages: Those of the night that are wanted, in order.
        ended: Is told what became of each stage.

    Raises:
        AssayError: What the first stage that failed raised.
    """
    check_limits(STAGES, lakehouse.config.file)
    wanted = tasks(stages, [*lakehouse.config.models.values()])
    with lease(lakehouse, [*LEDGER_NAMES, ALERTS]):
        outcomes: list[Outcome] = []
        try:
            outcomes += run_tasks(lakehouse, as_of, wanted, progress, ended)
            if is_shared(lakehouse):
                register(lakehouse)
        finally:
            if len(stages) == len(STAGES):
                outcomes += alerts.run_alerts(lakehouse, as_of, sys.exception())
                metrics.write_metrics(lakehouse, as_of)
        return outcomes


def run_nights(
    lakehouse: Lakehouse, nights: Sequence[datetime], stages: Sequence[Stage], ended: Callable[[datetime, Ended], None]
) -> None:
    """Run nights in order. One that fails does not hold up those after it; its error is raised at the end."""
    first: Exception | None = None
    for as_of in nights:
        try:
            run_night(lakehouse, as_of, stages=stages, ended=lambda one, as_of=as_of: ended(as_of, one))  # type: ignore[misc]
        except (StoppedError, BusyError, ConfigError):
            raise
        except Exception as error:  # noqa: BLE001  # raised below
            first = first or error
    if first is not None:
        raise first


def nights_due(lakehouse: Lakehouse, now: datetime) -> tuple[list[datetime], list[datetime]]:
    """The nights to run: the newest that is due, and before it those missed since the last complete one.

    Returns:
        Those to run, oldest first, and the missed ones that are too many to be run by themselves.
    """
    night = lakehouse.config.file.night
    due = last_night(now, night.as_of)
    before = missed(due, last_complete(lakehouse, completing(lakehouse)))
    kept = len(before) - min(len(before), night.catch_up)
    return [*before[kept:], due], before[:kept]


def main(arguments: Sequence[str]) -> None:
    """Run the stages of a night, in order; running it again changes nothing. Without --as-of, run the newest night that is
    due, and before it those that were missed since the last complete one.
    """
    options = parser(main.__doc__ or "", as_of=False)
    names = [stage.name for stage in STAGES]
    options.add_argument("--as-of", help="a date (that night), or an instant, UTC; by default all that is due")
    some = options.add_mutually_exclusive_group()
    some.add_argument(
        "--until",
        choices=names,
        metavar="STAGE",
        help="run this stage and what it waits for; catches up no other night",
    )
    some.add_argument("--only", choices=names, metavar="STAGE", help="run this stage alone; catches up no other night")
    options.add_argument("--dry-run", action="store_true", help="say what would be done; run and write nothing")
    options.add_argument("--now", help="the instant to take for now, UTC, to rehearse what a schedule would do")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    check_limits(STAGES, lakehouse.config.file)
    set_now(lakehouse, given.now)
    _ = lakehouse.spark  # before the signals' handlers: it has its own
    with stoppable(lakehouse.control):
        stages, nights = chosen(given), asked_for(given, lakehouse)
        if given.dry_run:
            show_plan(lakehouse, nights, stages, as_json=given.json)
            return
        done: list[tuple[datetime, Ended]] = []

        def ended(as_of: datetime, one: Ended) -> None:
            done.append((as_of, one))
            if not given.json:
                tell(as_of, one)

        run_nights(lakehouse, nights, stages, ended)
        if given.json:
            runs = [as_dict(outcome) for _, one in done for outcome in one.outcomes]
            skipped = [planned(as_of, one.task, one.state) for as_of, one in done if one.state.what != "would run"]
            print(json.dumps({"runs": runs, "skipped": skipped}, default=str))  # noqa: T201


def chosen(given: argparse.Namespace) -> Sequence[Stage]:
    """The stages that the arguments ask for."""
    if given.until:
        return until(STAGES, given.until)
    return [stage for stage in STAGES if given.only in (None, stage.name)]


def asked_for(given: argparse.Namespace, lakehouse: Lakehouse) -> list[datetime]:
    """The nights that the arguments ask for, oldest first."""
    if given.as_of:
        return [parse_as_of(given.as_of, lakehouse.config.file.night.as_of)]
    now = lakehouse.control.clock()
    if given.until or given.only:
        return [last_night(now, lakehouse.config.file.night.as_of)]
    nights, left_out = nights_due(lakehouse, now)
    if left_out:
        first, last = (f"{night.astimezone(UTC):%Y-%m-%d}" for night in (left_out[0], left_out[-1]))
        logger.warning(
            "%d missed nights, %s to %s, are more than night.catch_up and are left out. To fill them: assay backfill "
            "--from %s --to %s --stages bronze,silver,features,score",
            len(left_out), first, last, first, last,
        )  # fmt: skip
    return nights


def tell(as_of: datetime, one: Ended) -> None:
    """Print what became of a stage, unless it was simply not due."""
    show(one.outcomes, as_json=False)
    if one.error is not None:
        first = printable(str(one.error).splitlines()[0] if str(one.error) else repr(one.error))
        print(f"{one.task!s:<12} {as_of:%Y-%m-%d %H:%M}Z  FAILED: {first}")  # noqa: T201
    elif one.state.what == "already complete" or one.blocked:
        print(f"{one.task!s:<12} {as_of:%Y-%m-%d %H:%M}Z  {one.state.what}: {one.state.why}")  # noqa: T201
    sys.stdout.flush()


def planned(as_of: datetime, task: Task, state: State) -> dict[str, object]:
    """What a stage would do, for machines."""
    model = None if task.model is None else task.model.name
    return {"as_of": as_of.isoformat(), "stage": task.stage.name, "model": model, "state": state.what, "why": state.why}


def show_plan(lakehouse: Lakehouse, nights: Sequence[datetime], stages: Sequence[Stage], *, as_json: bool) -> None:
    """Print what each stage would do, as things stand now."""
    plan = [
        (as_of, task, task.state(lakehouse, as_of))
        for as_of in nights
        for task in tasks(stages, [*lakehouse.config.models.values()])
    ]
    if as_json:
        print(json.dumps({"plan": [planned(*each) for each in plan]}))  # noqa: T201
        return
    for as_of, task, state in plan:
        why = f": {state.why}" if state.why else ""
        print(f"{task!s:<23} {as_of:%Y-%m-%d %H:%M}Z  {state.what}{why}")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(run(main))
