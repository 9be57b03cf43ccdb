"""`assay runs --failed`: what ran, from the ledger, the newest first."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from assay.cli import parser, run
from assay.config.environment import Prices
from assay.errors import ConfigError
from assay.printable import printable
from assay.redaction import redacted
from assay.report import text
from assay.runs import Run, recent
from assay.sizes import format_size
from assay.times import parse_as_of
from jobs.common import open_from

SHOWN = 20


def main(arguments: Sequence[str]) -> None:
    """List runs of the ledger, the newest first."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--stage", help="only runs of this stage, as the ledger calls it")
    options.add_argument("--as-of", help="only runs of this night: a date, or an instant, UTC")
    options.add_argument("--failed", action="store_true", help="only runs that failed or were stopped")
    options.add_argument("--usage", action="store_true", help="what they used and cost, instead of what they said")
    options.add_argument("--limit", type=int, default=SHOWN, help="at most so many")
    given = options.parse_args(arguments)
    if given.limit < 1:
        raise ConfigError("A list needs rows.", where="--limit", found=given.limit, expected="1 or more")
    lakehouse = open_from(given)
    as_of = parse_as_of(given.as_of, lakehouse.config.file.night.as_of) if given.as_of else None
    found = recent(lakehouse, stage=given.stage, as_of=as_of, failed=given.failed, limit=given.limit)
    if given.json:
        told = [{**asdict(one), **priced(one, lakehouse.environment.prices)} for one in found]
        print(json.dumps({"runs": told}, default=str))  # noqa: T201
        return
    Console().print(of_usage(found, lakehouse.environment.prices) if given.usage else listed(found))


def listed(found: Sequence[Run]) -> Table:
    """Runs in the terminal: one line each, and the first of its error."""
    made = Table(title=text.plural(len(found), "run"), title_justify="left", title_style="bold")
    right = ("seconds", "jobs", "in", "out")
    for name in ("stage", "night", "status", "began", *right, "said"):
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for one in found:
        made.add_row(
            text.of_model(one.stage, one.model), text.moment(one.as_of), one.status, text.moment(one.started_at),
            f"{one.seconds:.1f}", str(one.spark_jobs), text.count(one.rows_in), text.count(one.rows_out),
            said(one.error, one.notes),
        )  # fmt: skip
    return made


def priced(one: Run, prices: Prices | None) -> dict[str, float | None]:
    """What a run is estimated to have cost, and that for a million of the rows that it made."""
    cost = None if prices is None or one.cpu_seconds is None else prices.of(one.cpu_seconds)
    return {"cost": cost, "cost_per_million_rows": cost / one.rows_out * 1e6 if cost and one.rows_out else None}


def of_usage(found: Sequence[Run], prices: Prices | None) -> Table:
    """What runs used, one line each; what they cost, where the environment has prices."""
    made = Table(title=text.plural(len(found), "run"), title_justify="left", title_style="bold", box=SIMPLE)
    costs = (prices.currency, f"{prices.currency} per 1M") if prices else ()
    for name in ("stage", "night"):
        made.add_column(name, overflow="fold")
    for name in ("cpu s", "shuffled", "files", "rows", *costs):
        made.add_column(name, justify="right", no_wrap=True)
    for one in found:
        money = [text.amount(cost) for cost in priced(one, prices).values()] if prices else []
        shuffled = text.NOTHING if one.shuffle_bytes is None else format_size(one.shuffle_bytes)
        cpu = text.NOTHING if one.cpu_seconds is None else f"{one.cpu_seconds:.1f}"
        of, night = text.of_model(one.stage, one.model), text.moment(one.as_of)
        made.add_row(of, night, cpu, shuffled, text.count(one.files_written), text.count(one.rows_out), *money)
    return made


def said(error: str, notes: Sequence[str] = ()) -> str:
    """The first line of an error, and which attempt it was."""
    attempts = [note for note in notes if note.startswith("attempt ")]
    return printable(redacted("; ".join([*error.splitlines()[:1], *attempts])))


if __name__ == "__main__":
    raise SystemExit(run(main))
