"""`assay accept weather 9 --why 'a heat wave'`: have the next silver run take in a batch that it has stopped."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from dataclasses import asdict

from assay.cli import parser, run
from jobs.common import open_from
from silver.accepted import accept


def main(arguments: Sequence[str]) -> None:
    """Put on record that a batch which silver has stopped is to be taken in, by whom and why."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("source", help="the batch's source")
    options.add_argument("batch", type=int, help="the batch's number, as the error names it")
    options.add_argument("--why", required=True, help="the reason, for the record")
    given = options.parse_args(arguments)
    made = accept(open_from(given), given.source, given.batch, given.why)
    if given.json:
        print(json.dumps(asdict(made), default=str))  # noqa: T201  # a command's answer
        return
    when = "; the next silver run takes it in" if made.new else ", as it was on record already"
    print(f"{made.source} batch {made.batch}, stopped by {', '.join(made.stopped_by)}: {made}{when}")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(run(main))
