"""`assay audit replay --as-of 2013-03-07`: whether what models were given reads the same today, and told no future."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from datetime import timedelta

from assay.cli import parser, run
from assay.errors import ConfigError
from assay.times import parse_as_of
from gold.audit import SAMPLE, run_leaks, run_replay
from jobs.common import night, open_from, show

NIGHTS = 30


def main(arguments: Sequence[str]) -> None:
    """Hold the inputs of past predictions against retrieval today (replay), or a sample of the newest training set
    against what silver knew at each row's time, in plain Python (leaks).
    """
    options = parser(main.__doc__ or "")
    options.add_argument("audit", choices=["replay", "leaks"], help="what to audit")
    options.add_argument("--from", dest="first", help=f"replay: the first night; by default {NIGHTS} before the last")
    options.add_argument("--rows", type=int, default=SAMPLE, help="leaks: how many rows to work out again")
    given = options.parse_args(arguments)
    if given.rows < 1:
        raise ConfigError("An audit needs rows.", where="--rows", found=given.rows, expected="1 or more")
    lakehouse = open_from(given)
    last = night(given, lakehouse)
    if given.first:
        first = parse_as_of(given.first, lakehouse.config.file.night.as_of)
    else:
        first = last - timedelta(days=NIGHTS)
    for model in lakehouse.config.models.values():
        if given.audit == "replay":
            outcome = run_replay(lakehouse, model, first, last)
        else:
            outcome = run_leaks(lakehouse, model, last, given.rows)
        show([outcome], as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
