"""Records as bronze reads them, in a table."""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.errors import SourceError
from jobs.begin import records
from jobs.begin.files import groups_of
from jobs.begin.records import Looked, look

Deliver = Callable[[Mapping[str, str]], Path]


def looked_at(folder: Path) -> tuple[Looked, list[tuple[object, ...]]]:
    ((group,), _) = groups_of(folder)
    with duckdb.connect() as connection:
        looked = look(connection, folder, group)
        return looked, connection.execute("SELECT * FROM rows").fetchall()


def test_columns_are_taken_by_name_from_files_with_other_headers(deliver: Deliver) -> None:
    looked, rows = looked_at(deliver({"a-1.csv": "x,y\n1,2\n", "a-2.csv": "y,z, x \n3,,4\n"}))
    assert rows == [(0, "1", "2", None), (1, "4", "3", "")]
    assert (looked.columns, looked.held, looked.headers) == ({"x": 0, "y": 1, "z": 2}, {"x": 2, "y": 2, "z": 1}, 2)
    assert (looked.rows, looked.unreadable, looked.whole) == (2, 0, True)


def test_all_formats_are_read(deliver: Deliver) -> None:
    folder = deliver({"a-1.csv": "x\n1\n", "a-2.jsonl": '{"x": 1.50, "y": {"z": 2}}\n{"y": null}\n'})
    (folder / "a-3.csv.gz").write_bytes(gzip.compress(b"x\n5\n"))
    pq.write_table(pa.table({"x": [True], "y": ["t"]}), folder / "a-4.parquet")
    looked, rows = looked_at(folder)
    assert rows == [(0, "1", None), (1, "1.50", '{"z": 2}'), (1, None, None), (2, "5", None), (3, "true", "t")]
    assert looked.headers == 3


def test_records_that_bronze_cannot_read_are_counted(deliver: Deliver) -> None:
    looked, rows = looked_at(deliver({"a-1.csv": 'x,y\n1,2\n3\n"4"5,6\n7,8\n'}))
    assert (rows, looked.unreadable) == ([(0, "1", "2"), (0, "7", "8")], 2)


def test_of_many_files_some_are_read_the_newest_among_them(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deliver({f"a-{n}.csv": "x\n1\n" for n in range(9)})
    monkeypatch.setattr(records, "MOST_BYTES", 16)
    looked, rows = looked_at(folder)
    assert [file.path for file in looked.read] == ["a-2.csv", "a-5.csv", "a-8.csv"]
    assert (len(rows), looked.whole) == (3, False)


def test_of_a_long_file_the_first_rows_are_read(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deliver({"a-1.csv": "x\n1\n2\n3\n", "a-2.csv": "x\n4\n"})
    monkeypatch.setattr(records, "MOST_ROWS", 2)
    looked, rows = looked_at(folder)
    assert (rows, looked.whole, len(looked.read)) == ([(0, "1"), (0, "2")], False, 1)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "A file cannot be read."),
        (b"x,x\n1,2\n", "A file cannot be read."),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "A file cannot be read."),
        (b"x;y\n1;2\n", "A file is separated by semicolons."),
        (b"x,y\n", "The files of a have no record."),
    ],
)
def test_files_that_cannot_be_taken_in_are_refused(deliver: Deliver, content: bytes, what: str) -> None:
    folder = deliver({"a-1.csv": ""})
    (folder / "a-1.csv").write_bytes(content)
    with pytest.raises(SourceError) as refused:
        looked_at(folder)
    assert refused.value.what == what
    assert "a-" in refused.value.where


@pytest.mark.parametrize("name", ["a-1.csv.gz", "a-1.parquet"])
def test_files_that_are_not_what_their_ending_says_are_refused(deliver: Deliver, name: str) -> None:
    with pytest.raises(SourceError, match="A file cannot be read"):
        looked_at(deliver({name: "x\n1\n"}))
