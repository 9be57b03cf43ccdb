"""`assay sql "select …"`: questions to the lakehouse's tables by name; without a query, a shell."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from assay.ask.output import FORMATS, SHOWN, format_of, show, write
from assay.ask.question import ENGINES
from assay.ask.shell import Shell
from assay.ask.wording import statements
from assay.cli import parser, run, set_up_logging
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse, open_lakehouse


def main(arguments: Sequence[str]) -> None:
    """Ask the tables: bronze, silver, gold and ops, by name. Without a query: those of standard input, or a shell."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("query", nargs="?", help="SQL of Spark; several statements with ; between them")
    options.add_argument("--format", choices=FORMATS, help="how to write the answer: a table, unless said otherwise")
    options.add_argument("--output", metavar="FILE", help="write all rows to this file; its ending tells the format")
    options.add_argument("--limit", type=int, help=f"most rows; of a table or JSON that is printed, {SHOWN} by default")
    options.add_argument("--engine", choices=ENGINES, default="auto", help="who answers")
    given = options.parse_args(arguments)
    if given.limit is not None and given.limit < 1:
        raise ConfigError(
            "The limit is not a number of rows.", where="--limit", found=given.limit, expected="1 or more"
        )
    if given.json and not (given.format or given.output):
        given.format = "json"
    lakehouse = open_lakehouse(given.conf_dir, given.env)
    set_up_logging(verbose=given.verbose, lakehouse=lakehouse.name)
    if given.query is None and sys.stdin.isatty():
        Shell(lakehouse, engine=given.engine, format=given.format or "table", limit=given.limit).run()
        return
    asked = statements(sys.stdin.read() if given.query is None else given.query)
    if not asked or (given.output and len(asked) > 1):
        raise ConfigError(
            "This is not one query." if given.output else "There is no query.",
            found=f"{len(asked)} statements", do='give one: assay sql "select 1"',
        )  # fmt: skip
    for statement in asked:
        _answer(lakehouse, statement, given)


def _answer(lakehouse: Lakehouse, statement: str, given: argparse.Namespace) -> None:
    chosen = format_of(given.format, given.output)
    if not given.output:
        show(lakehouse, statement, format=chosen, limit=given.limit, engine=given.engine)
        return
    rows = write(lakehouse, statement, Path(given.output), format=chosen, limit=given.limit, engine=given.engine)
    told = {"rows": rows, "file": given.output}
    print(json.dumps(told) if given.json else f"{rows} rows: {given.output}")  # noqa: T201  # a command's answer


if __name__ == "__main__":
    raise SystemExit(run(main))
