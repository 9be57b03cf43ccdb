"""`make demo`: two months of real flights as history, a model trained on them, seven nights scored.

python -m demo.run [--fresh]
"""

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

import bronze.stage
import silver.stage
from assay.cli import run, set_up_logging
from assay.config import Model
from assay.errors import GateError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.times import nights
from demo.replay import replay
from gold.audit import run_leaks, run_replay
from jobs.backfill import run_backfill
from jobs.common import line
from jobs.dbt import run_dbt
from jobs.drills.gate import too_simple
from jobs.nightly import run_night
from jobs.report import data_docs, page, run_report
from jobs.train import check_promoted, finish_or_train, train_model

CONF = "conf/flights"
FIRST_FLIGHTS, FIRST_FEATURES = date(2013, 1, 1), datetime(2013, 1, 15, tzinfo=UTC)
FIRST_NIGHT, LAST_NIGHT = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 3, 7, tzinfo=UTC)
ALL_KNOWN = datetime(2013, 3, 9, tzinfo=UTC)
"""The first night that knows the outcomes of the last night's flights."""

QUERIES = (
    "select role, origin, count(*) flights, round(avg(score), 3) score from gold.late_arrival_predictions group by all",
    "select * from gold.nightly_quality order by as_of",
    "select reasons, raw, source_file, source_position from silver.weather__quarantine",
)

WHY = "UA 1545 EWR 2013-03-07 --as-of 2013-03-07"
"""A flight of the last night."""


@dataclass(frozen=True)
class Night:
    """What a night of the demo did."""

    as_of: datetime
    outcomes: list[Outcome]
    seconds: float

    def total(self, stage: str, metric: str) -> int:
        """Sum of a metric of one of the night's stages."""
        return int(sum(outcome.total(metric) for outcome in self.outcomes if outcome.stage == stage))


