"""`spark-submit jobs/score.py --conf-dir conf/flights --as-of 2013-03-01`: write the predictions of a night."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from datetime import datetime

from assay.cli import parser, run
from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from gold import datasets
from jobs.common import kept, night, open_from, show
from model import score


def score_model(lakehouse: Lakehouse, model: Model, as_of: datetime, *, rewrite: bool = False) -> list[Outcome]:
    """Write a model's inputs for a night, its champion's predictions, and beside them those of a challenger."""
    outcomes = [
        datasets.run_scoring(lakehouse, model, as_of, kept(lakehouse), rewrite=rewrite),
        score.run(lakehouse, model, as_of, rewrite=rewrite),
    ]
    shadow = score.run_shadow(lakehouse, model, as_of, rewrite=rewrite)
    return outcomes if shadow is None else [*outcomes, shadow]


def main(arguments: Sequence[str]) -> None:
    """Write every model's predictions of a night; a night that is scored stays as it is."""
    options = parser(main.__doc__ or "")
    options.add_argument(
        "--rewrite", action="store_true", help="replace the night's predictions by those of the versions of today"
    )
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    for model in lakehouse.config.models.values():
        show(score_model(lakehouse, model, night(given, lakehouse), rewrite=given.rewrite), as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
