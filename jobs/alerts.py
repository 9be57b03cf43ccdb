"""`assay alerts --as-of 2013-03-07`: tell people what is wrong and what is over, each once."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from assay.alerts import record, tell
from assay.alerts.findings import of_night
from assay.alerts.message import bounded
from assay.alerts.problem import RESOLVED, Event, Incident
from assay.cli import parser, run
from assay.errors import AlertError, BusyError, ConfigError, StoppedError, nearest
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.text_table import text_table
from jobs import report
from jobs.common import night, open_from, show

logger = logging.getLogger(__name__)


def page(lakehouse: Lakehouse, as_of: datetime) -> str:
    """Where people open the page of a night."""
    path, base = report.page(lakehouse, as_of), lakehouse.environment.alerts.pages
    return f"{base.rstrip('/')}/{path.name}" if base else str(path)


def run_alerts(lakehouse: Lakehouse, as_of: datetime, error: BaseException | None) -> list[Outcome]:
    """Tell people of a night that has ended, also by an error; nothing where there is no channel.

    Never raises: what the night did is done, or has its own error.
    """
    if not lakehouse.environment.alerts.channels or isinstance(error, (KeyboardInterrupt, StoppedError)):
        return []
    at = datetime.now(UTC)
    try:
        return [tell.run(lakehouse, as_of, page(lakehouse, as_of), of_night(lakehouse.name, as_of, at, error))]
    except BusyError as busy:
        logger.warning("another process tells people: %s", bounded(busy.what))
        return []
    except Exception as broken:  # noqa: BLE001  # a full disk, say: then people are told all the same, without tables
        logger.warning("ops.alerts could not be used, and the night is told without it: %s", bounded(str(broken)))
        fates = tell.run_directly(lakehouse, as_of, page(lakehouse, as_of), error, broken)
        for name, why in fates.items():
            if why:
                logger.warning("the channel %s took no message: %s", name, why)
        return []


def main(arguments: Sequence[str]) -> None:
    """Send what is due for a night (by default), list the problems that are open (ls), declare one to be over that has no
    evidence any more (close), or send a test message by every channel (test).
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("do", nargs="?", choices=["send", "ls", "close", "test"], default="send", help="what to do")
    options.add_argument("problem", nargs="?", help="close: the problem, as ls tells it")
    options.add_argument("--as-of", help="send: a date (that night), or an instant, UTC")
    options.add_argument("--why", help="close: the reason, for the record")
    given = options.parse_args(arguments)
    if given.do == "send" and given.as_of is None:
        raise ConfigError("Of which night?", where="--as-of", do="assay alerts --as-of <date>")
    lakehouse = open_from(given)
    if not lakehouse.environment.alerts.channels:
        raise lakehouse.environment.error("This environment names no channel.", "alerts", "channels", do="docs/how-to.md has examples")  # fmt: skip
    match given.do:
        case "send":
            _send(lakehouse, night(given, lakehouse), as_json=given.json)
        case "ls":
            _list(lakehouse, as_json=given.json)
        case "close":
            _close(lakehouse, given.problem, given.why)
        case "test":
            _test(lakehouse, as_json=given.json)


def _send(lakehouse: Lakehouse, as_of: datetime, *, as_json: bool) -> None:
    outcome = tell.run(lakehouse, as_of, page(lakehouse, as_of))
    show([outcome], as_json=as_json)
    if failed := {made.target: "took no message" for made in outcome.metrics if made.metric == "failed" and made.value}:
        _refuse(lakehouse, failed)


def _list(lakehouse: Lakehouse, *, as_json: bool) -> None:
    found = sorted(_open(lakehouse), key=lambda one: (one.last.severity != "bad", one.last.since))
    if as_json:
        print(json.dumps([_as_dict(one) for one in found], default=str))  # noqa: T201
    elif found:
        rows = [list(_as_dict(one).values()) for one in found]
        print(text_table(list(_as_dict(found[0])), rows))  # noqa: T201
    else:
        print("no problem is open")  # noqa: T201


def _as_dict(incident: Incident) -> dict[str, object]:
    last = incident.last
    told = [name for name in last.channels if (last.alert_id, name) in incident.delivered]
    return {
        "problem": last.problem.id, "severity": last.severity, "since": f"{last.since:%Y-%m-%d}",
        "told": " ".join(told) or "nobody", "what": bounded(last.what),
    }  # fmt: skip


def _close(lakehouse: Lakehouse, problem: str | None, why: str | None) -> None:
    known = {one.last.problem.id: one for one in _open(lakehouse)}
    if problem not in known:
        raise ConfigError(
            "No such problem is open.", where="problem", found=problem, expected=nearest(problem or "", known) if known else "",
            do="assay alerts ls lists them",
        )  # fmt: skip
    if not (why or "").strip():
        raise ConfigError("A problem is closed for a reason.", where="--why")
    last = known[problem].last
    over: Event = replace(
        last, kind=RESOLVED, number=0, at=datetime.now(UTC), details="", do=f"Nothing: it was closed. {why}",
        channels=tuple(lakehouse.environment.alerts.channels),
    )  # fmt: skip
    record.write(lakehouse, [over], [])
    print(f"closed: {bounded(last.what)}\nthe channels are told with the next night")  # noqa: T201


def _test(lakehouse: Lakehouse, *, as_json: bool) -> None:
    fates = tell.run_test(lakehouse, datetime.now(UTC))
    if as_json:
        print(json.dumps(fates))  # noqa: T201
    else:
        for name, why in fates.items():
            print(f"{name}: {why or 'arrived'}")  # noqa: T201
    if failed := {name: why for name, why in fates.items() if why}:
        _refuse(lakehouse, failed)


def _refuse(lakehouse: Lakehouse, failed: dict[str, str]) -> None:
    raise AlertError(
        "Not every channel took its message.", where=lakehouse.environment.at("alerts", "channels"),
        found="; ".join(f"{name}: {why}" for name, why in failed.items()),
        do="put it right; what it has missed is sent with the next run",
    )  # fmt: skip


def _open(lakehouse: Lakehouse) -> list[Incident]:
    return [one for one in record.incidents(lakehouse).values() if one.is_open]


if __name__ == "__main__":
    raise SystemExit(run(main))
