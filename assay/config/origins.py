"""Where a source's records come from: files, a table of a database by JDBC, or another Delta table."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator

from assay.config.base import Config, Identifier
from assay.paths import below
from assay.times import Duration, parse_duration

_TABLE = re.compile(r"^[^\s\"'`;.\x00]{1,63}(\.[^\s\"'`;.\x00]{1,63})?\Z")


class AvailableColumn(Config):
    """The record itself says when it became available."""

    column: Identifier
    """A column of type timestamp, or date: then the end of that day, local time."""


class AvailableAfterEvent(Config):
    """A record becomes available a fixed delay after its event time."""

    after_event: Duration
    """The delay, such as 6h."""


NewColumn = Annotated[
    Literal["keep", "ignore", "fail"],
    Field(
        description="When a record has a column that the contract does not name: keep it in bronze's `extra`, leave it "
        "out, or stop."
    ),
]


class Files(Config):
    """Files in a folder, landed once each."""

    files: str
    """A glob relative to the lakehouse's landing root: `landing/outcomes/*.csv`."""

    format: Literal["csv", "jsonl", "parquet"] | None = None
    """By default read from the file name's ending (`.csv`, `.jsonl`, `.json`, `.parquet`, each also `.gz`)."""

    available: Literal["modified", "file_name"] | AvailableColumn | AvailableAfterEvent = "modified"
    """When a record could first be known: when the file was written, the local time in its name
    (`2013-03-01T06-00.csv`), a column, or a delay after its event time."""

    on_changed: Literal["version", "fail"] = "version"
    """When a file that was landed comes again under its name with other content: land it too, its records being
    corrections, or stop."""

    on_new_column: NewColumn = "keep"

    @field_validator("files")
    @classmethod
    def _confined(cls, glob: str) -> str:
        return below(glob, "the landing root")


def _table(name: str) -> str:
    if not _TABLE.match(name):
        raise ValueError(f"{name!r} is not a table: write name or schema.name, as the database spells them")
    return name


def _column(name: str) -> str:
    if not name or len(name) > 63 or "\0" in name:
        raise ValueError(f"{name!r} is not a column's name")
    return name


def _overlap(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, bool) or (isinstance(value, int) and value < 0):
        raise ValueError(
            f"{value!r} is not an overlap: a duration such as 1h, or for a cursor of numbers a whole number"
        )
    return value


class Jdbc(Config):
    """A table of a database, read by a column that grows: each landing reads the rows that were added or changed."""

    jdbc: Identifier
    """A connection's name in the environment's `connections`."""

    table: Annotated[str, AfterValidator(_table)]
    """The table or view, `orders` or `public.orders`, as the database spells it."""

    cursor: Annotated[str, AfterValidator(_column)]
    """The column that grows with every row that is added or changed, a number or a time; never NULL."""

    overlap: Annotated[int | Duration, BeforeValidator(_overlap)] = 0
    """How far below the highest cursor landed a landing begins, so that rows that are committed late are met: a
    duration for a time (`1h`), a whole number for a number. Rows that are met again are not landed again."""

    available: Literal["landed"] | AvailableColumn | AvailableAfterEvent = "landed"
    """When a record could first be known: when it was landed, a column, or a delay after its event time."""

    on_new_column: NewColumn = "keep"


class DeltaTable(Config):
    """Another Delta table, read by version: each landing takes what was added since the one before."""

    delta: str
    """A path below the lakehouse's landing root, or the table's URI."""

    available: Literal["committed"] | AvailableColumn | AvailableAfterEvent = "committed"
    """When a record could first be known: when it was committed there, a column, or a delay after its event time."""

    on_changed: Literal["version", "fail"] = "fail"
    """When a commit removes or rewrites rows and the table has no change data feed: compare the whole table with what
    it was, and land what is new in it, or stop."""

    on_new_column: NewColumn = "keep"

    @field_validator("delta")
    @classmethod
    def _confined(cls, path: str) -> str:
        confined = "://" in path or not (path.startswith(("/", "file:")) or ".." in path.split("/"))
        if re.search(r"://[^/]*:[^/]*@", path):
            raise ValueError("an address does not hold a password: give storage its credentials by the environment")
        if not path or "\0" in path or not confined:
            raise ValueError(
                f"{path!r} leaves the landing root; give a path below it, without .., or a URI such as s3a://…"
            )
        return path.rstrip("/")


KINDS: dict[str, type[Config]] = {"files": Files, "jdbc": Jdbc, "delta": DeltaTable}
"""The key that tells a kind -> its model."""


def _kind(value: Any) -> str:
    """Which kind is meant: the one whose key is there, or else is nearest."""
    if not isinstance(value, Mapping):
        return type(value).__name__ if isinstance(value, Config) else Files.__name__
    for key in value:
        if near := get_close_matches(str(key), KINDS, n=1, cutoff=1 if set(KINDS) & set(value) else 0.7):
            return KINDS[near[0]].__name__
    return Files.__name__


ComeFrom = Annotated[
    Annotated[Files, Tag("Files")] | Annotated[Jdbc, Tag("Jdbc")] | Annotated[DeltaTable, Tag("DeltaTable")],
    Discriminator(_kind),
    Field(description="Where records come from."),
]
