"""Records of a Parquet file: typed and nested values as text."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from assay.files import file_system
from bronze.record import Record, as_text

BATCH_ROWS = 10_000
BATCH_BYTES = 1 << 25
"""Of a row group's values, as its own figures say."""

_CLASSES = (
    ("null", types.is_null),
    ("boolean", types.is_boolean),
    ("integer", types.is_integer),
    ("floating", types.is_floating),
    ("decimal", types.is_decimal),
    ("string", types.is_string),
    ("string", types.is_large_string),
    ("date", types.is_date),
    ("timestamp", types.is_timestamp),
    ("time", types.is_time),
    ("binary", types.is_binary),
    ("binary", types.is_large_binary),
    ("binary", types.is_fixed_size_binary),
    ("nested", types.is_nested),
)


def open_parquet(root: str, path: str) -> pq.ParquetFile:
    """A Parquet file, its footer read."""
    system, base = file_system(root)
    return pq.ParquetFile(system.open_input_file(f"{base}/{path}"))


def classes(root: str, path: str) -> list[str]:
    """The class of each column's type: integer, decimal, floating, boolean, string, date, timestamp, nested, …"""
    return [class_of(field.type) for field in open_parquet(root, path).schema_arrow]


def class_of(kind: pa.DataType) -> str:
    """The class of an Arrow type; its own name where it belongs to none."""
    if types.is_dictionary(kind):
        return class_of(kind.value_type)
    return next((name for name, belongs in _CLASSES if belongs(kind)), str(kind))


def parquet_records(root: str, path: str) -> Iterator[Record]:
    """Every record, in order, as many at a time as memory is meant for."""
    file, position = open_parquet(root, path), 0
    for group in range(file.num_row_groups):
        told = file.metadata.row_group(group)
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES * told.num_rows // max(1, told.total_byte_size)))
        for batch in file.iter_batches(batch_size=rows, row_groups=[group]):
            for row in batch.to_pylist():
                position += 1
                values = {name: as_text(_plain(value)) for name, value in row.items()}
                yield Record(position, values, size=sum(len(value) for value in values.values() if value))


def _plain(value: Any) -> Any:
    """Dates, times and decimals as their usual text; bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool, list, dict)) else str(value)
