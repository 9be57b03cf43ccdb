"""`assay compare late_arrival`: champion and challenger on what really happened."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table

from assay.cli import parser, run
from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.report import text
from assay.times import parse_as_of
from gold.outcomes import labels
from jobs.common import model_of, open_from
from model.compare import ROLES, Comparison, compare
from model.tasks import TASKS


def compared(
    lakehouse: Lakehouse, model: Model, first: datetime | None = None, last: datetime | None = None
) -> list[Comparison]:
    """Registered and challenger over some nights, on the outcomes that are known today."""
    predictions = lakehouse.tables.read(f"gold.{model.name}_predictions")
    if first is not None:
        predictions = predictions.where(F.col("as_of") >= F.lit(first))
    if last is not None:
        predictions = predictions.where(F.col("as_of") <= F.lit(last))
    return compare(predictions, labels(lakehouse, model, datetime.now(UTC)), model)


def main(arguments: Sequence[str]) -> None:
    """Compare champion and challenger, night by night and in all, over the rows that both have scored and whose outcome
    is known.
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("model", help="the model")
    options.add_argument("--from", dest="first", help="first night; by default of all")
    options.add_argument("--to", dest="last", help="last night; by default of all")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    model, at = model_of(lakehouse, given.model), lakehouse.config.file.night.as_of
    ends = [parse_as_of(end, at) if end else None for end in (given.first, given.last)]
    found = compared(lakehouse, model, *ends)
    if given.json:
        print(json.dumps({"model": model.name, "nights": [asdict(one) for one in found]}, default=str))  # noqa: T201
        return
    Console().print(listed(model, found))


def listed(model: Model, found: Sequence[Comparison]) -> Table:
    """Nights in the terminal: a line per night and role, and the challenger's lead by the main metric."""
    metrics = [name for name in found[-1].metrics[ROLES[0]] if name != "rows"]
    main_metric = TASKS[model.task].main
    made = Table(title=f"{model.name}: champion and challenger on realised outcomes", title_justify="left")
    for name in ("night", "rows", "role", "version", *metrics, "lead"):
        made.add_column(name, justify="left" if name in ("night", "role") else "right", no_wrap=True)
    for one in found:
        champion, challenger = (one.metrics[role] for role in ROLES)
        sign = 1 if TASKS[model.task].greater_is_better else -1
        lead = text.difference(sign * challenger[main_metric], sign * champion[main_metric])
        for role in ROLES:
            first = role == ROLES[0]
            made.add_row(
                (f"{one.as_of:%Y-%m-%d}" if one.as_of else "all") if first else "",
                text.count(champion["rows"]) if first else "", role, told(one.versions[role]),
                *[text.metric(one.metrics[role][name]) for name in metrics], "" if first else lead,
                end_section=not first,
            )  # fmt: skip
    return made


def told(versions: Sequence[int]) -> str:
    """Versions in a cell."""
    return ", ".join(map(str, versions))


if __name__ == "__main__":
    raise SystemExit(run(main))
