"""`spark-submit jobs/bronze.py --conf-dir conf/flights --as-of 2013-03-01`: land new files of every source."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence

from assay.cli import parser, run
from bronze import stage
from jobs.common import night, open_from, show


def main(arguments: Sequence[str]) -> None:
    """Run the bronze stage."""
    given = parser(main.__doc__ or "").parse_args(arguments)
    lakehouse = open_from(given)
    show([stage.run(lakehouse, night(given, lakehouse))], as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
