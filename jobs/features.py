"""`spark-submit jobs/features.py --conf-dir conf/flights --as-of 2013-03-01`: build the feature tables of a night."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence

from assay.cli import parser, run
from gold import stage
from jobs.common import kept, night, open_from, show


def main(arguments: Sequence[str]) -> None:
    """Build the feature tables as of a night."""
    given = parser(main.__doc__ or "").parse_args(arguments)
    lakehouse = open_from(given)
    show([stage.run(lakehouse, night(given, lakehouse), kept=kept(lakehouse))], as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
