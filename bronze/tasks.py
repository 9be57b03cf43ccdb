"""What runs inside Spark tasks, over a frame of files: look at each file whole, then read its records."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from assay.files import file_system
from bronze import parquet, readers

INSPECTED = "number int, sha256 string, columns array<string>, types array<string>, error string"
"""What `inspect` returns: a row per file."""

BATCH_ROWS = 20_000

BATCH_SIZE = 16_000_000
"""Characters of the records that are held at a time, beside one more record."""


def inspect(root: str) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Read each file to its end: hash its bytes, unpack it, find its columns. A damaged file gets an error, no rows.

    The frame has `number`, `path`, `format`, and `all_names`: whether every JSON line is to be asked for its names.
    """

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [
                {"number": file["number"], **_inspect(root, file["path"], file["format"], all_names=file["all_names"])}
                for file in batch.to_pylist()
            ]
            yield pa.RecordBatch.from_pylist(rows, schema=_INSPECTED)

    return task


_INSPECTED = pa.schema(
    [
        ("number", pa.int32()),
        ("sha256", pa.string()),
        ("columns", pa.list_(pa.string())),
        ("types", pa.list_(pa.string())),
        ("error", pa.string()),
    ]
)


def _inspect(root: str, path: str, kind: str, *, all_names: bool) -> dict[str, object]:
    system, base = file_system(root)
    digest = hashlib.sha256()
    try:
        with system.open_input_stream(f"{base}/{path}", compression=None) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        with readers.open_stream(root, path) as stream:
            while stream.read(1 << 20):
                pass
        columns = readers.names_used(root, path) if kind == "jsonl" and all_names else readers.header(root, path, kind)
        types = parquet.classes(root, path) if kind == "parquet" else None
    except (OSError, ValueError, EOFError, zlib.error, pa.ArrowException) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return {"sha256": digest.hexdigest(), "columns": None, "types": None, "error": why}
    return {"sha256": digest.hexdigest(), "columns": columns, "types": types, "error": None}


def read(
    root: str, raw_names: dict[str, str], *, keep_new: bool
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Every record of every file, as bronze rows without the batch's own columns.

    Args:
        root: The landing root.
        raw_names: Bronze column -> name in the raw record.
        keep_new: What the contract does not name is kept in `extra`; otherwise it is left out.
    """
    schema = pa.schema(
        [(column, pa.string()) for column in raw_names]
        + [
            ("extra", pa.map_(pa.string(), pa.string())),
            ("corrupt", pa.string()),
            ("raw", pa.string()),
            ("source_file", pa.string()),
            ("source_position", pa.int64()),
            ("available_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    known = set(raw_names.values())

    def rows(file: dict[str, object]) -> Iterator[tuple[tuple[object, ...], int]]:
        path, available = str(file["path"]), file["available_at"]
        for record in readers.records(root, path, str(file["format"])):
            values = record.values
            extra = [(name, value) for name, value in values.items() if keep_new and name not in known]
            mine = [values.get(raw) for raw in raw_names.values()]
            row = (*mine, extra or None, record.corrupt, record.raw, path, record.position, available)
            yield row, record.size

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for file in batch.to_pylist():
                waiting: list[tuple[object, ...]] = []
                held = 0
                for row, size in rows(file):
                    waiting.append(row)
                    held += size
                    if len(waiting) == BATCH_ROWS or held >= BATCH_SIZE:
                        yield _record_batch(waiting, schema)
                        waiting, held = [], 0
                if waiting:
                    yield _record_batch(waiting, schema)

    return task


def _record_batch(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
