"""`assay maintain --retain 30d`: few files of many, and none that only versions long gone have used."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from datetime import timedelta

from assay.catalog import tables_of
from assay.cli import parser, run
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.maintenance import check_retain, maintain
from assay.stages import run_stage
from assay.tables import SCHEMAS
from jobs.common import duration, open_from, show
from jobs.night.stages import LEDGER_NAMES

RETAIN = "30d"


def main(arguments: Sequence[str]) -> None:
    """Make few files of many in every table, and remove those that only older versions use; not while a night runs."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument(
        "--retain", type=duration, default=RETAIN, help="how long old versions can be read; at least 7d"
    )
    given = options.parse_args(arguments)
    check_retain(given.retain)
    lakehouse = open_from(given)
    with lease(lakehouse, LEDGER_NAMES):  # a table that is written meanwhile would be written twice
        as_of = lakehouse.control.clock().replace(microsecond=0)
        outcome = run_stage(lakehouse, "maintain", as_of, lambda outcome: _maintain(lakehouse, outcome, given.retain))
    show([outcome], as_json=given.json)


def _maintain(lakehouse: Lakehouse, outcome: Outcome, retain: timedelta) -> None:
    for schema in SCHEMAS:
        for name in tables_of(lakehouse, schema):
            table = f"{schema}.{name}"
            done = maintain(lakehouse, table, retain)
            merged, removed = done.merged.files - done.before.files, done.merged.files - done.after.files
            outcome.measure(table, files=done.after.files, merged=merged, removed=removed)
            outcome.measure(table, bytes_before=done.before.size, bytes_after=done.after.size)
            if merged or removed:
                outcome.notes.append(
                    f"{table}: {merged} new for many, {removed} removed; {done.after.files} files of "
                    f"{done.after.size / 2**20:,.1f} MB, where there were {done.before.files} of "
                    f"{done.before.size / 2**20:,.1f} MB"
                )


if __name__ == "__main__":
    raise SystemExit(run(main))
