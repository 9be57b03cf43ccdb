"""Files that are written whole or not at all."""

from pathlib import Path

import pytest

from assay.whole_file import whole


def test_a_file_is_there_once_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.csv"
    with whole(path) as partial:
        partial.write_text("a")
        assert not path.exists()
    assert [(found.name, found.read_text()) for found in path.parent.iterdir()] == [("rows.csv", "a")]


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("before")

    def fail() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("rows.csv", "before")]
