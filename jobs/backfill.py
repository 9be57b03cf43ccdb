"""`assay backfill --from 2013-02-01 --to 2013-03-01`: history in one pass, without training or scoring."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from datetime import datetime

import bronze.stage
import gold.stage
import silver.stage
from assay.cli import parser, run
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.times import nights, parse_as_of
from jobs.common import kept, open_from, show


def run_backfill(lakehouse: Lakehouse, first: datetime, last: datetime, *, rewrite: bool = False) -> list[Outcome]:
    """Land and clean what was delivered by the last night, then build the features of every night of the range.

    With `rewrite` also the features of nights that are done, of what silver says today of what was available then. Bronze is
    what was delivered and stays; a replay of the quarantine cleans batches anew.

    Raises:
        ConfigError: The range ends before it begins.
    """
    if last < first:
        raise ConfigError("The range ends before it begins.", where="--from, --to", found=f"{first} to {last}")
    with lease(lakehouse, ("bronze", "silver", "features")):
        return [
            bronze.stage.run(lakehouse, last),
            silver.stage.run(lakehouse, last),
            gold.stage.run(lakehouse, last, nights(first, last), kept=kept(lakehouse), rewrite=rewrite),
        ]


def main(arguments: Sequence[str]) -> None:
    """Land, clean and build the features of every night of a range; nights that are done stay as they are."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--from", dest="first", required=True, help="first night")
    options.add_argument("--to", dest="last", required=True, help="last night")
    options.add_argument("--rewrite", action="store_true", help="replace the features of nights that are done")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    at = lakehouse.config.file.night.as_of
    first, last = parse_as_of(given.first, at), parse_as_of(given.last, at)
    show(run_backfill(lakehouse, first, last, rewrite=given.rewrite), as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
