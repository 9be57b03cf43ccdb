"""`spark-submit jobs/train.py --conf-dir conf/flights --as-of 2013-03-01`: train, judge and register the models."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from datetime import datetime

from assay.cli import parser, run
from assay.config import Model
from assay.errors import GateError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from gold import datasets
from jobs.common import kept, night, open_from, show
from model import train
from model.gates import check_gates


def train_model(lakehouse: Lakehouse, model: Model, as_of: datetime) -> list[Outcome]:
    """Write a model's training set as of a night and train on it; wrong gates are told before anything is done."""
    check_gates(model)
    return [datasets.run_training(lakehouse, model, as_of, kept(lakehouse)), train.run(lakehouse, model, as_of)]


def finish_or_train(lakehouse: Lakehouse, model: Model, as_of: datetime) -> list[Outcome]:
    """Finish a training that was cut off, if there is one; and train, unless it is of that night."""
    finished = train.finish(lakehouse, model, as_of)
    if finished is None:
        return train_model(lakehouse, model, as_of)
    return [finished] if finished.as_of == as_of else [finished, *train_model(lakehouse, model, as_of)]


def check_promoted(model: Model, outcome: Outcome) -> None:
    """Raise GateError if a training did not pass its gates."""
    if not outcome.total("passed"):
        failed = [each.label for each in outcome.metrics if each.metric == "gate_passed" and not each.value]
        told = [" ".join(note.split()) for note in outcome.notes if "FAILED" in note]
        raise GateError(
            f"The training of {model.name} was not promoted: it did not pass {', '.join(failed)}.",
            where=model.at("gates"),
            found="; ".join(told),
            do="the champion, if there is one, stays; look at the training in MLflow",
        )


def main(arguments: Sequence[str]) -> None:
    """Train every model of the lakehouse on what was known by a night; exit code 8 if a gate fails."""
    given = parser(main.__doc__ or "").parse_args(arguments)
    lakehouse = open_from(given)
    for model in lakehouse.config.models.values():
        outcomes = finish_or_train(lakehouse, model, night(given, lakehouse))
        show(outcomes, as_json=given.json)
        check_promoted(model, outcomes[-1])


if __name__ == "__main__":
    raise SystemExit(run(main))
