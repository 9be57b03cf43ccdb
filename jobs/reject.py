"""`assay reject weather 9 --why 'degrees of another scale'`: set aside a batch that is wrong as a whole."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from dataclasses import asdict

from assay.cli import parser, run
from jobs.common import open_from
from silver.rejected import reject


def main(arguments: Sequence[str]) -> None:
    """Put on record that a batch which waits is wrong as a whole, by whom and why: the next silver run puts all its rows into
    quarantine, and goes on with those behind it.
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("source", help="the batch's source")
    options.add_argument("batch", type=int, help="the batch's number, as the error names it")
    options.add_argument("--why", required=True, help="the reason, for the record")
    options.add_argument(
        "--undo", action="store_true", help="take it back: a replay of the quarantine takes its rows in"
    )
    given = options.parse_args(arguments)
    made = reject(open_from(given), given.source, given.batch, given.why, undo=given.undo)
    if given.json:
        print(json.dumps(asdict(made), default=str))  # noqa: T201  # a command's answer
        return
    then = (
        f"; assay quarantine replay {made.source} --batch {made.batch} takes its rows in"
        if made.undone
        else "; the next silver run puts all its rows into quarantine"
    )
    print(f"{made.source} batch {made.batch}: {made}{then}")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(run(main))
