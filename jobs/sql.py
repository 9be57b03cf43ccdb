"""`assay sql "select …"`: one query over the lakehouse's tables by name."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from pathlib import Path

from assay import catalog
from assay.cli import parser, run
from assay.errors import ConfigError
from jobs.common import open_from


def main(arguments: Sequence[str]) -> None:
    """Ask the tables: bronze, silver, gold and ops, by name."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("query", help="a SQL query")
    options.add_argument("--limit", type=int, default=100, help="most rows to print")
    options.add_argument("--csv", help="write all rows to this CSV file instead, formulas escaped")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    if given.limit < 1:
        raise ConfigError(
            "The limit is not a number of rows.", where="--limit", found=given.limit, expected="1 or more"
        )
    if given.csv:
        written = catalog.export(lakehouse, given.query, Path(given.csv))
        print(json.dumps({"rows": written, "file": given.csv}) if given.json else f"{written} rows: {given.csv}")  # noqa: T201
        return
    columns, rows, more = catalog.ask(lakehouse, given.query, given.limit)
    if given.json:
        print(json.dumps({"columns": columns, "rows": rows, "more": more}, default=str))  # noqa: T201  # a command's answer
        return
    print(catalog.as_text(columns, rows))  # noqa: T201
    print(f"{len(rows)} rows" + (f", more exist: --limit {given.limit}" if more else ""))  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(run(main))
