"""What all kinds of sources share: a delivery, and the registry of kinds.

A kind looks for what is new in its sources, and reads what is to be landed. The rest is the stage's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame

from assay.config import Source
from assay.config.base import Config
from assay.errors import AssayError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from bronze.seen import Seen

STATUSES = ("landed", "duplicate", "quarantined", "waiting")
"""What becomes of a delivery; one that waits is looked at anew by the next run."""


@dataclass(frozen=True)
class Delivery:
    """What a source brought at once: a file, the new rows of a table."""

    source: Source
    name: str
    """The file, or the name of what was read: in bronze `source_file`, or the beginning of it."""

    status: str
    available_at: datetime | None = None
    reason: str | None = None
    bytes: int | None = None
    modified_at: datetime | None = None
    sha256: str | None = None
    read_to: str | None = None
    """How far a source besides files was read: where the next landing begins."""

    batch: int | None = None
    records: int = 0
    notes: tuple[str, ...] = ()
    """What is to be said once it is landed."""

    detail: Any = None
    """What the kind needs to read it."""


@dataclass
class Looked:
    """What a kind found in its sources."""

    deliveries: list[Delivery] = field(default_factory=list)

    seen: dict[str, list[str]] = field(default_factory=dict)
    """Source -> the names of what was there and not known, whatever became of it."""


@dataclass(frozen=True)
class Kind:
    """One kind of source."""

    look: Callable[[Lakehouse, Sequence[Source], Mapping[str, Seen], Outcome], Looked]
    """Find what is new and delivered by the as_of, decide what becomes of it, and say why."""

    read: Callable[[Lakehouse, Sequence[Delivery]], DataFrame]
    """The records of the deliveries of one source, as bronze rows without the batch's own columns."""

    changed: Callable[[Lakehouse, Sequence[Delivery]], set[str]] = lambda _lakehouse, _deliveries: set()
    """Names of what changed while it was landed: then nothing of it counts."""

    failure: Callable[[Lakehouse, Sequence[Delivery], Exception], AssayError | None] = lambda *_: None
    """The error to tell where Spark fails to read; None where it is not the source's."""


KINDS: dict[type[Config], Kind] = {}
"""Model of a contract's `from` -> the kind."""


def kind_of(source: Source) -> Kind:
    """The kind of a source."""
    return KINDS[type(source.come_from)]


def bronze_schema(source: Source) -> str:
    """The columns of `bronze.<source>` that records of files have, as DDL."""
    columns = [f"`{name}` string" for name in source.columns]
    return ", ".join([
        *columns, "extra map<string, string>", "corrupt string", "raw string", "source_file string",
        "source_position bigint", "available_at timestamp",
    ])  # fmt: skip
