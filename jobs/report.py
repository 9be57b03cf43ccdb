"""`assay report --as-of 2013-03-01`: write the page of a night."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from os.path import relpath
from pathlib import Path

from pyspark.sql import functions as F

from assay.cli import parser, run
from assay.config import Model
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome, key_of
from assay.redaction import without_login
from assay.report import NightReport, evidently, render, render_index
from assay.report.collect import collect, on_record
from assay.report.current import WRITTEN, unchanged
from assay.report.night import Challenge, ChallengeRow, HistoryNight, ModelBlock
from assay.stages import run_stage
from assay.tables import quoted
from jobs.common import night, open_from, show
from jobs.compare import compared, told
from jobs.dbt import docs_page
from model.gates.rows import sample
from model.registry import CHALLENGER, CHAMPION, with_number
from model.tasks import TASKS
from model.trainings import page_of

COMPARED = timedelta(days=30)
"""So far back the page compares champion and challenger."""


def page(lakehouse: Lakehouse, as_of: datetime) -> Path:
    """Where the page of a night lies."""
    name = (
        f"{as_of:%Y-%m-%d}.html"
        if as_of.time() == lakehouse.config.file.night.as_of
        else f"{as_of:%Y-%m-%dT%H-%M}.html"
    )
    return lakehouse.folder("reports") / name


def index(lakehouse: Lakehouse) -> Path:
    """Where the index of all nights lies."""
    return lakehouse.folder("reports") / "index.html"


def data_docs(lakehouse: Lakehouse) -> Path:
    """Where the Data Docs of the contracts lie, once silver has run."""
    return lakehouse.folder("expectations") / "data_docs" / "index.html"


def links_of(lakehouse: Lakehouse, as_of: datetime) -> dict[str, str]:
    """What a night's page links to: name -> address, relative to the page."""
    links = {"All nights": index(lakehouse).name}
    if (docs := data_docs(lakehouse)).exists():
        links["Data Docs"] = Path(relpath(docs, page(lakehouse, as_of).parent)).as_posix()
    if (dbt := docs_page(lakehouse)).exists():
        links["dbt docs"] = dbt.name
    for model in lakehouse.config.models.values():
        if (written := evidently_page(lakehouse, model, as_of)).exists():
            links[f"Evidently, {model.name}" if len(lakehouse.config.models) > 1 else "Evidently"] = written.name
    if (uri := lakehouse.environment.mlflow.tracking_uri) and uri.startswith("http"):
        links["MLflow"] = without_login(uri)[0]
    return links


def page_key(lakehouse: Lakehouse, as_of: datetime) -> str:
    """What decides a night's page besides the tables: the configuration, prices and links."""
    prices = lakehouse.environment.prices
    return key_of(
        "report", lakehouse.config.model_dump_json(), prices and prices.model_dump_json(), links_of(lakehouse, as_of)
    )


def is_current(lakehouse: Lakehouse, as_of: datetime) -> bool:
    """Whether the page of a night is there, with the index, and says what it would say now."""
    there = page(lakehouse, as_of).exists() and index(lakehouse).exists()
    return there and unchanged(lakehouse, as_of, page_key(lakehouse, as_of))


