"""What a contract says of a list of values and of other sources."""

from pathlib import Path

import pytest

from assay.config import Source
from assay.config.related import MAX_VALUES, check_references, waves, with_allowed_values
from assay.errors import ConfigError


def source(name: str, refers_to: dict[str, dict[str, str]] | None = None, **columns: dict[str, object]) -> Source:
    """A contract whose key is `id`; it refers by these columns to these sources."""
    references = {f"to_{other}": {"source": other, "columns": names} for other, names in (refers_to or {}).items()}
    return Source.model_validate({
        "name": name, "description": "", "from": {"files": "x/*.csv"}, "key": ["id"],
        "columns": {"id": {"type": "int"}, **columns}, "references": references,
    })  # fmt: skip


def of_values(file: str = "codes.txt") -> Source:
    return source("s", code={"type": "string", "allowed_file": file})


def test_allowed_values_are_the_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "codes.txt").write_text("\ufeffAA\nÜ 1\n\nAA\r\nB,C\n", encoding="utf-8")
    assert with_allowed_values(of_values(), tmp_path).columns["code"].allowed == ("AA", "Ü 1", "B,C")


@pytest.mark.parametrize(
    ("file", "content", "what"),
    [
        ("other.txt", b"", "The file with the allowed values is missing."),
        ("codes.txt", b"\n", "The file with the allowed values is empty or too long."),
        (
            "codes.txt",
            b"".join(b"%d\n" % n for n in range(MAX_VALUES + 1)),
            "The file with the allowed values is empty or too long.",
        ),
        ("codes.txt", b"\xff\xfe", "The file with the allowed values is not UTF-8."),
        ("../codes.txt", b"", "The file leaves the lakehouse's folder."),
        ("/etc/passwd", b"", "The file leaves the lakehouse's folder."),
        ("link.txt", b"", "The file leaves the lakehouse's folder."),
        ("a\0.txt", b"", "The file leaves the lakehouse's folder."),
    ],
)
def test_a_file_of_values_that_cannot_be_used_is_told(tmp_path: Path, file: str, content: bytes, what: str) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    (tmp_path / "codes.txt").write_text("AA\n")
    (folder / "codes.txt").write_bytes(content)
    (folder / "link.txt").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError) as raised:
        with_allowed_values(of_values(file), folder)
    assert raised.value.what == what
    assert "columns.code.allowed_file" in raised.value.where


def test_sources_come_after_those_that_they_refer_to() -> None:
    sources = {
        each.name: each
        for each in (
            source("a", {"b": {"id": "id"}, "c": {"n": "id"}}, n={"type": "int"}),
            source("b", {"c": {"id": "id"}}), source("c"), source("d"),
        )
    }  # fmt: skip
    check_references(sources)
    assert waves(sources) == [["c", "d"], ["b"], ["a"]]


@pytest.mark.parametrize(
    ("sources", "what", "found", "expected"),
    [
        ([source("a", {"bb": {"id": "id"}}), source("b")], "There is no source 'bb'.", "bb", "did you mean 'b'?"),
        ([source("a", {"b": {"id": "n"}}), source("b")], "A reference has to name the key of b.", "n", "id"),
        (
            [source("a", {"b": {"n": "id"}}, n={"type": "string"}), source("b")],
            "n and b.id are of different types.", "string", "int",
        ),
        (
            [source("a", {"b": {"id": "id"}}), source("b", {"a": {"id": "id"}})],
            "Sources refer to each other in a circle.", "a, b", None,
        ),
        ([source("a", {"a": {"id": "id"}})], "Sources refer to each other in a circle.", "a", None),
    ],
)  # fmt: skip
def test_a_reference_that_cannot_be_followed_is_told(
    sources: list[Source], what: str, found: str, expected: str | None
) -> None:
    with pytest.raises(ConfigError) as raised:
        check_references({each.name: each for each in sources})
    assert (raised.value.what, raised.value.found, raised.value.expected) == (what, found, expected)
