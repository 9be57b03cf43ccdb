"""The cursor of a table: the column that grows, how far it was landed, and where the next landing begins."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from assay.config import Source
from assay.errors import ContractError, SourceError
from bronze.database import Database, name_of, origin_of, quoted_name, quoted_table, quoted_text

NUMBERS = {
    **dict.fromkeys(("int2", "int4", "int8", "smallserial", "serial", "bigserial"), "bigint"), "numeric": "numeric",
}  # fmt: skip
TIMES = {"timestamp": "timestamp", "timestamptz": "timestamptz", "date": "date"}
"""The database's name for a cursor's type -> the type that its values are compared in."""


@dataclass(frozen=True)
class Landed:
    """A landing before: its batch, its rows, and the highest cursor."""

    batch: int
    rows: int
    cursor: str
    highest: str


@dataclass(frozen=True)
class Range:
    """What a landing reads: cursors from `low` (None: all) to `high`, both included."""

    low: str | None
    high: str
    kind: str
    grown: bool
    """Whether the highest cursor is above all that were landed."""

    def condition(self, column: str) -> str:
        """It as a condition of SQL."""
        name = quoted_name(column)
        above = [] if self.low is None else [f"{name} >= CAST({quoted_text(self.low)} AS {_compared(self.kind)})"]
        return " AND ".join([*above, f"{name} <= CAST({quoted_text(self.high)} AS {self.kind})"])


def read_to(cursor: str, highest: str) -> str:
    """How far a table was read, for `ops.files`."""
    return json.dumps({"cursor": cursor, "highest": highest})


def landings_of(source: Source, landings: Sequence[tuple[int, str, str, int]]) -> list[Landed]:
    """The landings of a source's table, oldest first."""
    return [
        Landed(batch, rows, told["cursor"], told["highest"])
        for batch, name, text, rows in landings
        if name == name_of(source)
        for told in [json.loads(text)]
    ]


def range_of(database: Database, source: Source, kind: str, before: Sequence[Landed]) -> Range | None:
    """What is to be read now; None for an empty table.

    Args:
        database: The source's database.
        source: The contract.
        kind: The database's name for the type of the cursor.
        before: The landings of the table by this cursor.

    Raises:
        ContractError: The cursor or the overlap is of a type that cannot be.
        SourceError: There are rows without a cursor.
    """
    come_from = origin_of(source)
    compared, step = _types(source, kind)
    column, table = quoted_name(come_from.cursor), quoted_table(come_from.table)
    (missing,) = database.ask(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {column} IS NULL)")
    if missing == "t":
        (rows,) = database.ask(f"SELECT count(*) FROM {table} WHERE {column} IS NULL")
        raise SourceError(
            f"The table of source {source.name} has rows without a cursor: they would never be landed.",
            where=f"{name_of(source)} against {source.at('from', 'cursor')}", found=f"{rows} rows with {come_from.cursor} NULL",
            expected="a cursor in each row", do="fill them in at the source, or take a column that is never NULL",
        )  # fmt: skip
    (high,) = database.ask(f"SELECT CAST(max({column}) AS text) FROM {table}")
    if high is None:
        return None
    if high in ("infinity", "NaN", "Infinity"):
        raise SourceError(
            f"The highest cursor of source {source.name} is no moment or number.", where=source.at("from", "cursor"),
            found=f"{come_from.cursor} {high}", do="correct the row at the source, or read from a view without it",
        )  # fmt: skip
    if not before:
        return Range(None, high, compared, grown=True)
    last = f"CAST({quoted_text(before[-1].highest)} AS {compared})"
    (low, grown) = database.ask(
        f"SELECT CAST({last} - {step} AS text), CAST({quoted_text(high)} AS {compared}) > {last}"
        if step
        else f"SELECT CAST({last} AS text), CAST({quoted_text(high)} AS {compared}) > {last}"
    )
    return Range(low, high, compared, grown=grown == "t")


def recent(before: Sequence[Landed], low: str) -> list[int]:
    """The batches that may hold rows from `low` on."""
    return [landed.batch for landed in before if not _is_below(landed.highest, low)]


def _is_below(one: str, other: str) -> bool:
    """Whether a cursor is surely below another; not where their texts cannot be compared here."""
    try:
        return Decimal(one) < Decimal(other)
    except InvalidOperation:
        try:
            return datetime.fromisoformat(one) < datetime.fromisoformat(other)
        except ValueError:
            return False


def _compared(kind: str) -> str:
    """The type of a cursor's lower end: a date less some hours is a moment."""
    return "timestamp" if kind == "date" else kind


def _types(source: Source, kind: str) -> tuple[str, str]:
    """The type that cursors are compared in, and the overlap as SQL; nothing for none."""
    come_from, overlap = origin_of(source), origin_of(source).overlap
    if kind not in NUMBERS and kind not in TIMES:
        raise ContractError(
            f"The cursor of source {source.name} is neither a number nor a time.",
            where=f"{name_of(source)} against {source.at('from', 'cursor')}", found=f"{come_from.cursor} {kind}",
            expected=", ".join(sorted({*NUMBERS.values(), *TIMES.values()})), do="take a column that grows",
        )  # fmt: skip
    if (isinstance(overlap, timedelta) and kind in NUMBERS) or (overlap and isinstance(overlap, int) and kind in TIMES):
        raise ContractError(
            f"The overlap of source {source.name} does not go with its cursor.", where=source.at("from", "overlap"),
            found=f"{come_from.cursor} is {kind}",
            expected="a whole number" if kind in NUMBERS else "a duration such as 1h",
        )  # fmt: skip
    if not overlap:
        return (NUMBERS | TIMES)[kind], ""
    step = f"INTERVAL '{int(overlap.total_seconds())} seconds'" if isinstance(overlap, timedelta) else str(overlap)
    return (NUMBERS | TIMES)[kind], step
