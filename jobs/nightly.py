"""`spark-submit jobs/nightly.py --conf-dir conf/flights --as-of 2013-03-01`: all stages of a night, in order."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Callable, Sequence
from datetime import datetime

import bronze.stage
import gold.stage
import silver.stage
from assay.cli import parser, run
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from jobs import dbt, report
from jobs.common import kept, night, open_from, show
from jobs.score import score_model
from jobs.train import check_promoted, train_model
from model.registry import champion, due, waiting
from model.roles import finish

STAGES = ("bronze", "silver", "features", "training_set", "train", "scoring_set", "score", "shadow", "dbt", "report")


def run_night(
    lakehouse: Lakehouse, as_of: datetime, progress: Callable[[str], None] = lambda _stage: None
) -> list[Outcome]:
    """Run a night: land, clean, build features, train if due, score, dbt, report.

    A training that fails its gates stops the night only if there is no champion to score with. The report is written
    also for a night that failed.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        progress: Is told each stage's name before it runs.
    """
    outcomes: list[Outcome] = []
    with lease(lakehouse, STAGES):
        try:
            for name, stage in (("bronze", bronze.stage.run), ("silver", silver.stage.run)):
                progress(name)
                outcomes.append(stage(lakehouse, as_of))
            progress("features")
            outcomes.append(gold.stage.run(lakehouse, as_of, kept=kept(lakehouse)))
            for model in lakehouse.config.models.values():
                finish(lakehouse, model)
                current = champion(lakehouse, model)
                if due(current, model, as_of, waiting(lakehouse, model)):
                    progress("train")
                    outcomes += train_model(lakehouse, model, as_of)
                    if current is None:
                        check_promoted(model, outcomes[-1])
                progress("score")
                outcomes += score_model(lakehouse, model, as_of)
            if lakehouse.config.file.dbt is not None:
                progress("dbt")
                outcomes.append(dbt.run_dbt(lakehouse, as_of))
        finally:
            progress("report")
            outcomes.append(report.run_report(lakehouse, as_of))
    return outcomes


def main(arguments: Sequence[str]) -> None:
    """Run all stages of a night, in order; running it again changes nothing."""
    given = parser(main.__doc__ or "").parse_args(arguments)
    lakehouse = open_from(given)
    show(run_night(lakehouse, night(given, lakehouse)), as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
