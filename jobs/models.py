"""`assay models`: every version of every model, its roles, its gates and how good it was on its holdout."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from assay.cli import parser, run
from assay.config import Model
from assay.report import text
from jobs.common import open_from
from model.tasks import TASKS
from model.versions import Version, versions


def main(arguments: Sequence[str]) -> None:
    """List the versions in the registry, newest first."""
    given = parser(main.__doc__ or "", as_of=False).parse_args(arguments)
    lakehouse = open_from(given)
    found = {model.name: versions(lakehouse, model) for model in lakehouse.config.models.values()}
    if given.json:
        print(json.dumps({name: [asdict(one) for one in each] for name, each in found.items()}, default=str))  # noqa: T201
        return
    console = Console()
    for model in lakehouse.config.models.values():
        console.print(listed(model, found[model.name]))


def listed(model: Model, found: Sequence[Version]) -> Table:
    """A model's versions in the terminal."""
    title = f"{model.name}: {text.plural(len(found), 'version')}"
    made = Table(title=title, title_justify="left", title_style="bold")
    main_metric = TASKS[model.task].main
    for name in ("version", "role", "as of", "gates", main_metric, "rows", "trained"):
        made.add_column(name, justify="right" if name in ("version", main_metric, "rows") else "left", overflow="fold")
    for one in found:
        made.add_row(
            str(one.version), ", ".join(one.roles), f"{one.as_of:%Y-%m-%d}" if one.as_of else text.NOTHING, one.gates,
            text.metric(one.metrics.get(main_metric)), text.count(one.metrics.get("rows")), text.moment(one.trained_at),
        )  # fmt: skip
    return made


if __name__ == "__main__":
    raise SystemExit(run(main))
