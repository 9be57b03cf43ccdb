"""What a task does of an as-of join by files: reads what its questions can use, and joins with DuckDB.

It first finds, with keys and times alone, which row answers each question, then reads the features of those rows, and decides
ties only where there are any.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds

GROUP = 500_000
"""Rows of the spine that a task answers at once."""
_MEMORY = "1GB"
"""What DuckDB takes of a task's memory; beyond it uses the disk."""
_MILLISECOND = 1_000


@dataclass(frozen=True)
class Files:
    """A side, as a task reads it; times in microseconds."""

    folder: str
    version: int
    keys: tuple[str, ...]
    time: str
    created: str | None
    ttl: int | None
    features: tuple[str, ...]
    empty: tuple[str | None, ...] | None
    """Of a table that is written in slices: what each feature reads as for an entity that a slice has no row of."""

    def scan(self, first: int, last: int, columns: "dict[str, ds.Expression]") -> pa.RecordBatchReader:
        """What counts for questions of a range of times, or a little more."""
        from deltalake import DeltaTable
        from pyarrow.dataset import ParquetReadOptions, field

        at = field(self.time)
        wanted = at <= _instant(last)
        if self.ttl is not None:  # Delta's log has the greatest time of a file without what is below a millisecond
            wanted &= at >= _instant(first - self.ttl - _MILLISECOND)
        table = DeltaTable(self.folder, version=self.version)
        found = table.to_pyarrow_dataset(parquet_read_options=ParquetReadOptions(coerce_int96_timestamp_unit="us"))
        return found.scanner(columns=columns, filter=wanted).to_reader()


def groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows of a task, as many at a time as are answered at once."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= GROUP:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held)


def answers(asked: pa.Table, sides: Sequence[Files]) -> pa.Table:
    """The features of all sides, a row for each row of the spine, in its order."""
    import duckdb

    times = pc.min_max(asked["time"]).as_py()
    asked = asked.append_column("n", pa.array(range(asked.num_rows), pa.int64()))
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY, "temp_directory": folder}) as database,
    ):
        database.execute("SET TimeZone = 'UTC'")
        database.register("asked", asked)
        for number, side in enumerate(sides):
            _answer(database, number, side, times["min"] or 0, times["max"] or 0)
        columns = ", ".join(
            f"told{number}.f{at}" for number, side in enumerate(sides) for at in range(len(side.features))
        )
        joins = " ".join(f"LEFT JOIN told{number} USING (n)" for number in range(len(sides)))
        return database.sql(f"SELECT {columns} FROM asked {joins} ORDER BY n").to_arrow_table()


def _answer(database: "duckdb.DuckDBPyConnection", number: int, side: Files, first: int, last: int) -> None:
    """Make the table `told<number>`: for each question that a side answers, the features."""
    from pyarrow.dataset import field

    moment: dict[str, Any] = {"moment": field(side.time).cast(pa.int64())}
    keys: dict[str, Any] = {f"k{place}": field(name) for place, name in enumerate(side.keys)}
    features: dict[str, Any] = {f"f{place}": field(name) for place, name in enumerate(side.features)}
    created: dict[str, Any] = {"created": field(side.created).cast(pa.int64())} if side.created else {}
    asked = ", ".join(["n", "time", *(f"k{number}_{place} AS k{place}" for place in range(len(side.keys)))])
    database.execute(f"CREATE OR REPLACE TEMP VIEW mine AS SELECT {asked} FROM asked")
    same = "".join(f" AND a.{key} = r.{key}" for key in keys)
    if side.empty is None:
        database.register("rows", side.scan(first, last, moment | keys))
        newest = f"rows r ON a.time >= r.moment{same}"
    else:
        sliced = {name: features[name] for name, empty in zip(features, side.empty, strict=True) if empty is not None}
        database.register("rows", side.scan(first, last, moment | sliced))
        whole = " AND ".join([f"count({name}) > 0" for name in sliced] or ["true"])
        newest = f"(SELECT moment, {whole} AS whole FROM rows GROUP BY moment) r ON a.time >= r.moment"
    fresh = " AND ".join(
        [f"a.{key} IS NOT NULL" for key in keys] + ([] if side.ttl is None else [f"a.time - r.moment <= {side.ttl}"])
    )
    found = database.execute(
        f"CREATE OR REPLACE TEMP TABLE found AS SELECT a.*, r.moment{'' if side.empty is None else ', r.whole'}"
        f" FROM mine a ASOF JOIN {newest} WHERE {fresh or 'true'}"
    ).fetchall()[0][0]
    database.register("rows", side.scan(first, last, moment | keys | features | created))
    values = [*features, *created] if side.empty is None else [*_or_empty(list(features), side.empty), *created]
    told = database.execute(
        f"CREATE TEMP TABLE told{number} AS SELECT a.n, {', '.join(values)}"
        f" FROM found a LEFT JOIN rows r ON a.moment = r.moment{same}"
    ).fetchall()[0][0]
    if told > found:  # rows of one time
        order = ", ".join(f"{name} DESC NULLS LAST" for name in (*created, *features))
        database.execute(
            f"CREATE OR REPLACE TEMP TABLE told{number} AS SELECT * FROM told{number}"
            f" QUALIFY row_number() OVER (PARTITION BY n ORDER BY {order}) = 1"
        )


def _or_empty(names: Sequence[str], empty: Sequence[str | None]) -> list[str]:
    """Features of a row, or of no row their empty values where the slice has them."""
    return [
        name
        if value is None
        else f"CASE WHEN r.moment IS NULL AND a.whole THEN {_text(value)} ELSE r.{name} END AS {name}"
        for name, value in zip(names, empty, strict=True)
    ]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _instant(micros: int) -> pa.Scalar:
    return pa.scalar(micros, pa.int64()).cast(pa.timestamp("us", "UTC"))
