"""What the features stage has to do, and why: decided here for the stage that does it and for `assay plan` that tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from assay import ledger
from assay.config import FeatureTable
from assay.known import Target
from assay.lakehouse import Lakehouse
from gold.definitions import Recorded, built_by, definition_key, recorded, version_of, version_of_name, written

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Why(StrEnum):
    """Why a slice is built."""

    NEW = "not built yet"
    GAP = "missing, though a later night is built"
    DEFINITION = "built by another definition"
    CODE = "built by another version of assay"
    REWRITE = "built already, and to be replaced"


@dataclass(frozen=True)
class Decision:
    """What is to be done about one feature table."""

    table: FeatureTable
    version: int
    """The number of its definition."""
    of: str
    """The feature table of the configuration that it is, or is an older version of."""
    build: Mapping[datetime, Why]
    """The nights to compute, oldest first."""
    take: tuple[datetime, ...]
    """Of an older version: the nights that `gold.<table>` still has by it, and that are taken over from there."""
    skip: tuple[datetime, ...]
    """The nights that are complete."""
    was: Recorded | None
    """The version by which what is newest of the table was built, if that is another one."""
    ever: bool
    """Whether the table has been built before, whatever the night."""

    @property
    def is_older(self) -> bool:
        """Whether it is built only because a model reads it."""
        return self.of != self.table.name


def decide(
    lakehouse: Lakehouse, as_ofs: Sequence[datetime], kept: Sequence[FeatureTable] = (), *, rewrite: bool = False
) -> tuple[Decision, ...]:
    """What is to be done about every feature table for some nights. Reads the ledger, and writes nothing.

    Args:
        lakehouse: The lakehouse.
        as_ofs: The nights.
        kept: Older versions that are still read, as tables of their own.
        rewrite: Whether what is complete is replaced.
    """
    newest = ledger.known(lakehouse, as_ofs).newest
    begun = {table.name for table in kept if f"gold.{table.name}" in newest}
    ever = [_FIRST] if len(begun) < len(kept) else []  # of one that begins, all nights are taken over
    facts = _Facts(
        sorted(set(as_ofs)), written(lakehouse, [*ever, *as_ofs, _LAST]), newest, recorded(lakehouse), rewrite
    )
    tables = [*lakehouse.config.features.values(), *kept]
    return tuple(_decision(table, facts, begins=table in kept and table.name not in begun) for table in tables)


@dataclass(frozen=True)
class _Facts:
    """What is known, and asked for."""

    nights: Sequence[datetime]
    written: Mapping[tuple[datetime, str], Target]
    newest: Mapping[str, Target]
    known: Sequence[Recorded]
    rewrite: bool


def _decision(table: FeatureTable, facts: _Facts, *, begins: bool) -> Decision:
    older = version_of_name(table.name)
    of, version = older or (table.name, version_of(facts.known, table))
    take = _to_take(table.name, of, version, facts, begins=begins) if older else ()
    build = {night: why for night in facts.nights if night not in take and (why := _why(table, version, night, facts))}
    newest = facts.newest.get(f"gold.{table.name}")
    was = built_by(facts.known, newest) if newest and not older else None
    return Decision(
        table, version, of, build, take,
        skip=tuple(night for night in facts.nights if night not in build and night not in take),
        was=was if was and was.version != version else None,
        ever=newest is not None,
    )  # fmt: skip


def _to_take(name: str, of: str, version: int, facts: _Facts, *, begins: bool) -> tuple[datetime, ...]:
    """The nights that the table of the configuration still has by an older version, which has them not."""
    return tuple(sorted(
        night
        for (night, target), made in facts.written.items()
        if target == of
        and (night, name) not in facts.written
        and (begins or night in facts.nights)
        and not (facts.rewrite and night in facts.nights)
        and (by := built_by(facts.known, made)) and by.version == version
    ))  # fmt: skip


def _why(table: FeatureTable, version: int, night: datetime, facts: _Facts) -> Why | None:
    made = facts.written.get((night, table.name))
    if made is None:
        later = any(target == table.name and night < other for other, target in facts.written)
        return Why.GAP if later else Why.NEW
    if made.key == definition_key(table):
        return Why.REWRITE if facts.rewrite else None
    by = built_by(facts.known, made)
    return Why.CODE if version_of_name(table.name) or (by and by.version == version) else Why.DEFINITION
