"""`assay contract docs | dbt`: what the contracts generate for people and for dbt."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from assay.cli import parser, run
from assay.config import LakehouseConfig
from assay.errors import ConfigError
from assay.lakehouse import open_lakehouse
from silver.dbt_sources import dbt_sources
from silver.dictionary import as_html, as_markdown

FORMATS: Mapping[str, Mapping[str, Callable[[LakehouseConfig], str]]] = {
    "docs": {".md": as_markdown, ".html": as_html},
    "dbt": {".yml": dbt_sources},
}
"""What can be written, by the ending of the file's name."""


def main(arguments: Sequence[str]) -> None:
    """Write what the contracts generate, without Spark: the data dictionary (docs), or the sources of dbt (dbt)."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("command", choices=sorted(FORMATS), help="what to write")
    options.add_argument("--to", required=True, help="the file: .md or .html for docs, .yml for dbt")
    given = options.parse_args(arguments)
    config = open_lakehouse(given.conf_dir, given.env).config
    path = Path(given.to)
    formats = FORMATS[given.command]
    if path.suffix not in formats:
        raise ConfigError(
            f"assay contract {given.command} cannot write such a file.", where="--to", found=given.to,
            expected=" or ".join(f"*{ending}" for ending in formats),
        )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(formats[path.suffix](config), encoding="utf-8")
    print(json.dumps([str(path)]) if given.json else path)  # noqa: T201  # a command's answer


if __name__ == "__main__":
    raise SystemExit(run(main))
