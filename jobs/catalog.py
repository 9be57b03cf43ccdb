"""`assay catalog`: what every feature is, where it comes from, since when, and what its values are."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assay.cli import parser, run
from assay.report import text
from assay.report.features import TableFacts, render_features
from gold.catalog import catalog
from jobs.common import open_from


def main(arguments: Sequence[str]) -> None:
    """List the features, and write them as a page with what their values were month by month."""
    given = parser(main.__doc__ or "", as_of=False).parse_args(arguments)
    lakehouse = open_from(given)
    found = catalog(lakehouse)
    page = lakehouse.folder("reports") / "features.html"
    page.write_text(
        render_features(lakehouse.name, lakehouse.config.file.description, found, datetime.now(UTC)), encoding="utf-8"
    )
    if given.json:
        print(json.dumps({"tables": [asdict(table) for table in found], "page": str(page)}, default=str))  # noqa: T201
        return
    console = Console()
    for table in found:
        console.print(listed(table))
    console.print(f"Page  {page}", soft_wrap=True, highlight=False)


def listed(table: TableFacts) -> Table:
    """A feature table in the terminal."""
    since = f"from {table.first:%Y-%m-%d}, {text.plural(table.nights, 'night')}" if table.first else "not built yet"
    if table.version > 1 or table.older:
        since += f"; version {table.version}" + "".join(f", of before {table.name}__v{each}" for each in table.older)
    made = Table(
        title=f"{table.name}: one row per {table.entity} ({', '.join(table.keys)}), of {table.source}; {since}",
        title_justify="left", title_style="bold",
    )  # fmt: skip
    for name in ("feature", "meaning", "worked out as", "missing", "median", "read by"):
        number = name in ("missing", "median")
        made.add_column(name, justify="right" if number else "left", no_wrap=name == "feature", overflow="fold")
    for feature in table.features:
        latest = feature.latest
        made.add_row(
            feature.name,
            escape(f"{feature.description}{f' ({feature.unit})' if feature.unit else ''}"),
            escape(feature.told),
            text.share(feature.missing),
            text.short(latest.middle) if latest and latest.middle is not None else text.NOTHING,
            ", ".join(feature.used_by),
        )
    return made


if __name__ == "__main__":
    raise SystemExit(run(main))
