"""`assay drill bad-file`: rehearse a fault on a copy of the lakehouse, and see whether it is noticed and does no harm."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from assay.alerts.findings import STAGE as ALERTS
from assay.cli import parser, run
from assay.copies import SENT, check_copied, copy_of
from assay.errors import ConfigError, DrillError
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.printable import printable
from assay.redaction import redacted
from assay.runs import last_complete
from jobs import alerts, report
from jobs.common import as_dict, line, model_of, open_from
from jobs.drills import FAULTS, Rehearsal, Wish
from jobs.night.stages import LEDGER_NAMES, completing


def place(lakehouse: Lakehouse, fault: str) -> Path:
    """Where the copy of a drill lies: beside the lakehouses of the warehouse, under a name that none of them can have."""
    return lakehouse.place("").parent / ".drills" / f"{lakehouse.name}-{fault}"


def main(arguments: Sequence[str]) -> None:
    """Rehearse a fault on a copy of the lakehouse; exit code 11 if it goes unnoticed or does harm. The lakehouse itself is
    left alone, and nobody is told. The copy stays, to practise in, until the next drill of the same fault.
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument(
        "fault",
        choices=list(FAULTS),
        help="a file that is cut off, an input ten times what it was, trees too simple to pass",
    )
    options.add_argument("--source", help="bad-file: the source; by default the one that was delivered last")
    options.add_argument("--model", help="drift, gate: the model, where there are several")
    options.add_argument("--input", help="drift: the input; by default one that is as in training")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    if given.model is not None:
        model_of(lakehouse, given.model)
    to = place(lakehouse, given.fault)
    check_copied(lakehouse)
    with lease(lakehouse, [f"drill {given.fault}"]):
        as_of, copy = fresh_copy(lakehouse, to)
        alerts.run_alerts(copy, as_of, None)  # what is wrong already is told before
        (to / SENT).unlink(missing_ok=True)
        done = FAULTS[given.fault](Wish(copy, as_of, given.source, given.model, given.input))
    show(copy, given.fault, as_of, done, sent(to / SENT), as_json=given.json)
    if not done.held:
        raise DrillError(
            f"The drill {given.fault} was not held: {done.planted}.", where=str(to), found="; ".join(done.found),
            expected="that it is noticed and does no harm", do="docs/operations.md says for each drill what holds it",
        )  # fmt: skip


def fresh_copy(lakehouse: Lakehouse, to: Path) -> tuple[datetime, Lakehouse]:
    """The newest complete night, and a copy of the lakehouse as it stands between two runs."""
    with lease(lakehouse, [*LEDGER_NAMES, ALERTS]):
        as_of = last_complete(lakehouse, completing(lakehouse))
        if as_of is None:
            raise ConfigError(
                "No night is complete yet that a fault could come into.", where=lakehouse.root,
                do="run assay nightly first",
            )  # fmt: skip
        shutil.rmtree(to, ignore_errors=True)
        return as_of, copy_of(lakehouse, to)


def sent(file: Path) -> list[str]:
    """What the alerts of a copy would have told."""
    messages = [json.loads(text) for text in file.read_text().splitlines() if text] if file.exists() else []
    return [f"{alert['event']} ({alert['severity']}): {alert['what']}" for one in messages for alert in one["alerts"]]


def show(copy: Lakehouse, fault: str, as_of: datetime, done: Rehearsal, told: Sequence[str], *, as_json: bool) -> None:
    """Print what was planted and what came of it, or one JSON object."""
    page, conf = report.page(copy, as_of), copy.conf_dir
    practise = [f"assay {command} --conf-dir {conf}" for command in done.practise]
    if as_json:
        print(json.dumps({  # noqa: T201  # a command's answer
            "fault": fault, "as_of": as_of.isoformat(), "held": done.held, "planted": done.planted, "found": done.found,
            "alerts": told, "page": str(page), "conf_dir": str(conf), "practise": practise,
            "runs": [as_dict(outcome) for outcome in done.outcomes],
        }, default=str))  # fmt: skip
        return
    lines = [
        f"drill {fault} on a copy of {copy.name}, night of {as_of:%Y-%m-%d}",
        *(f"    {line(outcome)}" for outcome in done.outcomes),
        f"planted   {done.planted}",
        *(f"{'found' if not at else '':<10}{text}" for at, text in enumerate(done.found)),
        *(
            f"{'alerts' if not at else '':<10}{text}"
            for at, text in enumerate(told or ["none that had not been sent before"])
        ),
        f"page      {page}",
        *(f"{'practise' if not at else '':<10}{text}" for at, text in enumerate(practise)),
        f"held      {'yes' if done.held else 'no'}",
    ]
    for text in lines:
        print(printable(redacted(text)))  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(run(main))
