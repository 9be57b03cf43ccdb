"""`assay promote late_arrival --why "better on last week's outcomes"`: make the challenger champion."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence

from assay.cli import parser, run
from assay.lease import lease
from jobs.common import model_of, open_from, show_change
from model.promotion import LEASE, promote
from model.registry import CHALLENGER, CHAMPION


def main(arguments: Sequence[str]) -> None:
    """Give a version a role, on record: by default the challenger becomes champion, and what was champion is kept to go
    back to.
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("model", help="the model")
    options.add_argument("version", type=int, nargs="?", help="its version; by default the challenger")
    options.add_argument("--why", required=True, help="the reason, for the record")
    options.add_argument(
        "--as", dest="role", choices=[CHAMPION, CHALLENGER], default=CHAMPION, help="the role that it gets"
    )
    options.add_argument("--despite-gates", action="store_true", help="also a version that a gate has failed")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    model = model_of(lakehouse, given.model)
    with lease(lakehouse, LEASE):
        made = promote(
            lakehouse, model, given.version, given.why, role=given.role, despite_gates=given.despite_gates
        )  # fmt: skip
    show_change(made, otherwise=f"nothing to do: that version is {given.role} already", as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
