"""`assay dbt build`, `assay dbt test`, `assay dbt docs`: the dbt project over the lakehouse's tables, in this process and its Spark session."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from assay import ledger
from assay.catalog import is_shared, register
from assay.cli import parser, run
from assay.dbt import build, document, fingerprint
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.paths import leads_out
from assay.stages import run_stage
from assay.times import parse_as_of
from jobs.common import open_from, show

_OURS = "dbt:"
"""The target of what dbt makes, in the ledger; no name of a source, table or model has a colon."""


def project_dir(lakehouse: Lakehouse) -> Path:
    """The lakehouse's dbt project; ConfigError if it names none."""
    file = lakehouse.config.file
    if file.dbt is None:
        raise file.error("This lakehouse names no dbt project.", "dbt", do="add dbt: <folder> to lakehouse.yml")
    base = lakehouse.conf_dir.resolve().parent.parent
    if target := leads_out(base / file.dbt, base):
        raise file.error(
            "The dbt project is a link that leads elsewhere.", "dbt", found=target, expected=f"below {base}"
        )
    return base / file.dbt


def decided_by(lakehouse: Lakehouse, as_of: datetime) -> tuple[str, Mapping[str, int]]:
    """The key of what dbt makes for a night, and the versions that it has of the tables that others make.

    The ledger itself, which every run adds to, decides nothing but by what was delivered.
    """
    made = ledger.known(lakehouse, [as_of]).newest.items()
    versions = {table: of.version for table, of in made if of.target != _OURS and not table.startswith("ops.")}
    delivered = lakehouse.tables.version(ledger.FILES)
    return ledger.key_of("dbt", as_of, fingerprint(project_dir(lakehouse)), delivered, versions), versions


def is_built(lakehouse: Lakehouse, as_of: datetime) -> bool:
    """Whether dbt has built for a night what it would build now."""
    key, _ = decided_by(lakehouse, as_of)
    return (as_of, key) in ledger.completed(lakehouse, "dbt", [as_of])


def run_dbt(lakehouse: Lakehouse, as_of: datetime, *, tests: bool = False) -> Outcome:
    """Build and test every dbt model, also where they are built; or run the tests that a build leaves out.

    Raises:
        DbtError: A model or a test failed.
    """

    def work(outcome: Outcome) -> None:
        if is_shared(lakehouse):
            register(lakehouse)  # which tells of a name that is another lakehouse's
        key, versions = decided_by(lakehouse, as_of)
        done = build(
            lakehouse.spark, lakehouse.root, project_dir=project_dir(lakehouse), target_dir=lakehouse.folder("dbt"),
            tests=tests,
        )  # fmt: skip
        outcome.measure("dbt", models=len(done.models), tests=len(done.tests), warnings=len(done.warnings))
        outcome.notes += [f"warning: {text}" for text in done.warnings]
        now = {**versions, **{table: lakehouse.tables.version(table) for table in done.models}}
        for table in (table for table in done.models if now[table] >= 0):  # others are views
            made_of = tuple(Input(of, at) for of in done.models[table] if (at := now.get(of, -1)) >= 0)
            outcome.targets.append(Target(_OURS, key, table, now[table], made_of))

    return run_stage(lakehouse, "dbt", as_of, work)


def docs_page(lakehouse: Lakehouse) -> Path:
    """Where dbt's documentation lies, once it was asked for."""
    return lakehouse.folder("reports") / "dbt.html"


def write_docs(lakehouse: Lakehouse) -> Path:
    """Write dbt's documentation beside the pages of the nights; its place.

    Raises:
        DbtError: The project does not parse, or the tables cannot be described.
    """
    register(lakehouse)
    made = document(
        lakehouse.spark, lakehouse.root, project_dir=project_dir(lakehouse), target_dir=lakehouse.folder("dbt")
    )
    return made.replace(docs_page(lakehouse))


def main(arguments: Sequence[str]) -> None:
    """Build and test the dbt models (build), test silver against the contracts and the models on a few rows (test), or write
    dbt's documentation (docs).
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("command", choices=["build", "test", "docs"], help="what dbt shall do")
    options.add_argument("--as-of", help="the night that the ledger names; now by default")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    if given.command == "docs":
        page = write_docs(lakehouse)
        print(json.dumps({"page": str(page)}) if given.json else page)  # noqa: T201  # a command's answer
        return
    night = lakehouse.config.file.night.as_of
    as_of = parse_as_of(given.as_of, night) if given.as_of else datetime.now(UTC).replace(microsecond=0)
    show([run_dbt(lakehouse, as_of, tests=given.command == "test")], as_json=given.json)


if __name__ == "__main__":
    raise SystemExit(run(main))