def run_report(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Write the page of a night from what the tables say, also where it says so already."""

    def work(outcome: Outcome) -> None:
        path = page(lakehouse, as_of)
        models = lakehouse.config.models
        probabilities = {name for name, model in models.items() if TASKS[model.task].probability}
        facts = collect(lakehouse, as_of, outcome.run_id, links_of(lakehouse, as_of), probabilities)
        blocks = tuple(_with_rest(lakehouse, models[block.name], block, as_of) for block in facts.models)
        path.write_text(render(replace(facts, models=blocks)), encoding="utf-8")
        on_record(outcome, facts.verdict)
        outcome.measure("night", label=page_key(lakehouse, as_of), **{WRITTEN: 1})
        outcome.notes.append(str(path))
        _write_index(lakehouse, facts)

    return run_stage(lakehouse, "report", as_of, work)


def _write_index(lakehouse: Lakehouse, facts: NightReport) -> None:
    """Write the index anew, in one step. What this run says of its night is not on record yet."""
    nights = {one.as_of: one for one in facts.history}
    tonight = nights.get(facts.as_of, HistoryNight(facts.as_of, None, None, None))
    nights[facts.as_of] = replace(tonight, verdict=facts.verdict)
    pages = {as_of: page(lakehouse, as_of) for as_of in nights}
    written = {as_of: path.name for as_of, path in pages.items() if path.exists()}
    made = index(lakehouse).with_suffix(".new")
    made.write_text(render_index(lakehouse.name, facts.description, [*nights.values()], written), encoding="utf-8")
    made.replace(index(lakehouse))


def _with_rest(lakehouse: Lakehouse, model: Model, block: ModelBlock, as_of: datetime) -> ModelBlock:
    """What the page says of a model, with its challenger's record and the page of its training."""
    if block.version is not None and (trained := page_of(lakehouse, block.name, int(block.version))).exists():
        block = replace(block, training_page=trained.name)
    if block.challenger is not None:
        block = replace(block, challenge=_challenge(lakehouse, model, block.challenger, as_of))
    return block


def _challenge(lakehouse: Lakehouse, model: Model, version: int, as_of: datetime) -> Challenge:
    """How challengers did over the last nights, on what is known today."""
    task = TASKS[model.task]
    try:
        found = compared(lakehouse, model, as_of - COMPARED, as_of)
    except ModelError:  # no outcome is known
        found = []
    rows = [
        ChallengeRow(
            one.as_of, int(one.metrics[CHAMPION]["rows"]), one.metrics[CHAMPION].get(task.main),
            one.metrics[CHALLENGER].get(task.main),
            (told(one.versions[CHAMPION]), told(one.versions[CHALLENGER])),
        )
        for one in found
    ]  # fmt: skip
    return Challenge(version, task.main, task.greater_is_better, tuple(rows))


def evidently_page(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Path:
    """Where Evidently's page of a model's inputs of a night lies, once it was asked for."""
    of_night = page(lakehouse, as_of)
    return of_night.with_name(f"{of_night.stem}-{model.name}-evidently.html")


def write_evidently(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Path:
    """Compare a night's inputs with the training set of the version that scored it, a sample of both.

    Raises:
        ModelError: The night is not scored.
    """
    predictions = f"gold.{model.name}_predictions"
    scored = (
        lakehouse.tables.read(predictions).where((F.col("as_of") == F.lit(as_of)) & (F.col("role") == CHAMPION)).first()
        if lakehouse.tables.exists(predictions)
        else None
    )
    version = None if scored is None else with_number(lakehouse, model, scored["model_version"])
    if version is None:
        raise ModelError(f"{model.name} has not scored this night.", where=f"{predictions}, as of {as_of:%Y-%m-%d}")
    about = version.artifact.about
    trained = lakehouse.tables.read(about["training_table"], about["training_version"])
    sides = (
        trained.where(F.col("training_as_of") == F.lit(version.trained_as_of)),
        lakehouse.tables.read(f"gold.{model.name}_inputs").where(F.col("as_of") == F.lit(as_of)),
    )
    wanted = [F.col(quoted(name)) for name in version.artifact.inputs.read]
    training, tonight = (
        sample(side, model.key, evidently.ROWS / max(1, side.count())).select(*wanted).limit(evidently.ROWS).toPandas()
        for side in sides
    )
    path = evidently_page(lakehouse, model, as_of)
    evidently.write(training, tonight, path)
    return path


def main(arguments: Sequence[str]) -> None:
    """Write the page of a night."""
    options = parser(main.__doc__ or "")
    options.add_argument(
        "--evidently",
        action="store_true",
        help="write also Evidently's page of each model's inputs against its training set",
    )
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    as_of = night(given, lakehouse)
    if given.evidently:
        evidently.check_installed()
        for model in lakehouse.config.models.values():
            write_evidently(lakehouse, model, as_of)
    show([run_report(lakehouse, as_of)], as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
