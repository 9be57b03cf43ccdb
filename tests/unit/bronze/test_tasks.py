"""What runs in Spark tasks: batches are bounded by rows and by size."""

from pathlib import Path

import pyarrow as pa
import pytest

from bronze import tasks

FILES = pa.schema([("path", pa.string()), ("format", pa.string()), ("available_at", pa.timestamp("us", tz="UTC"))])


def sizes(root: Path, name: str) -> list[int]:
    """Rows of each batch that a file gives."""
    given = pa.RecordBatch.from_pylist([{"path": name, "format": "csv", "available_at": None}], schema=FILES)
    read = tasks.read(str(root), {"a": "a"}, keep_new=True)
    return [batch.num_rows for batch in read(iter([given]))]


def test_a_batch_ends_with_the_row_that_makes_it_big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH_SIZE", 20)
    (tmp_path / "a.csv").write_text("a\n1\n2\n" + "x" * 30 + "\n3\n" + "y,y" * 10 + "\n4\n")
    assert sizes(tmp_path, "a.csv") == [3, 2, 1]


def test_a_batch_has_so_many_rows_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH_ROWS", 2)
    (tmp_path / "a.csv").write_text("a\n1\n2\n3\n")
    assert sizes(tmp_path, "a.csv") == [2, 1]
