"""The data dictionary of a lakehouse, from its contracts: as Markdown, and as a page that needs nothing else."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined

from assay.config import Column, LakehouseConfig, Source
from assay.config.checks import Handling
from assay.config.origins import AvailableAfterEvent, AvailableColumn, DeltaTable, Files, Jdbc
from assay.config.version import contract_version
from assay.times import format_duration

LISTED = 40
"""How many allowed values a page names."""


@dataclass(frozen=True)
class Table:
    """A table of a page: its head, and rows of as many cells. A cell is a text, or (text,) for code."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple["str | tuple[str]", ...], ...]


@dataclass(frozen=True)
class Entry:
    """What the dictionary says of one source."""

    name: str
    description: str
    tables: tuple[Table, ...]


def entries(config: LakehouseConfig) -> list[Entry]:
    """An entry per source, in order of their names."""
    return [
        Entry(name, source.description, tuple(_tables(source, config.file.time_zone)))
        for name, source in sorted(config.sources.items())
    ]


def as_markdown(config: LakehouseConfig) -> str:
    """The dictionary as a page of Markdown. Texts of the contracts are shown, never taken for markup."""
    lines = [f"# Data dictionary: {config.name}", "", _safe(config.file.description), ""]
    lines += ["Written by `assay contract docs` from the contracts: change those, then run it again.", ""]
    for entry in entries(config):
        lines += [f"## {entry.name}", "", _safe(entry.description), ""]
        for table in entry.tables:
            lines += [f"{table.title}:", ""] if table.title else []
            lines += _markdown_table(table)
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def as_html(config: LakehouseConfig) -> str:
    """The dictionary as one page of HTML, with its style and without links to anywhere else."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((resources.files("silver") / "dictionary.html").read_text("utf-8"))
    return template.render(lakehouse=config.name, description=config.file.description, entries=entries(config)) + "\n"


def _tables(source: Source, time_zone: str) -> Iterator[Table]:
    yield Table("", ("", ""), tuple(_facts(source, time_zone)))
    yield Table(
        "Columns",
        ("column", "type", "unit", "must be", "where it fails", "meaning"),
        tuple(
            ((name,), column.type, column.unit, "; ".join(_rules(source, name, column)), _fate(column), _told(name, column))
            for name, column in source.columns.items()
        ),
    )  # fmt: skip
    if source.derived:
        yield Table(
            "Derived columns",
            ("column", "unit", "must be", "SQL", "meaning"),
            tuple(
                ((name,), item.unit, "given" if item.required or name in source.key else "", (item.expr,), item.description)
                for name, item in source.derived.items()
            ),
        )  # fmt: skip
    if source.checks:
        yield Table(
            "What holds between columns; where it is NULL it holds",
            ("check", "SQL", "where it fails", "meaning"),
            tuple(
                ((name,), (item.holds,), _handling(item.on_fail), item.description) for name, item in source.checks.items()
            ),
        )  # fmt: skip
    if source.references:
        yield Table(
            "What is known of another source, or NULL",
            ("reference", "columns", "source", "where it fails", "meaning"),
            tuple(
                ((name,), (", ".join(item.columns),), item.source, _handling(item.on_fail), item.description)
                for name, item in source.references.items()
            ),
        )  # fmt: skip


def _facts(source: Source, time_zone: str) -> Iterator[tuple["str | tuple[str]", ...]]:
    yield "one row per", (", ".join(source.key),)
    yield "comes from", _origin(source)
    yield "can be used from", _available(source, time_zone)
    yield "happened at", f"the column {source.event_time}" if source.event_time else "the time it became available"
    yield (
        "a later record of a key",
        _LATER[source.history] + (f", ordered by {source.sequence}" if source.sequence else ""),
    )
    if source.freshness:
        yield "newest event", f"at most {format_duration(source.freshness.within)} old"
    yield "texts that mean NULL", (", ".join(repr(text) for text in source.nulls),)
    yield "tables", (f"silver.{source.name}, silver.{source.name}__history, silver.{source.name}__quarantine",)
    yield "version of the contract", (contract_version(source, time_zone),)


_LATER = {
    "versions": "is a correction",
    "events": "changes nothing",
    "snapshot": "is a correction; a key without a record in a delivery is gone",
}


def _origin(source: Source) -> tuple[str]:
    match source.come_from:
        case Files(files=files):
            return (files,)
        case Jdbc(jdbc=connection, table=table):
            return (f"{connection}: {table}",)
        case DeltaTable(delta=path):
            return (path,)


def _available(source: Source, time_zone: str) -> str:
    match source.come_from.available:
        case AvailableColumn(column=column):
            return f"the time in the column {column}"
        case AvailableAfterEvent(after_event=delay):
            return f"{delay} after it happened"
        case "file_name":
            return f"the time in the file's name, {time_zone}"
        case "landed" | "committed" as when:
            return f"when it was {when}"
    return "when its file was written"


def _rules(source: Source, name: str, column: Column) -> Iterator[str]:
    if column.required or name in source.key:
        yield "given"
    ends = [
        f"{word} {end:.15g}" for word, end in (("at least", column.min), ("at most", column.max)) if end is not None
    ]
    if ends:
        yield " and ".join(ends)
    if column.allowed is not None:
        some = column.allowed[:LISTED]
        more = f" and {len(column.allowed) - LISTED} more" if len(column.allowed) > LISTED else ""
        yield "one of " + ", ".join(map(str, some)) + more
    if column.pattern is not None:
        yield f"as a whole like {column.pattern}"
    if column.length is not None:
        least, most = column.length.min, column.length.max
        yield f"{least} characters or more" if most is None else f"{least} to {most} characters"
    if column.format:
        yield f"written {column.format}"
    if column.not_in_future is not None:
        yield "not in the future"
    if column.monotone is not None:
        yield f"{column.monotone.replace('_', ' ')} within a file"
    yield from (f"{word} refused" for word in ("gap", "fold") if getattr(column, word) == "refuse")


def _told(name: str, column: Column) -> str:
    """The description, and the name in the raw record where it differs."""
    other = f"In the raw record: {column.raw}." if column.raw not in (None, name) else ""
    missing = "The raw record may lack it." if column.optional else ""
    said = f"{column.description}." if column.description and (other or missing) else column.description
    return " ".join(part for part in (said, other, missing) if part)


def _fate(column: Column) -> str:
    """What happens where a check of a column fails; nothing said means quarantine, and of a text that may be anything, nothing."""
    if column.type == "string" and not (
        column.required or column.allowed or column.pattern or column.length or column.on_fail
    ):
        return ""
    told = [
        _handling(item) if check == "all" else f"{check}: {_handling(item)}" for check, item in column.on_fail.items()
    ]
    return ", ".join(told) or _handling(Handling())


def _handling(item: Handling) -> str:
    return item.severity + (f", at most {item.at_most:.4%}".rstrip("0%").rstrip(".") + "%" if item.at_most else "")


def _markdown_table(table: Table) -> Sequence[str]:
    lines: list[Sequence[str]] = [table.head, ["---"] * len(table.head)]
    lines += [[_cell(cell) for cell in row] for row in table.rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _cell(cell: "str | tuple[str]") -> str:
    if isinstance(cell, str):
        return _safe(cell)
    text = " ".join(cell[0].split()).replace("|", "\\|")
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


_MARKUP = "\\`*_[]|~"


def _safe(text: str) -> str:
    """A text that Markdown shows as it is: on one line, without tags, emphasis, links or cells."""
    shown = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{each}" if each in _MARKUP else each for each in shown)