def main(arguments: Sequence[str]) -> None:
    """Run the demo; what an earlier run of it has done is not done again."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--fresh", action="store_true", help="delete the demo's warehouse first")
    given = options.parse_args(arguments)
    set_up_logging(verbose=False, lakehouse="flights")
    started = time.perf_counter()
    console = Console()
    lakehouse = open_lakehouse(CONF)
    root = Path(lakehouse.root)
    if given.fresh and root.exists():
        shutil.rmtree(root)
    console.print(f"[bold]assay[/bold]: {lakehouse.config.file.description}")
    with Progress(
        SpinnerColumn(), TextColumn("{task.description:<46}"), BarColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        landed = replay(root / "landing", FIRST_FLIGHTS, (ALL_KNOWN - timedelta(days=2)).date())
        progress.console.print(
            f"  {sum(feed.records for feed in landed.feeds.values()):,} raw records in {root / 'landing'}"
        )
        done = run_demo(lakehouse, progress)
    show(console, lakehouse, done)
    console.print(f"\nDone in {time.perf_counter() - started:.0f} s.")


def run_demo(lakehouse: Lakehouse, progress: Progress) -> list[Night]:
    """History, training, seven nights, and the morning after the last."""
    task = progress.add_task("start Spark", total=3 + len(nights(FIRST_NIGHT, LAST_NIGHT)))
    _ = lakehouse.spark
    progress.update(task, description="history: land, clean, build features")
    run_backfill(lakehouse, FIRST_FEATURES, FIRST_NIGHT)
    progress.update(task, advance=1, description="train late_arrival on February")
    for model in lakehouse.config.models.values():
        if not trained(lakehouse, FIRST_NIGHT):
            outcome = finish_or_train(lakehouse, model, FIRST_NIGHT)[-1]
            check_promoted(model, outcome)
            for note in outcome.notes:
                progress.console.print(f"  {note}", no_wrap=True, overflow="ellipsis", highlight=False, markup=False)
            progress.update(task, description="train a model that is too simple")
            progress.console.print(f"  {refused(lakehouse, model)}", soft_wrap=True, highlight=False, markup=False)
    progress.update(task, advance=1)
    done = []
    for as_of in nights(FIRST_NIGHT, LAST_NIGHT):
        begun = time.perf_counter()
        outcomes = run_night(lakehouse, as_of, partial(tell, progress, task, as_of))
        done.append(Night(as_of, outcomes, time.perf_counter() - begun))
        progress.update(task, advance=1)
    progress.update(task, description="the last outcomes come in")
    bronze.stage.run(lakehouse, ALL_KNOWN)
    silver.stage.run(lakehouse, ALL_KNOWN)
    run_dbt(lakehouse, ALL_KNOWN)
    progress.update(task, description="audits: do past inputs read the same, and tell no future?")
    for model in lakehouse.config.models.values():
        for audit in (
            run_replay(lakehouse, model, FIRST_NIGHT, LAST_NIGHT),
            run_leaks(lakehouse, model, LAST_NIGHT),
        ):
            progress.console.print(f"  {line(audit)}", soft_wrap=True)
    run_report(lakehouse, LAST_NIGHT)
    progress.update(task, advance=1, description="done")
    return done


def tell(progress: Progress, task: TaskID, as_of: datetime, stage: str) -> None:
    """Show which stage of which night runs."""
    progress.update(task, description=f"night of {as_of:%d %B}: {stage}")


def trained(lakehouse: Lakehouse, as_of: datetime) -> bool:
    """Whether every model has a champion as new as the night."""
    from model.registry import champion

    found = [champion(lakehouse, model) for model in lakehouse.config.models.values()]
    return all(current is not None and current.trained_as_of >= as_of for current in found)


def refused(lakehouse: Lakehouse, model: Model) -> str:
    """Train on two trees of one question each, which the gates refuse; returns what they say of it."""
    try:
        check_promoted(model, train_model(lakehouse, too_simple(model), FIRST_NIGHT)[-1])
    except GateError as error:
        return f"two trees of one question each: refused. {error.found}"
    return "two trees of one question each passed every gate: the gates are too wide"


def show(console: Console, lakehouse: Lakehouse, done: Sequence[Night]) -> None:
    """The table of nights, where to look, and what to ask."""
    quality = {
        row["as_of"].replace(tzinfo=UTC): row
        for row in lakehouse.tables.read("gold.nightly_quality")
        .select("as_of", "flights", "auc", "baseline_auc")
        .collect()
    }
    table = Table(title="Seven nights of March 2013")
    for name in ("night", "landed", "rejected", "features", "scored", "AUC", "baseline", "seconds"):
        table.add_column(name, justify="left" if name == "night" else "right")
    for night in done:
        row = quality[night.as_of]
        table.add_row(
            f"{night.as_of:%d %b}",
            f"{night.total('silver', 'landed'):,}",
            f"{night.total('silver', 'quarantined'):,}",
            f"{night.total('features', 'rows'):,}",
            f"{row['flights']:,}",
            f"{row['auc']:.3f}",
            f"{row['baseline_auc']:.3f}",
            f"{night.seconds:.1f}",
        )
    console.print(table)
    aucs = [quality[night.as_of] for night in done]
    mean, baseline = (sum(row[name] for row in aucs) / len(aucs) for name in ("auc", "baseline_auc"))
    console.print(f"Mean AUC {mean:.3f}; the late rate of carrier and scheduled hour alone gives {baseline:.3f}.")
    console.print(f"\nReport     {page(lakehouse, LAST_NIGHT)}", soft_wrap=True)
    console.print(f"Data Docs  {data_docs(lakehouse)}", soft_wrap=True)
    console.print("\nAsk it something:", highlight=False)
    for query in QUERIES:
        console.print(f'  .venv/bin/assay sql "{query}"', soft_wrap=True, highlight=False)
    console.print("\nAsk why a prediction is what it is, back to the lines of the files:", highlight=False)
    console.print(f"  .venv/bin/assay explain late_arrival {WHY} --page", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    raise SystemExit(run(main))
