"""`assay status`: how the stages of the night stand, what is running, what is due."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from assay.cli import parser, run
from assay.lakehouse import Lakehouse
from assay.lease import held
from assay.report import text
from assay.runs import Standing, last_complete, standings
from assay.times import last_night, missed
from jobs.common import open_from, set_now
from jobs.night.stages import LEDGER_NAMES, completing
from jobs.runs import said


@dataclass(frozen=True)
class Running:
    """A process that holds leases."""

    host: str
    pid: int
    since: datetime
    stages: tuple[str, ...]
    ended: tuple[str, ...]
    """Those of them that have ended since it began."""


@dataclass(frozen=True)
class Status:
    """How a lakehouse stands at a moment."""

    now: datetime
    stages: tuple[Standing, ...]
    running: tuple[Running, ...]
    last_complete: datetime | None
    due: tuple[datetime, ...]
    """Nights that are due and not complete, oldest first."""
    next: datetime
    """The night after those."""


def main(arguments: Sequence[str]) -> None:
    """Say how each stage of the night stands, since when it fails, what is running, and which nights are due."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--now", help="the instant to take for now, UTC")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    set_now(lakehouse, given.now)
    found = status(lakehouse)
    if given.json:
        print(json.dumps(asdict(found), default=str))  # noqa: T201
        return
    console = Console()
    console.print(listed(found.stages))
    for line in told(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def status(lakehouse: Lakehouse) -> Status:
    """How a lakehouse stands, from its ledger and its leases; nothing is written."""
    now = lakehouse.control.clock()
    stages = standings(lakehouse, LEDGER_NAMES)
    stages.sort(key=lambda one: (LEDGER_NAMES.index(one.stage), one.model or ""))
    complete = last_complete(lakehouse, completing(lakehouse))
    newest = last_night(now, lakehouse.config.file.night.as_of)
    due = () if complete is not None and complete >= newest else (*missed(newest, complete), newest)
    return Status(now, tuple(stages), running(held(lakehouse), stages), complete, due, newest + timedelta(days=1))


def running(leases: Sequence[Mapping[str, Any]], stages: Sequence[Standing]) -> tuple[Running, ...]:
    """The processes that hold leases, each with what it has done so far."""
    holders = sorted({(row["taken_at"].replace(tzinfo=UTC), row["host"], row["pid"]) for row in leases})
    found = []
    for since, host, pid in holders:
        mine = {row["stage"] for row in leases if (row["host"], row["pid"]) == (host, pid)}
        ended = [one.stage for one in stages if one.stage in mine and one.started_at >= since]
        order = [name for name in LEDGER_NAMES if name in mine] + sorted(mine - {*LEDGER_NAMES})
        found.append(Running(host, pid, since, tuple(order), tuple(dict.fromkeys(ended))))
    return tuple(found)


def listed(stages: Sequence[Standing]) -> Table:
    """The stages in the terminal."""
    made = Table(title="Stages, at their newest night", title_justify="left", title_style="bold")
    for name in ("stage", "night", "status", "began", "seconds", "runs", "failing since", "said"):
        made.add_column(name, justify="right" if name in ("seconds", "runs") else "left", overflow="fold")
    for one in stages:
        made.add_row(
            text.of_model(one.stage, one.model), text.moment(one.as_of), one.status, text.moment(one.started_at),
            f"{one.seconds:.1f}", str(one.runs), text.moment(one.failing_since), said(one.error),
        )  # fmt: skip
    return made


def told(found: Status) -> list[str]:
    """What runs, and what is due."""
    lines = [
        f"Running: {', '.join(one.stages)}, by process {one.pid} on {one.host} since {text.moment(one.since)}"
        + (f"; ended so far: {', '.join(one.ended)}" if one.ended else "")
        for one in found.running
    ]
    complete = (
        f"The last complete night is {text.moment(found.last_complete)}."
        if found.last_complete
        else "No night is complete."
    )
    due = f" Due: {len(found.due)}, since {text.moment(found.due[0])}." if found.due else " Nothing is due."
    return [*(lines or ["Nothing is running."]), f"{complete}{due} The next night is {text.moment(found.next)}."]


if __name__ == "__main__":
    raise SystemExit(run(main))
