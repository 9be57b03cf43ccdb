"""The contract that is proposed for a source."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from assay.printable import printable
from assay.times import format_duration
from jobs.begin.columns import Column
from jobs.begin.keys import Key
from jobs.begin.limits import limits
from jobs.begin.names import identifier, in_sql
from jobs.begin.records import Looked
from jobs.begin.times import Times
from jobs.begin.yaml_text import comment, decide, document, entry, flow


@dataclass(frozen=True)
class Proposed:
    """A source, as it was seen and is proposed."""

    looked: Looked
    columns: tuple[Column, ...]
    nulls: tuple[str, ...]
    """Texts that mean that there is no value."""

    key: Key
    times: Times

    @property
    def name(self) -> str:
        """The source's name."""
        return self.looked.group.name

    @property
    def event_time(self) -> str | None:
        """The contract's event time: the column, or of a day the instant at which it begins."""
        event = self.times.event
        if event is None:
            return None
        return event.name if event.type == "timestamp" else self._new(f"{event.name}_at")

    @property
    def key_names(self) -> tuple[str, ...]:
        """The contract's key."""
        return self.key.names or (self._new("record_id"),)

    @property
    def derived(self) -> dict[str, dict[str, Any]]:
        """Columns that are made of others."""
        made: dict[str, dict[str, Any]] = {}
        event = self.times.event
        if event is not None and self.event_time is not None and self.event_time != event.name:
            made[self.event_time] = {
                "expr": f"timestamp({in_sql(event.name)})", "required": True, "description": f"When {event.name} begins",
            }  # fmt: skip
        if not self.key.names:
            texts = ", ".join(f"coalesce(cast({in_sql(column.name)} as string), '')" for column in self.columns)
            told = "A hash of all that the record says"
            made[self.key_names[0]] = {
                "expr": f"sha2(concat_ws('|', {texts}), 256)",
                "required": True,
                "description": told,
            }
        return made

    @property
    def history(self) -> str:
        """The contract's."""
        return "snapshot" if self.key.complete and self.times.available == "file_name" else "versions"

    def column(self, name: str) -> Column | None:
        """A column by its name in the contract or in the files."""
        return next((column for column in self.columns if name in (column.name, column.raw)), None)

    def _new(self, name: str) -> str:
        return identifier(name, {column.name.lower() for column in self.columns})


def contract(source: Proposed) -> str:
    """The text of `sources/<name>.yml`."""
    return document([*_head(source), "", *_key(source), "", *_columns(source), *_derived(source)])


def _head(source: Proposed) -> Iterator[str]:
    looked, times = source.looked, source.times
    yield from comment(f"Proposed by `assay init`, from {seen(looked)}.")
    if not looked.whole:
        yield from comment("Other records may differ from those: what breaks a check will be in quarantine.")
    if looked.unreadable:
        yield from comment(f"Cannot be read: {looked.unreadable:,} more, which will be in quarantine with the reason.")
    grain = ", ".join(source.key_names)
    yield from decide("say what a record is.")
    yield entry("description", f"Records of {source.name}. One row per {grain}.")
    yield from decide(f"when could a record first be known? {_sentence(times.available_why)}")
    available = times.available
    told = {"after_event": format_duration(available)} if isinstance(available, timedelta) else available
    yield entry("from", {"files": looked.group.glob, "available": told})


def _key(source: Proposed) -> Iterator[str]:
    key, times, rows = source.key, source.times, source.looked.rows
    if not key.names:
        yield from decide("name what identifies a record: no few columns do, so records that say all the same are one.")
    elif key.across:
        yield from decide(f"does this identify a record? It is unique in {_all(source.looked)} {rows:,} records.")
    else:
        yield from decide(
            "does this identify a record? It is unique in each file, and later files bring it again, most of it unchanged."
        )
    yield entry("key", list(source.key_names))
    if source.history == "snapshot":
        yield from decide(
            "is a record gone that a later file lacks? Each file has nearly all keys of the one before it."
        )
        yield "history: snapshot"
    elif key.complete:
        yield from decide(
            "is a record gone that a later file lacks? Then: history: snapshot, which needs delivery times in names."
        )
    if source.event_time:
        yield from decide(f"is this when it happened? {_sentence(times.event_why)}")
        yield entry("event_time", source.event_time)
    else:
        yield from decide(f"event_time: <column>, if one says when it happened. {_sentence(times.event_why)}")
    if len(source.nulls) > 1:
        yield entry("nulls", list(source.nulls)) + "    # what stands where numbers or times have no value"
    if source.event_time:
        yield from decide(
            f"freshness: {format_duration(times.delay + timedelta(days=2))}, to stop silver when nothing newer has come."
        )
    yield from decide("baseline: {}, to stop a batch that is unlike the nights before.")


def _columns(source: Proposed) -> Iterator[str]:
    if any(column.is_number for column in source.columns):
        yield from decide("min and max leave room for ten times what was seen; set them to what can be.")
    yield "columns:"
    for column in source.columns:
        settings, told = limits(column, in_key=column.name in source.key_names)
        yield from _questions(source, column, settings)
        written: dict[str, Any] = {"type": column.type} | ({"from": column.raw} if column.raw != column.name else {})
        written |= ({"format": column.kind.format} if column.kind.format else {}) | (
            {} if column.everywhere else {"optional": True}
        )
        yield f"  {flow(column.name)}: {flow(written | settings)}    # {printable(told)}"
    if "" in source.looked.held:
        yield from comment("A column without a name is kept in bronze's `extra`.", "  ")


def _questions(source: Proposed, column: Column, settings: dict[str, Any]) -> Iterator[str]:
    """What is to be decided of a column."""
    if not column.everywhere:
        held, files = source.looked.held.get(column.raw, 0), source.looked.headers
        yield from decide(f"{held:,} of {files:,} files have {column.name}; without optional each file must.", "  ")
    if "allowed" in settings:
        yield from decide(f"is another value of {column.name} wrong? It would go to quarantine.", "  ")
    if column.ambiguous:
        yield from decide(f"is {column.name} written month/day, or day/month? No value tells.", "  ")
    if column.local:
        yield from decide(f"{column.name} names no time zone: that of lakehouse.yml is taken, or time_zone here.", "  ")
    if column.doubtful:
        told = ", ".join(column.doubtful)
        yield from decide(f"does {told} mean that {column.name} has no value? Then add it to nulls.", "  ")


def _derived(source: Proposed) -> Iterator[str]:
    if source.derived:
        yield from ("", "derived:")
        yield from (entry(name, settings, "  ") for name, settings in source.derived.items())


def seen(looked: Looked) -> str:
    """How much was read, in words."""
    records, files = _counted(looked.rows, "record"), _counted(len(looked.group.files), "file")
    if looked.whole:
        return f"all {records} of {files}"
    return f"{records} in {len(looked.read):,} of {files}, as there are many"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _all(looked: Looked) -> str:
    return "all" if looked.whole else "the first"
