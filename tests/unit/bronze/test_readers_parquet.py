"""Records of a Parquet file: typed and nested values as text."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bronze import parquet
from bronze.readers import header, records
from bronze.record import Record


def test_parquet_values_become_their_usual_text(tmp_path: Path) -> None:
    noon = datetime(2013, 3, 1, 12, 30, tzinfo=UTC)
    columns = {
        "int": pa.array([1, None]),
        "double": pa.array([1.5, None]),
        "text": pa.array(["é", None]),
        "flag": pa.array([True, None]),
        "date": pa.array([date(2013, 3, 1), None]),
        "time": pa.array([time(6, 5), None]),
        "local": pa.array([noon.replace(tzinfo=None), None], pa.timestamp("us")),
        "instant": pa.array([noon, None], pa.timestamp("us", tz="UTC")),
        "nanos": pa.array([1, None], pa.timestamp("ns")),
        "decimal": pa.array([Decimal("1.50"), None]),
        "bytes": pa.array([b"\x01\xff", None]),
        "list": pa.array([[1, 2], None]),
        "struct": pa.array([{"x": 1, "on": date(2013, 3, 1), "cost": Decimal("0.10")}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, second = records(str(tmp_path), "a.parquet", "parquet")
    assert first == Record(
        1,
        {
            "int": "1",
            "double": "1.5",
            "text": "é",
            "flag": "true",
            "date": "2013-03-01",
            "time": "06:05:00",
            "local": "2013-03-01T12:30:00",
            "instant": "2013-03-01T12:30:00+00:00",
            "nanos": "1970-01-01T00:00:00.000000001",
            "decimal": "1.50",
            "bytes": "01ff",
            "list": "[1, 2]",
            "struct": '{"x": 1, "on": "2013-03-01", "cost": "0.10"}',
            "map": '[["k", 1]]',
        },
    )
    assert second == Record(2, dict.fromkeys(columns))


def test_parquet_records_are_numbered_across_batches(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": list(range(25_000))}), tmp_path / "a.parquet", row_group_size=7_000)
    found = [(record.position, record.values["a"]) for record in records(str(tmp_path), "a.parquet", "parquet")]
    assert found == [(number + 1, str(number)) for number in range(25_000)]


def test_parquet_that_is_none_or_was_cut_raises(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    for damaged in (content[:-10], b"a,b\n1,2\n", b""):
        (tmp_path / "b.parquet").write_bytes(damaged)
        with pytest.raises(pa.ArrowInvalid):
            list(records(str(tmp_path), "b.parquet", "parquet"))


def test_parquet_that_names_a_column_twice_cannot_be_read(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="the header names a column twice: a"):
        header(str(tmp_path), "a.parquet", "parquet")


def test_rows_are_taken_as_many_at_a_time_as_their_bytes_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Watched(pq.ParquetFile):  # type: ignore[misc]  # pyarrow has no types
        def iter_batches(self, batch_size: int, row_groups: list[int]) -> Any:
            taken.append(batch_size)
            return super().iter_batches(batch_size=batch_size, row_groups=row_groups)

    monkeypatch.setattr(parquet, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(pq, "ParquetFile", Watched)
    big = [f"{number}" * 5_000 for number in range(8)]
    pq.write_table(pa.table({"a": [*big, *["x"] * 8]}), tmp_path / "a.parquet", row_group_size=8, use_dictionary=False)
    found = list(records(str(tmp_path), "a.parquet", "parquet"))
    assert [record.position for record in found] == list(range(1, 17))
    assert [record.values["a"] for record in found] == [*big, *["x"] * 8]
    assert taken[0] <= 2 < taken[1]
