"""`assay watch --as-of 2013-03-01`: compare a night with what it should be like, and put on record what was found."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from assay import ledger
from assay.cli import parser, run
from assay.config import LakehouseConfig
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.monitors import Night, Settings, evaluate, settings_of
from assay.printable import printable
from assay.stages import run_stage
from assay.text_table import text_table
from assay.watch import BAD, OK, UNKNOWN, WARN, WATCH, Finding, watched, write
from gold.outcomes import labels
from jobs.common import line, night, open_from
from model.monitors import Scored

STAGE = "watch"
Wanted = Mapping[str, Mapping[str, Settings]]
"""Model, or nothing for the lakehouse itself -> monitor -> its settings."""


def monitors_of(config: LakehouseConfig) -> Wanted:
    """What a lakehouse's files say is watched; ConfigError for a monitor that there is not, or settings that do not fit."""
    return {"": settings_of(config.file, "watch", config.file.watch, "lakehouse")} | {
        model.name: settings_of(model, "monitoring", model.monitoring, "model") for model in config.models.values()
    }


def run_watch(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Watch a night: a slice of `ops.watch`. A night stays as it was watched until something of it is done again.

    Raises:
        ConfigError: A monitor does not exist, or has settings that do not fit.
    """
    return run_stage(lakehouse, STAGE, as_of, partial(_watch, lakehouse))


def _watch(lakehouse: Lakehouse, outcome: Outcome) -> None:
    wanted, as_of = monitors_of(lakehouse.config), outcome.as_of
    seen = Night(lakehouse, as_of, _history(wanted[""]))
    key = _key(lakehouse, wanted, seen)
    if (as_of, key) in ledger.completed(lakehouse, STAGE, [as_of]):
        return
    found = list(evaluate(f"lakehouse:{lakehouse.name}", seen, wanted[""]))
    for model in lakehouse.config.models.values():
        known = partial(labels, lakehouse, model, as_of, model.slices)
        found += evaluate(f"model:{model.name}", Scored(lakehouse, model, seen, known), wanted[model.name])
    commit = write(lakehouse, as_of, outcome.run_id, found)
    counts = Counter(each.status for each in found)
    outcome.measure(
        lakehouse.name, rows=commit.rows, ok=counts[OK], warn=counts[WARN], bad=counts[BAD], unknown=counts[UNKNOWN]
    )
    outcome.notes += [each.why for each in found if each.status in (BAD, WARN)]
    outcome.targets.append(Target(lakehouse.name, key, WATCH, commit.version))


def _history(wanted: Mapping[str, Settings]) -> timedelta:
    """So far back the ledger is read: what the monitors ask for, and a week at least."""
    return max([timedelta(days=8), *(getattr(settings, "history", timedelta()) for settings in wanted.values())])


def _key(lakehouse: Lakehouse, wanted: Wanted, seen: Night) -> str:
    """What decides what is found of a night: the settings, what its stages did, and which versions of tables they made."""
    settings = {
        of: {name: each.model_dump(mode="json") for name, each in found.items()} for of, found in wanted.items()
    }
    stages = [
        (*key, found.status, sorted((*name, value) for name, value in found.numbers.items()))
        for key, found in sorted(seen.stages.items())
    ]
    ran = {stage for stage, _ in seen.stages}
    done = ledger.known(lakehouse, [seen.as_of]).done.items()
    made = sorted(
        (stage, made.table, made.version) for (stage, of, _), made in done if of == seen.as_of and stage in ran
    )
    return ledger.key_of(STAGE, settings, stages, made, seen.as_of)


def main(arguments: Sequence[str]) -> None:
    """Compare a night with what it should be like: what its feeds brought, drift of inputs and scores, realised quality,
    stages.
    """
    given = parser(main.__doc__ or "").parse_args(arguments)
    lakehouse = open_from(given)
    as_of = night(given, lakehouse)
    outcome = run_watch(lakehouse, as_of)
    found = [each for one in watched(lakehouse, as_of, as_of) for each in one.findings]
    if given.json:
        print(json.dumps({"as_of": as_of, "findings": [asdict(each) for each in found]}, default=str))  # noqa: T201
        return
    print(line(outcome))  # noqa: T201
    print(listed(found))  # noqa: T201


def listed(found: Sequence[Finding]) -> str:
    """What was found, in the terminal: what is not as it should be first."""
    order = (BAD, WARN, UNKNOWN, OK)
    rows = [
        [each.status, " ".join(each.key).strip(), printable(each.why)]
        for each in sorted(found, key=lambda one: (order.index(one.status), one.key))
    ]
    return text_table(["status", "what", "why"], rows)


if __name__ == "__main__":
    raise SystemExit(run(main))
