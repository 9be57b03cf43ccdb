"""`assay trace gold.late_arrival_predictions`: what a table was made of, back to the files, and what was made of it."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import functions as F

from assay.cli import parser, run
from assay.errors import ConfigError
from assay.explained import explaining
from assay.lakehouse import Lakehouse
from assay.ledger import FILES
from assay.lineage import Lineage, Made, Ran, read
from assay.printable import printable
from assay.report import text
from assay.times import parse_as_of
from jobs.common import open_from

NAMED = 3
"""So many files of a batch are named in the terminal."""
Files = Mapping[tuple[str, str], Sequence[str]]
"""Source and key of a batch -> the files, or the tables of a database, that it was landed from."""


def main(arguments: Sequence[str]) -> None:
    """Say what a version of a table was made of, back to the files that were delivered, and what was made of it since;
    or write a night's runs as events of OpenLineage.
    """
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("table", nargs="?", help="schema.table, or models:/name")
    options.add_argument(
        "version", nargs="?", type=int, help="its Delta version, or the model's; the newest by default"
    )
    options.add_argument("--as-of", help="what was made for this night: a date, or an instant, UTC")
    options.add_argument("--forward", action="store_true", help="what may hold something of the version, instead")
    options.add_argument(
        "--openlineage", metavar="WHERE", help="write the runs there as events: a file, or an http(s) address"
    )
    given = options.parse_args(arguments)
    if given.table is None and not (given.openlineage and given.as_of):
        raise ConfigError("There is nothing to trace.", do="name a table; or a night, with --as-of and --openlineage")
    if given.version is not None and given.as_of:
        raise ConfigError("A version and a night are two ways to say which.", do="leave out the version, or --as-of")
    lakehouse = open_from(given)
    as_of = parse_as_of(given.as_of, lakehouse.config.file.night.as_of) if given.as_of else None
    with explaining(lakehouse.root, "trace"):
        if given.table is None:
            _tell(lakehouse, read(lakehouse, as_of=as_of).runs, given.openlineage, as_json=given.json)
            return
        known = read(lakehouse)
        made = known.find(_history(lakehouse, given.table), version=given.version, as_of=as_of)
        reached = known.reached(made.table, made.version) if given.forward else {}
        behind = [] if given.forward else known.behind(made)
        files = files_of(lakehouse, [made, *behind])
        if given.openlineage:
            runs = dict.fromkeys(one.run for one in [made, *behind, *(one for of in reached.values() for one in of)])
            _tell(lakehouse, list(runs), given.openlineage, as_json=given.json)
            return
    if given.json:
        found = [one for of in reached.values() for one in of] if given.forward else behind
        print(json.dumps({**as_dict(made, files), "found": [as_dict(one, files) for one in found]}, default=str))  # noqa: T201
        return
    for line in _forward(made, files, reached) if given.forward else _back(known, made, files):
        print(printable(line))  # noqa: T201  # a command's answer


def files_of(lakehouse: Lakehouse, made: Sequence[Made]) -> Files:
    """What the batches among some things were landed from; one Spark job, none where there is no batch."""
    keys = {(one.target.target, one.target.key) for one in made if one.table.startswith("bronze.")}
    if not keys:
        return {}
    key = F.concat(F.lit("batch "), F.col("batch"))
    rows = (
        lakehouse.tables.read(FILES)
        .where(F.col("status") == "landed")
        .where(reduce(or_, ((F.col("source") == source) & (key == batch) for source, batch in sorted(keys))))
        .groupBy("source", key.alias("key"))
        .agg(F.sort_array(F.collect_set("source_file")).alias("files"))
        .collect()
    )
    return {(row["source"], row["key"]): row["files"] for row in rows}


def as_dict(made: Made, files: Files) -> dict[str, Any]:
    """What was made, for JSON."""
    return {
        "table": made.table,
        "version": made.version,
        "stage": made.run.stage,
        "as_of": made.run.as_of,
        "run_id": made.run.run_id,
        "made_at": made.run.ended_at,
        "inputs": [{"table": each.table, "version": each.version} for each in made.target.inputs],
        "files": files.get((made.target.target, made.target.key), []) if made.table.startswith("bronze.") else [],
    }


def _history(lakehouse: Lakehouse, name: str) -> str:
    """The table behind a name: `silver.flights` is a view of its history."""
    schema, _, source = name.partition(".")
    return f"{name}__history" if schema == "silver" and source in lakehouse.config.sources else name


def _tell(lakehouse: Lakehouse, runs: Sequence[Ran], to: str, *, as_json: bool) -> None:
    from assay.openlineage import events, send

    send(events(lakehouse, runs), to)
    print(json.dumps({"runs": len(runs), "to": to}) if as_json else f"{text.plural(len(runs), 'run')} told to {to}")  # noqa: T201


def _back(known: Lineage, made: Made, files: Files) -> Iterator[str]:
    """Lines of a tree: what was made, and below it, of what. What came before is not told twice."""
    told: set[Made] = set()

    def lines(one: Made, first: str, rest: str) -> Iterator[str]:
        again = one in told
        told.add(one)
        earlier = known.earlier(one)
        since = (
            f", after {text.plural(len(earlier), 'version')} since {_night(earlier[0].run.as_of)}" if earlier else ""
        )
        yield f"{first}{_line(one, files)}{', as above' if again else since}"
        below = [] if again else [each for each in one.target.inputs if each.table != one.table]
        for place, each in enumerate(below):
            last = place == len(below) - 1
            branch, under = ("└ ", "  ") if last else ("├ ", "│ ")
            maker = known.maker(each.table, each.version)
            if maker is None:
                yield f"{rest}{branch}{each.table} version {each.version}, of which no run is on record"
            else:
                yield from lines(maker, rest + branch, rest + under)

    return lines(made, "", "")


def _forward(made: Made, files: Files, reached: Mapping[str, Sequence[Made]]) -> Iterator[str]:
    yield _line(made, files)
    if not reached:
        yield "  nothing was made of it"
    for table, of in reached.items():
        versions = (
            f"version {of[0].version}" if len(of) == 1 else f"{len(of)} versions, {of[0].version} to {of[-1].version}"
        )
        nights = sorted({one.run.as_of for one in of})
        span = _night(nights[0]) if len(nights) == 1 else f"{_night(nights[0])} to {_night(nights[-1])}"
        yield f"  may be in {table}, {versions}, by {of[0].run.stage} of {span}"


def _line(one: Made, files: Files) -> str:
    name = f"{one.table} version {one.version}, by {one.run.stage} of {_night(one.run.as_of)}"
    found = files.get((one.target.target, one.target.key), ()) if one.table.startswith("bronze.") else ()
    if not found:
        return name
    rest = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{name}, {one.target.key}: {', '.join(found[:NAMED])}{rest}"


def _night(as_of: datetime) -> str:
    return f"{as_of:%Y-%m-%d}" if as_of.time() == datetime.min.time() else text.moment(as_of)


if __name__ == "__main__":
    raise SystemExit(run(main))
