"""YAML is read safely, and every key knows its line."""

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
        ("a: &x 1\nb: *x\n", "YAML aliases are not used in configuration.", 2, None),
        ("a: [1\nb: 2\n", "A configuration file is not valid YAML.", 2, "expected ',' or ']', but got ':'"),
        (
            "a: 1\n\tb: 2\n",
            "A configuration file is not valid YAML.",
            2,
            "found character '\\t' that cannot start any token",
        ),
        ("a: 1\n---\nb: 2\n", "A configuration file is not valid YAML.", 2, "but found another document"),
        (
            "a: !!python/object:os.system x\n",
            "A configuration file is not valid YAML.",
            1,
            "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'",
        ),
        ("? [a, b]\n: 1\n", "A configuration file is not valid YAML.", 1, "found unhashable key"),
    ],
    ids=["alias", "bracket", "tab", "two documents", "python object", "key that is a list"],
)
def test_read_yaml_refuses_with_the_line(tmp_path: Path, text: str, what: str, line: int, found: str | None) -> None:
    error = refusal(tmp_path / "a.yml", text)
    assert (error.what, error.where, error.found) == (what, f"{tmp_path}/a.yml:{line}", found)


@pytest.mark.parametrize(
    ("text", "what", "found"),
    [
        (b"name: \xff\n", "A configuration file is not valid YAML.", "'utf-8' codec can't decode byte 0xff"),
        (b"since: 2013-02-30\n", "A configuration file is not valid YAML.", "day is out of range for month"),
        (b"a: " + b"[" * 1000, "A configuration file is not valid YAML.", "maximum recursion depth exceeded"),
        (b"", "A configuration file holds no mapping.", "None"),
        (b"- a\n- b\n", "A configuration file holds no mapping.", "None"),
        (b"#" * (MAX_BYTES + 1), "A configuration file is too large.", "None"),
    ],
    ids=["not UTF-8", "no such date", "too deep", "empty", "a list", "too large"],
)
def test_read_yaml_refuses_the_whole_file(tmp_path: Path, text: bytes, what: str, found: str) -> None:
    error = refusal(tmp_path / "a.yml", text)
    assert (error.what, error.where) == (what, f"{tmp_path}/a.yml")
    assert str(error.found).startswith(found)


def test_read_yaml_of_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="A configuration file is missing") as caught:
        read_yaml(tmp_path / "none.yml")
    assert caught.value.where == f"{tmp_path}/none.yml"
