"""YAML is read safely, and every key knows its line."""

import os
from datetime import date
from pathlib import Path

import pytest

from assay.config.yaml import MAX_BYTES, read_yaml
from assay.errors import ConfigError


def refusal(path: Path, text: str | bytes) -> ConfigError:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    return caught.value


def test_read_yaml_gives_typed_values_and_the_line_of_every_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("# a comment\nname: x\ndeep:\n  since: 2013-03-01\n  list:\n    - 1\n    - {b: 2.5}\n")
    data, origin = read_yaml(path)
    assert data == {"name": "x", "deep": {"since": date(2013, 3, 1), "list": [1, {"b": 2.5}]}}
    assert origin.lines == {
        ("name",): 2,
        ("deep",): 3,
        ("deep", "since"): 4,
        ("deep", "list"): 5,
        ("deep", "list", 0): 6,
        ("deep", "list", 1): 7,
        ("deep", "list", 1, "b"): 7,
    }


def test_read_yaml_refuses_a_key_that_stands_twice_and_names_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    error = refusal(path, "columns:\n  tailnum: 1\n  origin: 2\n  tailnum: 3\n")
    assert (error.what, error.where, error.do) == (
        "The key 'tailnum' stands twice.",
        f"{path}:4",
        "keep one of them (the first is on line 2)",
    )


def test_read_yaml_allows_the_same_key_in_different_places(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("a: {type: int}\nb: {type: int}\n")
    assert read_yaml(path)[0] == {"a": {"type": "int"}, "b": {"type": "int"}}


@pytest.mark.parametrize(
    ("text", "what", "line", "found"),
    [
        ("a: 0\nc: &x 1\nb: *x\n", "YAML aliases are not used in configuration.", 2, None),
        ("a: [1\nb: 2\n", "A configuration file is not valid YAML.", 2, "expected ',' or ']', but got ':'"),
        (
            "a: 1\n\tb: 2\n",
            "A configuration file is not valid YAML.",
            2,
            "found character '\\t' that cannot start any token",
        ),
        ("a: 1\n---\nb: 2\n", "A configuration file is not valid YAML.", 2, "but found another document"),
        (
            "b: 1\na: !!python/object/apply:os.system [x]\n",
            "YAML tags are not used in configuration.",
            2,
            "!!python/object/apply:os.system",
        ),
        ("a: !!binary aGk=\n", "YAML tags are not used in configuration.", 1, "!!binary"),
        ("a: !Ref x\n", "YAML tags are not used in configuration.", 1, "!Ref"),
        ("? [a, b]\n: 1\n", "A key is no text.", 1, "a list or a mapping"),
        ("a:\n  no: 1\n", "A key is no text.", 2, "no (bool)"),
        ("2013-03-01: 1\n", "A key is no text.", 1, "2013-03-01 (timestamp)"),
        ("a:\n  <<: {b: 1}\n", "A key is no text.", 2, "<< (merge)"),
        ("a:\n- 0x" + "f" * 5000 + "\n", "A number is too long.", 2, "5002 digits"),
        ("a: 1" + ":59" * 5000 + "\n", "A number is too long.", 1, "15001 digits"),
        ("a:\n " + "[" * 1000, "A configuration file is nested too deeply.", 2, None),
        ("- " * 1000, "A configuration file is nested too deeply.", 1, None),
    ],
    ids=[
        "alias",
        "bracket",
        "tab",
        "two documents",
        "python object",
        "binary",
        "a tag of one's own",
        "key that is a list",
        "key that is a truth value",
        "key that is a date",
        "merge",
        "huge number",
        "number to the base 60",
        "too deep",
        "too deep in blocks",
    ],
)
def test_read_yaml_refuses_with_the_line(tmp_path: Path, text: str, what: str, line: int, found: str | None) -> None:
    error = refusal(tmp_path / "a.yml", text)
    assert (error.what, error.where, error.found) == (what, f"{tmp_path}/a.yml:{line}", found)


@pytest.mark.parametrize(
    ("text", "what", "found"),
    [
        (b"name: \xff\n", "A configuration file is not valid YAML.", "'utf-8' codec can't decode byte 0xff"),
        (b"since: 2013-02-30\n", "A configuration file is not valid YAML.", "day is out of range for month"),
        (b"name: a\0b\n", "A configuration file is not valid YAML.", "unacceptable character #x0000"),
        (b"\xff\xfea\0", "A configuration file is not valid YAML.", "'utf-8' codec can't decode byte 0xff"),
        (b"", "A configuration file holds no mapping.", "None"),
        (b"- a\n- b\n", "A configuration file holds no mapping.", "None"),
        (b"#" * (MAX_BYTES + 1), "A configuration file is too large.", "None"),
    ],
    ids=["not UTF-8", "no such date", "NUL", "UTF-16", "empty", "a list", "too large"],
)
def test_read_yaml_refuses_the_whole_file(tmp_path: Path, text: bytes, what: str, found: str) -> None:
    error = refusal(tmp_path / "a.yml", text)
    assert (error.what, error.where) == (what, f"{tmp_path}/a.yml")
    assert str(error.found).startswith(found)


def test_read_yaml_of_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="A configuration file is missing") as caught:
        read_yaml(tmp_path / "none.yml")
    assert caught.value.where == f"{tmp_path}/none.yml"


def test_read_yaml_of_what_is_no_file_does_not_open_it(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "device.yml").symlink_to("/dev/zero")
    for name in ("folder.yml", "pipe.yml", "device.yml"):
        with pytest.raises(ConfigError, match="A configuration file is no file") as caught:
            read_yaml(tmp_path / name)
        assert caught.value.where == f"{tmp_path}/{name}"
