"""What there is in each column of a source's files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from jobs.begin.kinds import KINDS, LOCAL, NULLS, STRING, Kind
from jobs.begin.names import identifier
from jobs.begin.records import Looked

FEW = 12
"""So many different values may be listed."""


_OFTEN = "(" + ", ".join(f"'{text}'" for text in NULLS) + ")"

_SWAPPED: dict[str | None, str] = {
    kind.format: other.fits
    for kind in KINDS
    for other in KINDS
    if kind.format and other.format and kind.format.partition(" ") == ("MM/dd/yyyy", *other.format.partition(" ")[1:])
    and other.format.startswith("dd/MM/yyyy")
}  # fmt: skip
"""A format of which the day and the month could be the other way round -> whether a text fits that too."""


@dataclass(frozen=True)
class Column:
    """A column as it was seen."""

    name: str
    """The contract's."""

    raw: str
    number: int
    """Its place in the table `rows`."""

    kind: Kind
    local: bool
    """Whether it holds times that name no zone."""

    ambiguous: bool
    """Whether the day and the month might be the other way round."""

    everywhere: bool
    """Whether each file has it."""

    doubtful: tuple[str, ...]
    """Texts that often mean that there is no value, and count as one here."""

    rows: int
    missing: int
    distinct: int
    least: float | None
    most: float | None
    """Of numbers; of times, microseconds since 1970."""

    values: tuple[tuple[str, int], ...]
    """The different values and how often each was seen, the most frequent first; none where there are more than `FEW`."""

    @property
    def type(self) -> str:
        """The contract's type."""
        return self.kind.type

    @property
    def is_number(self) -> bool:
        """Whether it can be summed."""
        return self.type in ("int", "long", "double")

    @property
    def is_time(self) -> bool:
        """Whether it can tell when something happened."""
        return self.type in ("date", "timestamp")

    @property
    def always(self) -> bool:
        """Whether each record has a value of it."""
        return self.everywhere and self.missing == 0

    @property
    def text(self) -> str:
        """Its raw text in the table `rows`."""
        return f'"c{self.number}"'

    @property
    def value(self) -> str:
        """Its value in the table `rows`, where there is one."""
        return re.sub(r"\bx\b", self.text, self.kind.value)


def profile(connection: duckdb.DuckDBPyConnection, looked: Looked) -> tuple[list[Column], list[str]]:
    """The columns of the table `rows`, and the texts that mean that there is no value."""
    connection.execute("SET TimeZone = 'UTC'")
    kinds: dict[str, Kind] = {}
    nulls = {""}
    for raw, number in looked.columns.items():
        connection.execute(
            f"CREATE OR REPLACE TABLE v{number} AS SELECT c{number} AS x, count(*) AS n FROM rows GROUP BY 1"
        )
        kinds[raw], met = _kind(connection, number)
        nulls |= set(met) if kinds[raw] is not STRING else set()
    found: list[Column] = []
    for raw, number in looked.columns.items():
        name = identifier(raw, {column.name.lower() for column in found})
        found.append(_column(connection, looked, name, raw, kinds[raw], sorted(nulls)))
        connection.execute(f"DROP TABLE v{number}")
    return found, ["", *sorted(nulls - {""})]


def _kind(connection: duckdb.DuckDBPyConnection, number: int) -> tuple[Kind, list[str]]:
    """The first kind that all texts of a column are of, and those of its texts that often mean nothing."""
    tried = ", ".join(f"coalesce(bool_and({kind.fits}) FILTER (NOT x IN $nulls), false)" for kind in KINDS)
    row = _one(connection, f"SELECT list(x) FILTER (x IN $nulls), {tried} FROM v{number} WHERE x IS NOT NULL", NULLS)
    fits = [kind for kind, all_fit in zip(KINDS, row[1:], strict=True) if all_fit]
    return fits[0] if fits else STRING, row[0] or []


def _column(
    connection: duckdb.DuckDBPyConnection, looked: Looked, name: str, raw: str, kind: Kind, nulls: Sequence[str]
) -> Column:
    number = looked.columns[raw]
    seen = f"FROM v{number} WHERE NOT x IN $nulls"
    ends = f"min({kind.value}), max({kind.value})" if kind.type not in ("string", "boolean") else "NULL, NULL"
    times, distinct, least, most, local, swapped, doubtful = _one(
        connection,
        f"SELECT coalesce(sum(n), 0), count(*), {ends}, bool_and({LOCAL.fits}), bool_and({_SWAPPED.get(kind.format, 'false')}), "
        f"list(x ORDER BY x) FILTER (x IN {_OFTEN}) {seen}",
        nulls,
    )
    few = connection.execute(
        f"SELECT x, n {seen} ORDER BY n DESC, x LIMIT {FEW + 1}", {"nulls": list(nulls)}
    ).fetchall()
    return Column(
        name=name,
        raw=raw,
        number=number,
        kind=kind,
        local=kind.type == "timestamp" and (kind.format is not None or bool(local)),
        ambiguous=bool(swapped),
        doubtful=tuple(doubtful or ()),
        everywhere=looked.held.get(raw, 0) == looked.headers,
        rows=looked.rows,
        missing=looked.rows - int(times),
        distinct=distinct,
        least=least,
        most=most,
        values=tuple((text, int(times)) for text, times in few) if len(few) <= FEW else (),
    )


def _one(connection: duckdb.DuckDBPyConnection, query: str, nulls: Sequence[str]) -> tuple[Any, ...]:
    row = connection.execute(query, {"nulls": list(nulls)}).fetchone()
    assert row is not None  # noqa: S101  # an aggregate without groups gives a row
    return row
