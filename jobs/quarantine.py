"""`assay quarantine ls | show | replay | export`: what was refused, why, and taking it in after all."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.cli import parser, run
from assay.csv_export import write_csv
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse
from assay.text_table import text_table
from assay.whole_file import whole
from jobs.common import night, open_from, show
from silver.quarantine import as_dicts, chosen, for_export, rows_of, summary
from silver.replay import replay

COLUMNS = ("source", "batch", "reason", "rows", "example", "as_of")
_LONGEST = 60


def main(arguments: Sequence[str]) -> None:
    """Look at what was refused, and take it in: ls, show, replay, export."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("command", choices=sorted(COMMANDS), help="what to do")
    options.add_argument("source", nargs="?", help="the source; for ls all by default")
    options.add_argument("--source", dest="named", metavar="SOURCE", help="the same, as an option")
    options.add_argument("--batch", type=int, help="this batch only")
    options.add_argument("--check", help="this check only: max, or max:temp")
    options.add_argument("--limit", type=int, default=20, help="show: most rows to print")
    options.add_argument("--all", action="store_true", help="show, export: also rows that a replay has taken in")
    options.add_argument("--as-of", help="replay: the night that the ledger names")
    options.add_argument("--to", help="export: the CSV file")
    given = options.parse_args(arguments)
    given.source = given.source or given.named
    _check(given)
    COMMANDS[given.command](given, open_from(given))


def _check(given: argparse.Namespace) -> None:
    needs = {"show": ("source",), "replay": ("source", "as_of"), "export": ("source", "to")}
    for name in needs.get(given.command, ()):
        if getattr(given, name) is None:
            option = name if name == "source" else f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"assay quarantine {given.command} needs {option}.", do=f"assay quarantine {given.command} --help"
            )
    if given.limit < 1:
        raise ConfigError(
            "The limit is not a number of rows.", where="--limit", found=given.limit, expected="1 or more"
        )


def _ls(given: argparse.Namespace, lakehouse: Lakehouse) -> None:
    found = summary(lakehouse, chosen(lakehouse, given.source))
    if given.json:
        print(json.dumps({"quarantine": found}))  # noqa: T201  # a command's answer
    elif found:
        print(text_table(COLUMNS, [[_shortened(line[name]) for name in COLUMNS] for line in found]))  # noqa: T201
        print("A row with several reasons counts under each of them.")  # noqa: T201
    else:
        print("Nothing is in quarantine.")  # noqa: T201


def _show(given: argparse.Namespace, lakehouse: Lakehouse) -> None:
    rows: list[dict[str, Any]] = []
    more = False
    for name in chosen(lakehouse, given.source):
        found = rows_of(lakehouse, name, batch=given.batch, check=given.check, replayed=given.all)
        rows, more = as_dicts(found, given.limit)
    if given.json:
        print(json.dumps({"rows": rows, "more": more}))  # noqa: T201
        return
    for row in rows:
        print(_told(row))  # noqa: T201
    print(f"{len(rows)} rows" + (f", more exist: --limit {given.limit}" if more else ""))  # noqa: T201


def _replay(given: argparse.Namespace, lakehouse: Lakehouse) -> None:
    as_of = night(given, lakehouse)
    show([replay(lakehouse, given.source, as_of, batch=given.batch, check=given.check)], as_json=given.json)


def _export(given: argparse.Namespace, lakehouse: Lakehouse) -> None:
    names = chosen(lakehouse, given.source)
    if not names:
        raise ConfigError(f"The source {given.source} has no quarantine: nothing of it was ever refused.")
    rows = rows_of(lakehouse, names[0], batch=given.batch, check=given.check, replayed=given.all)
    exported = for_export(rows)
    with whole(Path(given.to)) as path, path.open("w", encoding="utf-8", newline="") as file:
        written = write_csv(exported.columns, exported.toLocalIterator(), file)
    print(json.dumps({"rows": written, "file": given.to}) if given.json else f"{written} rows: {given.to}")  # noqa: T201


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Lakehouse], None]] = {
    "ls": _ls, "show": _show, "replay": _replay, "export": _export,
}  # fmt: skip


def _told(row: Mapping[str, Any]) -> str:
    """A row on a few lines: where it came from, every reason, its raw text."""
    head = f"{row['source_file']}:{row['source_position']}  batch {row['batch']}, as of {row['as_of']}"
    head += f", contract {row['contract']}" if row["contract"] else ""
    head += f", taken in at {row['replayed_at']}" if row["replayed_at"] else ""
    return "\n".join([head, *(f"    {_reason(each)}" for each in row["reasons"]), f"    {row['raw']!r}"])


def _reason(reason: Mapping[str, Any]) -> str:
    label = ":".join(filter(None, (reason["check"], reason["column"])))
    value = "" if reason["value"] is None else f" {reason['value']!r}"
    severity = f" ({reason['severity']})" if reason["severity"] not in (None, "quarantine") else ""
    return f"{label}:{value} {reason['message']}{severity}"


def _shortened(value: object) -> object:
    """A cell of the table: control characters visible, long texts cut."""
    if not isinstance(value, str):
        return value
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


if __name__ == "__main__":
    raise SystemExit(run(main))
