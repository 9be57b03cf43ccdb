"""Files below a landing root, listed by a glob."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.errors import SourceError
from assay.files import FileInfo, changed_since, file_system, list_files

MODIFIED = datetime(2013, 3, 1, 11, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "landing/outcomes/b.csv": "bb",
        "landing/outcomes/a.csv": "a",
        "landing/outcomes/c.csv.gz": "ccc",
        "landing/outcomes/_half.csv": "x",
        "landing/outcomes/.hidden.csv": "x",
        "landing/outcomes/B.CSV": "x",
        "landing/outcomes/deeper/d.csv": "x",
        "top.csv": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (MODIFIED.timestamp(), MODIFIED.timestamp()))
    (tmp_path / "landing/outcomes/folder.csv").mkdir()
    return tmp_path


def test_list_files_gives_what_matches_in_order_of_path(root: Path) -> None:
    assert list_files(str(root), "landing/outcomes/*.csv") == [
        FileInfo("landing/outcomes/a.csv", 1, MODIFIED),
        FileInfo("landing/outcomes/b.csv", 2, MODIFIED),
    ]


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("landing/outcomes/*.csv.gz", ["landing/outcomes/c.csv.gz"]),
        ("landing/outcomes/?.csv*", [f"landing/outcomes/{name}" for name in ("a.csv", "b.csv", "c.csv.gz")]),
        ("landing/outcomes/*.parquet", []),
        ("*.csv", ["top.csv"]),
    ],
)
def test_list_files_reads_the_glob_within_one_folder(root: Path, glob: str, paths: list[str]) -> None:
    assert [file.path for file in list_files(str(root), glob)] == paths


@pytest.mark.parametrize("form", ["{root}", "file:{root}", "file://{root}"])
def test_list_files_takes_folders_and_file_uris_alike(root: Path, form: str) -> None:
    found = list_files(form.format(root=root), "landing/outcomes/a.csv")
    assert found == [FileInfo("landing/outcomes/a.csv", 1, MODIFIED)]


def test_list_files_of_a_missing_folder_says_which_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        list_files(str(tmp_path), "landing/wether/*.csv")
    error = caught.value
    assert (error.what, error.where) == ("The landing folder does not exist.", f"{tmp_path}/landing/wether")
    assert (error.expected, error.do) == (
        "a folder with files like *.csv",
        "create it, or correct from.files in the contract or landing in the environment",
    )


def test_list_files_of_a_file_in_the_folders_place_is_an_error(root: Path) -> None:
    with pytest.raises(SourceError, match="The landing folder does not exist"):
        list_files(str(root), "top.csv/*.csv")


def test_file_system_of_a_relative_path_starts_at_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_system("warehouse/flights")[1] == str(tmp_path / "warehouse/flights")


@pytest.mark.parametrize("uri", ["file:///a b", "nope://bucket/x"])
def test_file_system_of_an_address_that_is_none_says_so(uri: str) -> None:
    with pytest.raises(SourceError, match="A folder's address cannot be read") as caught:
        file_system(uri)
    assert caught.value.where == uri


def test_list_files_refuses_a_link_out_of_the_root_and_follows_one_within(root: Path, tmp_path: Path) -> None:
    inside = root / "landing/outcomes/link.csv"
    inside.symlink_to("a.csv")
    assert [file.path for file in list_files(str(root), "landing/outcomes/l*.csv")] == ["landing/outcomes/link.csv"]
    secret = root.parent / "secret.csv"
    secret.write_text("x")
    inside.unlink()
    inside.symlink_to(secret)
    assert list_files(str(root), "landing/outcomes/a.csv")  # what does not match is not looked at
    with pytest.raises(SourceError, match="A link in the landing folder leads out of it") as caught:
        list_files(str(root), "landing/outcomes/*.csv")
    assert (caught.value.where, caught.value.found) == (str(inside), f"a link to {secret}")


def test_list_files_refuses_a_folder_that_is_a_link_out_and_takes_a_root_that_is_a_link(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "landing").rename(outside)
    (root / "landing").symlink_to(outside)
    with pytest.raises(SourceError, match="leads out of it") as caught:
        list_files(str(root), "landing/outcomes/*.csv")
    assert (caught.value.where, caught.value.found) == (f"{root}/landing/outcomes", f"a link to {outside}/outcomes")
    assert len(list_files(str(root / "landing"), "outcomes/*.csv")) == 2


def test_changed_since_refuses_a_file_that_has_become_a_link_out(root: Path) -> None:
    files = list_files(str(root), "landing/outcomes/*.csv")
    assert changed_since(str(root), files) == set()
    (root / "landing/outcomes/a.csv").unlink()
    (root / "landing/outcomes/a.csv").symlink_to("/etc/hostname")
    with pytest.raises(SourceError, match="leads out of it"):
        changed_since(str(root), files)


def test_list_files_leaves_out_what_is_no_file(root: Path) -> None:
    os.mkfifo(root / "landing/outcomes/pipe.csv")
    (root / "landing/outcomes/nothing.csv").symlink_to("gone.csv")
    (root / "landing/outcomes/zero.txt").symlink_to("/dev/zero")
    assert [file.path for file in list_files(str(root), "landing/outcomes/[np]*.csv")] == []


def test_list_files_refuses_a_name_that_is_not_utf_8(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/landing/outcomes/\xff.csv")).write_text("x")
    with pytest.raises(SourceError, match="A file's name is not UTF-8") as caught:
        list_files(str(root), "landing/outcomes/*.csv")
    assert caught.value.found == r"b'\xff.csv'"
