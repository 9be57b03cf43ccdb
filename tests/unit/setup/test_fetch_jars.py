"""setup/fetch_jars.py: only what the lock states gets into the folder that Spark is given."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from setup.fetch_jars import Jar, JarError, copy_from, make_right, read_lock

Fetch = Callable[[list[Jar], Path], None]


def jar_of(content: bytes, name: str = "storage") -> Jar:
    return Jar("io.example", name, "1.0", hashlib.sha256(content).hexdigest())


def bringing(content: bytes) -> Fetch:
    """A fetch that brings this content under each jar's name."""

    def fetch(jars: list[Jar], into: Path) -> None:
        for jar in jars:
            (into / jar.file_name).write_bytes(content)

    return fetch


def bringing_nothing(jars: list[Jar], into: Path) -> None:
    """A fetch that finds nothing."""


def never(jars: list[Jar], into: Path) -> None:
    pytest.fail(f"fetched {[jar.coordinate for jar in jars]} although they are there")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_make_right_fetches_a_missing_jar(tmp_path: Path) -> None:
    jar = jar_of(b"good")
    assert make_right([jar], tmp_path / "jars", bringing(b"good")) == [jar]
    assert names(tmp_path / "jars") == ["storage-1.0.jar"]


def test_make_right_fetches_nothing_when_the_jar_is_right(tmp_path: Path) -> None:
    (tmp_path / "storage-1.0.jar").write_bytes(b"good")
    assert make_right([jar_of(b"good")], tmp_path, never) == []


def test_make_right_refuses_another_content_and_keeps_the_folder_clean(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"io\.example:storage:1\.0: what came is not the jar") as error:
        make_right([jar_of(b"good")], tmp_path, bringing(b"evil"))
    assert hashlib.sha256(b"good").hexdigest() in str(error.value)
    assert hashlib.sha256(b"evil").hexdigest() in str(error.value)
    assert names(tmp_path) == []


def test_make_right_refuses_all_jars_when_one_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"io\.example:spark:1\.0"):
        make_right([jar_of(b"good"), jar_of(b"other", "spark")], tmp_path, bringing(b"good"))
    assert names(tmp_path) == []


def test_make_right_replaces_a_damaged_jar(tmp_path: Path) -> None:
    (tmp_path / "storage-1.0.jar").write_bytes(b"go")
    make_right([jar_of(b"good")], tmp_path, bringing(b"good"))
    assert (tmp_path / "storage-1.0.jar").read_bytes() == b"good"


def test_make_right_removes_a_damaged_jar_that_it_cannot_replace(tmp_path: Path) -> None:
    (tmp_path / "storage-1.0.jar").write_bytes(b"go")
    with pytest.raises(JarError, match="nothing came"):
        make_right([jar_of(b"good")], tmp_path, bringing_nothing)
    assert names(tmp_path) == []


def test_make_right_removes_the_jars_of_an_older_lock(tmp_path: Path) -> None:
    (tmp_path / "storage-0.9.jar").write_bytes(b"old")
    make_right([jar_of(b"good")], tmp_path, bringing(b"good"))
    assert names(tmp_path) == ["storage-1.0.jar"]


def test_copy_from_names_the_folder_and_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"ASSAY_JARS_FROM is .* no storage-1\.0\.jar"):
        make_right([jar_of(b"good")], tmp_path / "jars", copy_from(tmp_path))


def test_read_lock_skips_comments_and_reads_coordinates(tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# why\n\nio.example:storage_2.13:1.0-rc1 sha256:{'a' * 64}\n", encoding="utf-8")
    assert read_lock(lock) == [Jar("io.example", "storage_2.13", "1.0-rc1", "a" * 64)]


@pytest.mark.parametrize(
    "line",
    ["io.example:storage:1.0", "io.example:storage sha256:" + "a" * 64, "io.example:storage:1.0 sha256:abc"],
    ids=["no hash", "no version", "short hash"],
)
def test_read_lock_names_a_line_that_it_cannot_read(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# why\n{line}\n", encoding="utf-8")
    with pytest.raises(JarError, match=r"jars\.lock, line 2: found"):
        read_lock(lock)
