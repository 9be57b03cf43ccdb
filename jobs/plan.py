"""`assay plan --as-of 2013-03-07`: what a run of features, or a backfill, would compute, and why. Writes nothing."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from assay.cli import parser, run
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse
from assay.report import text
from assay.times import nights, parse_as_of
from gold.decision import Why
from gold.plan import Change, TablePlan, plan
from jobs.common import kept, open_from


def main(arguments: Sequence[str]) -> None:
    """Say what a night, or a backfill, would compute of the feature tables, and why; compute and write nothing."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--as-of", help="one night: a date (that night), or an instant, UTC")
    options.add_argument("--from", dest="first", help="of a backfill: its first night")
    options.add_argument("--to", dest="last", help="of a backfill: its last night")
    options.add_argument("--rewrite", action="store_true", help="of a backfill that replaces nights that are done")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    asked = _nights(given, lakehouse)
    found = plan(lakehouse, asked, kept(lakehouse), rewrite=given.rewrite)
    if given.json:
        print(json.dumps({"nights": [night.isoformat() for night in asked], "tables": [*map(as_dict, found)]}))  # noqa: T201
        return
    for line in as_lines(found, asked):
        print(line)  # noqa: T201  # a command's answer


def as_lines(found: Sequence[TablePlan], asked: Sequence[datetime]) -> Iterator[str]:
    """A plan for the terminal."""
    for each in found:
        yield from _table(each)
    built = [each for each in found if each.decision.build]
    rows = sum(each.rows or 0 for each in built)
    unknown = [each.decision.table.name for each in built if each.rows is None]
    told = f"{text.plural(len(built), 'table')} to build, about {rows:,} rows" if built else "nothing to compute"
    yield f"{_range(asked)}: {told}" + (f", and those of {', '.join(unknown)}" if unknown else "")


def as_dict(each: TablePlan) -> dict[str, object]:
    """A plan of a table for machines."""
    decided = each.decision
    return {
        "table": decided.table.name,
        "version": decided.version,
        "older_version_of": decided.of if decided.is_older else None,
        "build": {night.isoformat(): why.value for night, why in decided.build.items()},
        "take_over": [night.isoformat() for night in decided.take],
        "skip": [night.isoformat() for night in decided.skip],
        "was_version": decided.was.version if decided.was else None,
        "changes": [{"feature": one.feature, "was": one.was, "now": one.now} for one in each.changes],
        "estimated_rows": each.rows,
        "estimate": each.estimate.basis,
    }


def _nights(given: argparse.Namespace, lakehouse: Lakehouse) -> list[datetime]:
    at = lakehouse.config.file.night.as_of
    if given.as_of and not (given.first or given.last or given.rewrite):
        return [parse_as_of(given.as_of, at)]
    if given.as_of or not (given.first and given.last):
        raise ConfigError(
            "A plan is of one night, or of a backfill.", where="--as-of, --from, --to, --rewrite",
            expected="--as-of, or --from and --to with or without --rewrite",
        )  # fmt: skip
    found = nights(parse_as_of(given.first, at), parse_as_of(given.last, at))
    if not found:
        raise ConfigError(
            "The range ends before it begins.", where="--from, --to", found=f"{given.first} to {given.last}"
        )
    return found


def _table(each: TablePlan) -> Iterator[str]:
    decided = each.decision
    name = f"{decided.table.name}, version {decided.version}" if not decided.is_older else decided.table.name
    if decided.is_older:
        yield f"{name}: version {decided.version} of {decided.of}, which a version of a model was trained on"
    elif decided.was:
        yield f"{name}: before, version {decided.was.version} was built"
    else:
        yield name + ("" if decided.ever else ": new")
    for change in each.changes:
        yield f"    {_change(change)}"
    if decided.take:
        yield f"    take over {_range(decided.take)}: built as {decided.of} before its definition changed"
    for why in Why:
        if chosen := [night for night, found in decided.build.items() if found == why]:
            yield f"    build {_range(chosen)}: {why}; {_estimated(each, len(chosen))}"
    if decided.skip:
        yield f"    skip {_range(decided.skip)}: complete"


def _change(change: Change) -> str:
    if change.was is None:
        return f"+ {change.feature}: {change.now}"
    if change.now is None:
        return f"- {change.feature}: {change.was}"
    return f"~ {change.feature}: {change.was} -> {change.now}"


def _estimated(each: TablePlan, count: int) -> str:
    rows, basis = each.estimate.rows, each.estimate.basis
    return f"no estimate: {basis}" if rows is None else f"about {round(rows * count):,} rows, {basis}"


def _range(chosen: Sequence[datetime]) -> str:
    first, last = (f"{night:%Y-%m-%d}" for night in (min(chosen), max(chosen)))
    if len(chosen) == 1:
        return first
    whole = len(chosen) == (max(chosen) - min(chosen)).days + 1
    return f"{first} to {last}" + (f" ({len(chosen)} nights)" if whole else f" ({len(chosen)} of these nights)")


if __name__ == "__main__":
    raise SystemExit(run(main))
