"""`assay explain late_arrival UA 1545 EWR 2013-03-07 --as-of 2013-03-07`: why this prediction, back to the raw files."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from assay.cli import parser, run
from assay.config import Model
from assay.errors import ConfigError
from assay.explained import explaining
from assay.lakehouse import Lakehouse
from assay.report.explanation import Explanation
from assay.report.explanation_page import render_explanation
from assay.report.explanation_text import as_lines
from assay.stages import side_by_side
from gold.lineage import lineage
from jobs.common import model_of, night, open_from
from model.explain.prediction import find, predictions

MOST = 1_000


def main(arguments: Sequence[str]) -> None:
    """Say why a key was given its score on a night: what each input did, and the records that it was worked out from,
    back to the lines of the files that were delivered.
    """
    options = parser(main.__doc__ or "")
    options.add_argument("model", help="the model")
    options.add_argument("key", nargs="+", help="column=value, or values in the order of the model's key")
    options.add_argument("--rows", type=int, default=5, help="most records to tell of each feature table")
    options.add_argument("--page", action="store_true", help="write it as a page with a plot, too")
    given = options.parse_args(arguments)
    if not 1 <= given.rows <= MOST:
        raise ConfigError("This is not a number of records.", where="--rows", found=given.rows, expected=f"1 to {MOST}")
    lakehouse = open_from(given)
    found = explanation(lakehouse, model_of(lakehouse, given.model), given.key, night(given, lakehouse), given.rows)
    page = write_page(lakehouse, found) if given.page else None
    if given.json:
        print(json.dumps({**as_dict(found), "page": str(page) if page else None}, default=str))  # noqa: T201
        return
    for line in as_lines(found):
        print(line)  # noqa: T201  # a command's answer
    if page:
        print(f"\nPage  {page}")  # noqa: T201


def explanation(lakehouse: Lakehouse, model: Model, words: Sequence[str], as_of: datetime, most: int) -> Explanation:
    """All that is known of why a key was given its score on a night.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        words: The key: `column=value`, or values in the order of the model's key.
        as_of: The night.
        most: How many records to tell of each feature table.

    Raises:
        ConfigError: The words name no column of the key.
        ModelError: There is no such prediction, or not one alone.
    """
    with explaining(lakehouse.root, f"explain {model.name}, as of {as_of:%Y-%m-%dT%H:%MZ}"):
        found = find(lakehouse, model, words, as_of)
        asked: list[Callable[[], Any]] = [
            partial(predictions, lakehouse, model, found), partial(lineage, lakehouse, model, found.given[0].row, as_of, most)
        ]  # fmt: skip
        made, origin = side_by_side(lakehouse, lambda question: question(), asked)
    return Explanation(
        lakehouse.name, model.name, model.description, found.key, as_of, found.scored[0].get("inputs_version"), made,
        dict(model.request), origin.spine, origin.tables,
    )  # fmt: skip


def as_dict(found: Explanation) -> dict[str, object]:
    """An explanation for machines; where values stand among the training rows is told in words, too."""
    told = asdict(found)
    for prediction, facts in zip(told["predictions"], found.predictions, strict=True):
        for each, input_facts in zip(prediction["inputs"], facts.inputs, strict=True):
            each["standing"] = input_facts.standing
    return told


def write_page(lakehouse: Lakehouse, found: Explanation) -> Path:
    """Write an explanation as a page below the reports; returns where."""
    words = "-".join([found.model, f"{found.as_of:%Y-%m-%dT%H-%M}", *map(str, found.key.values())])
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", words)[:120]
    if name != words:  # another key may be written alike
        name += "-" + hashlib.sha256(words.encode()).hexdigest()[:8]
    folder = lakehouse.folder("reports") / "explanations"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.html"
    path.write_text(render_explanation(found), encoding="utf-8")
    return path


if __name__ == "__main__":
    raise SystemExit(run(main))
