"""`assay backfill --from 2013-02-01 --to 2013-03-01`: history in one pass, without training or scoring."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import bronze.stage
import gold.stage
import silver.stage
from assay.cli import parser, run
from assay.dag import RUN, Stage, Task, tasks
from assay.errors import ConfigError, StoppedError
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.night import Ended, run_tasks
from assay.times import nights, parse_as_of
from jobs.common import kept, open_from, show
from jobs.night.stages import STAGES
from jobs.nightly import tell
from jobs.score import score_model

TOGETHER = ("bronze", "silver", "features")
"""Stages that are done for many nights together, and by default."""
NIGHTS_OF_A_PASS = 122
"""What a kill may cost: so many nights' features are built together. A year's are three passes."""
AFTERWARDS = ("score", "dbt")
"""Stages that can be asked for besides: scores night by night, dbt once for the last night."""


def run_backfill(
    lakehouse: Lakehouse, first: datetime, last: datetime, *, stages: Sequence[str] = TOGETHER, rewrite: bool = False,
    ended: Callable[[datetime, Ended], None] = lambda _as_of, _ended: None,
) -> list[Outcome]:  # fmt: skip
    """Land and clean what was delivered by the last night, build the features of every night of the range, many in a pass, and
    where it is asked for score each night by the versions of today, then build dbt's models. A pass is on record at its end:
    after a kill the same call goes on with the next.

    With `rewrite` also the features and scores of nights that are done, of what silver says today of what was available
    then. Bronze is what was delivered and stays; a replay of the quarantine cleans batches anew. A night that cannot be
    scored holds up no other; its error is raised at the end.

    Args:
        lakehouse: The lakehouse.
        first: The first night.
        last: The last night.
        stages: Which stages, of `TOGETHER` and `AFTERWARDS`.
        rewrite: Whether what is done is done again.
        ended: Is told what became of each stage.

    Raises:
        ConfigError: The range ends before it begins.
    """
    if last < first:
        raise ConfigError("The range ends before it begins.", where="--from, --to", found=f"{first} to {last}")
    every = nights(first, last)
    models, wanted = [*lakehouse.config.models.values()], _wanted(stages, rewrite=rewrite)
    outcomes: list[Outcome] = []
    errors: list[Exception] = []

    def note(as_of: datetime, one: Ended) -> None:
        outcomes.extend(one.outcomes)
        ended(as_of, one)

    with lease(lakehouse, [name for stage in wanted for name in stage.ledger_names]):
        for stage in wanted:
            if stage.name in TOGETHER:
                for outcome in _together(lakehouse, stage.name, every, rewrite=rewrite):
                    note(outcome.as_of, Ended(Task(stage), RUN, [outcome]))
                continue
            for as_of in every if stage.name == "score" else [last]:
                try:
                    run_tasks(lakehouse, as_of, tasks([stage], models), ended=partial(note, as_of))
                except StoppedError:
                    raise
                except Exception as error:  # noqa: BLE001  # raised below
                    errors.append(error)
    if errors:
        raise errors[0]
    return outcomes


def _wanted(stages: Sequence[str], *, rewrite: bool) -> list[Stage]:
    """Some stages in order; with `rewrite` the one that scores does what is done again."""

    def made(stage: Stage) -> Stage:
        if rewrite and stage.name == "score":
            return replace(stage, run=partial(score_model, rewrite=True), state=lambda *_: RUN)
        return stage

    return [made(stage) for stage in STAGES if stage.name in stages]


def _together(lakehouse: Lakehouse, stage: str, every: Sequence[datetime], *, rewrite: bool) -> Iterator[Outcome]:
    """The runs of a stage that is done for many nights together: one, or of features a pass after the other."""
    if stage == "features":
        for begin in range(0, len(every), NIGHTS_OF_A_PASS):
            some = every[begin : begin + NIGHTS_OF_A_PASS]
            yield gold.stage.run(lakehouse, some[-1], some, kept=kept(lakehouse), rewrite=rewrite)
    else:
        yield {"bronze": bronze.stage.run, "silver": silver.stage.run}[stage](lakehouse, every[-1])


def stages_of(text: str) -> tuple[str, ...]:
    """The stages that a list with commas names; ConfigError for one that a backfill does not do."""
    named = tuple(name.strip() for name in text.split(","))
    if wrong := [name for name in named if name not in (*TOGETHER, *AFTERWARDS)]:
        raise ConfigError(
            "A backfill has no such stage.", where="--stages", found=", ".join(wrong),
            expected=f"some of {', '.join((*TOGETHER, *AFTERWARDS))}", do="train by assay train, watch by assay watch",
        )  # fmt: skip
    return named


def main(arguments: Sequence[str]) -> None:
    """Land, clean and build the features of every night of a range; nights that are done stay as they are."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--from", dest="first", required=True, help="first night")
    options.add_argument("--to", dest="last", required=True, help="last night")
    options.add_argument(
        "--stages", default=",".join(TOGETHER), help=f"which stages, of {','.join((*TOGETHER, *AFTERWARDS))}; "
        "by default %(default)s"
    )  # fmt: skip
    options.add_argument(
        "--rewrite", action="store_true", help="replace the features and scores of nights that are done"
    )
    given = options.parse_args(arguments)
    stages = stages_of(given.stages)
    lakehouse = open_from(given)
    at = lakehouse.config.file.night.as_of
    first, last = parse_as_of(given.first, at), parse_as_of(given.last, at)
    ended: Callable[[datetime, Ended], None] = (lambda _as_of, _one: None) if given.json else tell
    done = run_backfill(lakehouse, first, last, stages=stages, rewrite=given.rewrite, ended=ended)
    if given.json:
        show(done, as_json=True)


if __name__ == "__main__":
    raise SystemExit(run(main))
