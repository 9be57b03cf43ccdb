"""`assay report --as-of 2013-03-01`: write the page of a night."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from os.path import relpath
from pathlib import Path

from assay.cli import parser, run
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.redaction import without_login
from assay.report import render
from assay.report.collect import collect
from assay.stages import run_stage
from jobs.common import night, open_from, show
from model.trainings import page_of


def page(lakehouse: Lakehouse, as_of: datetime) -> Path:
    """Where the page of a night lies."""
    name = (
        f"{as_of:%Y-%m-%d}.html"
        if as_of.time() == lakehouse.config.file.night.as_of
        else f"{as_of:%Y-%m-%dT%H-%M}.html"
    )
    return lakehouse.folder("reports") / name


def data_docs(lakehouse: Lakehouse) -> Path:
    """Where the Data Docs of the contracts lie, once silver has run."""
    return lakehouse.folder("expectations") / "data_docs" / "index.html"


def run_report(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Write the page of a night from what the tables say."""

    def work(outcome: Outcome) -> None:
        path = page(lakehouse, as_of)
        docs = data_docs(lakehouse)
        links = {"Data Docs": Path(relpath(docs, path.parent)).as_posix()} if docs.exists() else {}
        if (uri := lakehouse.environment.mlflow.tracking_uri) and uri.startswith("http"):
            links["MLflow"] = without_login(uri)[0]
        told = collect(lakehouse, as_of, outcome.run_id, links)
        if told.model and (trained := page_of(lakehouse, told.model.name, int(told.model.version))).exists():
            told = replace(told, links={**links, "Training": trained.name})
        path.write_text(render(told), encoding="utf-8")
        outcome.notes.append(str(path))

    return run_stage(lakehouse, "report", as_of, work)


def main(arguments: Sequence[str]) -> None:
    """Write the page of a night."""
    given = parser(main.__doc__ or "").parse_args(arguments)
    lakehouse = open_from(given)
    show([run_report(lakehouse, night(given, lakehouse))], as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
