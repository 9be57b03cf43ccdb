"""`assay rollback late_arrival --why "scores drifted"`: make the version before champion again."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from datetime import datetime

from assay.cli import parser, run
from assay.config import Model
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.times import nights, parse_as_of
from gold import datasets
from jobs.common import kept, model_of, open_from, show_change
from model import score
from model.promotion import LEASE, rollback

STAGES = ("scoring_set", "score")


def rescore(lakehouse: Lakehouse, model: Model, first: datetime, last: datetime) -> list[Outcome]:
    """Replace the champion's predictions of some nights by those of the version that is champion now."""
    outcomes: list[Outcome] = []
    for night in nights(first, last):
        outcomes += [
            datasets.run_scoring(lakehouse, model, night, kept(lakehouse)),
            score.run(lakehouse, model, night, rewrite=True),
        ]
    return outcomes


def main(arguments: Sequence[str]) -> None:
    """Make the version before champion again, on record, and score nights with it anew if asked."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("model", help="the model")
    options.add_argument("--why", required=True, help="the reason, for the record")
    options.add_argument("--rescore-from", help="first night whose predictions are replaced")
    options.add_argument("--rescore-to", help="last night whose predictions are replaced")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    model = model_of(lakehouse, given.model)
    asked = _range(lakehouse, given.rescore_from, given.rescore_to)
    with lease(lakehouse, (*LEASE, *STAGES)):
        made = rollback(lakehouse, model, given.why)
        outcomes = rescore(lakehouse, model, *asked) if asked else []
    otherwise = f"nothing to go back to: the newest change of {model.name} is a rollback already"
    show_change(made, otherwise, outcomes, as_json=given.json)


def _range(lakehouse: Lakehouse, first: str | None, last: str | None) -> tuple[datetime, datetime] | None:
    if (first is None) != (last is None):
        raise ConfigError("A range has two ends.", where="--rescore-from, --rescore-to", found=first or last)
    if first is None or last is None:
        return None
    at = lakehouse.config.file.night.as_of
    begins, ends = parse_as_of(first, at), parse_as_of(last, at)
    if ends < begins:
        raise ConfigError(
            "The range ends before it begins.", where="--rescore-from, --rescore-to", found=f"{first} to {last}"
        )
    return begins, ends


if __name__ == "__main__":
    raise SystemExit(run(main))
