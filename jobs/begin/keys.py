"""What identifies a record: the fewest columns whose values no two records share."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import duckdb

from jobs.begin.columns import Column
from jobs.begin.records import Looked

MOST_COLUMNS = 4
_CANDIDATES = 12
_TRIED = 20_000
"""Records that a key is first tried on; one that holds there is tried on all."""

_CALLED = re.compile(
    r"(?i:(?:^|_)(?:id|key|code|no|nr|num|number|uuid|guid|sku)(?:_|$)|num$)|[a-z](?:Id|ID|Key|Code|No)$"
)
_SAME = 0.5
"""Records of a key in several files are versions of one if more than this share of their values stays the same."""


@dataclass(frozen=True)
class Key:
    """What seems to identify a record."""

    columns: tuple[Column, ...]
    """Empty where no columns do."""

    across: bool = True
    """Whether no two records of all files share it; otherwise no two of one file do, and later files bring it again."""

    complete: bool = False
    """Whether each file has nearly all keys of the one before."""

    @property
    def names(self) -> tuple[str, ...]:
        """The contract's names of the columns."""
        return tuple(column.name for column in self.columns)


def is_called_a_key(column: Column) -> bool:
    """Whether its name says that it identifies something."""
    return bool(_CALLED.search(column.name) or _CALLED.search(column.raw))


def key_of(connection: duckdb.DuckDBPyConnection, looked: Looked, columns: Sequence[Column]) -> Key:
    """The key of the records in the table `rows`; of several that would do, the one of fewest and likeliest columns."""
    able = [
        column
        for column in columns
        if column.always and not column.doubtful and column.type not in ("double", "boolean")
    ]
    likely = sorted(able, key=lambda column: (-_likelihood(column), column.number))[:_CANDIDATES]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW tried AS SELECT * FROM rows LIMIT {_TRIED}")
    for size in range(1, MOST_COLUMNS + 1):
        for across in (True, False):
            if not across and len(looked.read) == 1:
                continue
            for chosen in _sets(likely, size, looked.rows if across else 1):
                texts = [column.text for column in chosen] + ([] if across else ["file"])
                if not (_unique(connection, "tried", texts) and _unique(connection, "rows", texts)):
                    continue
                if across or _is_the_same_record(connection, chosen, columns):
                    ordered = tuple(sorted(chosen, key=lambda column: column.number))
                    return Key(ordered, across, not across and _is_complete(connection, texts[:-1], len(looked.read)))
    return Key(())


def _likelihood(column: Column) -> int:
    """How likely a column is part of a key: what is named so, then text and times, then other whole numbers."""
    return 2 if is_called_a_key(column) else 1 if column.type not in ("int", "long") else 0


def _sets(likely: Sequence[Column], size: int, rows: int) -> Iterator[tuple[Column, ...]]:
    """Sets of columns that have values enough, the likeliest first; no times alone, where there is something else."""
    times_do = all(column.is_time for column in likely)
    able = [
        chosen
        for chosen in combinations(likely, size)
        if prod(column.distinct for column in chosen) >= rows and (times_do or not all(each.is_time for each in chosen))
    ]
    yield from sorted(able, key=lambda chosen: -sum(_likelihood(column) for column in chosen))


def _unique(connection: duckdb.DuckDBPyConnection, table: str, texts: Sequence[str]) -> bool:
    names = ", ".join(texts)
    row = connection.execute(
        f"SELECT (SELECT count(*) FROM {table}) = (SELECT count(*) FROM (SELECT DISTINCT {names} FROM {table}))"
    ).fetchone()
    return bool(row and row[0])


def _is_the_same_record(
    connection: duckdb.DuckDBPyConnection, chosen: Sequence[Column], columns: Sequence[Column]
) -> bool:
    """Whether records that share a key in several files say mostly the same, and of the same times."""
    others = [column for column in columns if column not in chosen]
    if not others:
        return True
    names = ", ".join(column.text for column in chosen)
    same = ", ".join(f"(count(DISTINCT {column.text}) <= 1)::INT AS s{column.number}" for column in others)
    shares = ", ".join(f"avg(s{column.number})" for column in others)
    row = connection.execute(
        f"SELECT {shares} FROM (SELECT {same} FROM rows GROUP BY {names} HAVING count(*) > 1)"
    ).fetchone()
    if row is None or row[0] is None:
        return True
    times = [share for share, column in zip(row, others, strict=True) if column.is_time]
    return bool(sum(row) / len(row) > _SAME and (not times or max(times) > _SAME))


def _is_complete(connection: duckdb.DuckDBPyConnection, texts: Sequence[str], files: int) -> bool:
    names = ", ".join(texts)
    row = connection.execute(
        f"SELECT min(kept) FROM (SELECT avg((b.file IS NOT NULL)::INT) AS kept FROM rows a "
        f"LEFT JOIN rows b ON ({', '.join(f'a.{text}' for text in texts)}) = ({', '.join(f'b.{text}' for text in texts)}) "
        f"AND b.file = a.file + 1 WHERE a.file < {files - 1} GROUP BY a.file)"
    ).fetchone()
    return bool(names and row and row[0] is not None and row[0] >= 0.9)
