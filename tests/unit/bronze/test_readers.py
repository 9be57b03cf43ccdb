"""Records of a file: values as text by their names, and raw text of what cannot be read."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bronze import lines
from bronze.readers import format_of, header, records
from bronze.record import Record


def read(folder: Path, content: str | bytes, name: str = "a.csv", kind: str = "csv") -> list[Record]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(records(str(folder), name, kind))


@pytest.mark.parametrize(
    ("path", "given", "kind"),
    [
        ("x/a.csv", None, "csv"),
        ("x/a.CSV.GZ", None, "csv"),
        ("x/a.jsonl", None, "jsonl"),
        ("x/a.json.gz", None, "jsonl"),
        ("x/a.ndjson", None, "jsonl"),
        ("x/a.parquet", None, "parquet"),
        ("x/a.csv", "jsonl", "jsonl"),
        ("x/a.txt", "csv", "csv"),
        ("x/a.txt", None, None),
        ("x/csv", None, None),
    ],
)
def test_format_is_the_contracts_or_that_of_the_ending(path: str, given: str | None, kind: str | None) -> None:
    assert format_of(path, given) == kind


def test_csv_is_read_by_header_name_so_that_swapped_columns_keep_their_values(tmp_path: Path) -> None:
    straight = read(tmp_path, "carrier,flight\nUA,1545\nAA,\n")
    swapped = read(tmp_path, "flight,carrier\n1545,UA\n,AA\n")
    assert straight == [
        Record(2, {"carrier": "UA", "flight": "1545"}),
        Record(3, {"carrier": "AA", "flight": ""}),
    ]
    assert swapped == straight


def test_csv_row_with_too_few_or_too_many_fields_is_corrupt_and_keeps_its_text(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n") == [
        Record(2, {"a": "1", "b": "2"}),
        Record(3, {}, "1 fields where the header has 2", "3"),
        Record(4, {}, "3 fields where the header has 2", "4,5,6"),
        Record(5, {"a": "7", "b": "8"}),
    ]


def test_csv_field_may_hold_commas_quotes_and_lines_and_positions_stay_line_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n"1,x","say ""hi"""\n"two\nlines",2\n\n"3\n4"\n5,6') == [
        Record(2, {"a": "1,x", "b": 'say "hi"'}),
        Record(3, {"a": "two\nlines", "b": "2"}),
        Record(6, {}, "1 fields where the header has 2", '"3\n4"'),
        Record(8, {"a": "5", "b": "6"}),
    ]


def test_csv_with_bad_quotes_is_corrupt_and_the_next_line_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n"1"x,2\n3,4\n') == [
        Record(2, {}, "not CSV: ',' expected after '\"'", '"1"x,2'),
        Record(3, {"a": "3", "b": "4"}),
    ]


def test_csv_quote_that_never_closes_keeps_the_rest_of_the_file_as_its_text(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,2\n"3,4\n5,6\n') == [
        Record(2, {"a": "1", "b": "2"}),
        Record(3, {}, "not CSV: unexpected end of data", '"3,4\n5,6'),
    ]


def test_csv_row_that_is_not_utf8_is_corrupt_and_its_bytes_are_shown(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\nM\xfcnchen,1\nM\xc3\xbcnchen,2\n") == [
        Record(2, {}, "not UTF-8", "M\\xfcnchen,1"),
        Record(3, {"a": "München", "b": "2"}),
    ]


@pytest.mark.parametrize("first", ["a,b", '"a",b', " a , b "], ids=["plain", "quoted", "spaced"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "byte order mark"])
def test_csv_header_and_line_ends_come_in_many_ways(tmp_path: Path, first: str, end: str, mark: str) -> None:
    assert read(tmp_path, f"{mark}{first}{end}1,2{end}3,4{end}") == [
        Record(2, {"a": "1", "b": "2"}),
        Record(3, {"a": "3", "b": "4"}),
    ]
    assert header(str(tmp_path), "a.csv", "csv") == ["a", "b"]


def test_csv_with_a_header_only_has_no_records(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n") == []
    assert read(tmp_path, "a,b") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file has no header"),
        ("\n1,2\n", "the file has no header"),
        ("a,b,a\n1,2,3\n", "the header names a column twice: a"),
        ("a, a\n1,2\n", "the header names a column twice: a"),
        ('"a"x,b\n1,2\n', "the header is not CSV: ',' expected after"),
        (b"a\xff,b\n1,2\n", "the header is not UTF-8"),
        ("a\0,b\n1,2\n", "the header has a NUL byte"),
        ("a,b".encode("utf-16"), "the header is not UTF-8"),
        ("a" * 16_000_001 + ",b\n1,2\n", "the header is longer than 16,000,000 characters"),
    ],
    ids=[
        "empty",
        "blank first line",
        "twice",
        "twice but for a space",
        "bad quotes",
        "not UTF-8",
        "NUL",
        "UTF-16",
        "long",
    ],
)
def test_csv_without_a_usable_header_cannot_be_read(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(tmp_path, text)
    with pytest.raises(ValueError, match=why):
        header(str(tmp_path), "a.csv", "csv")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5), st.booleans())
def test_csv_that_python_wrote_is_read_back(rows: list[tuple[str, str]], packed: bool) -> None:
    rows = [(left.encode(errors="ignore").decode(), right.encode(errors="ignore").decode()) for left, right in rows]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    content = text.getvalue().encode()
    with tempfile.TemporaryDirectory() as folder:
        name = "a.csv.gz" if packed else "a.csv"
        found = read(Path(folder), gzip.compress(content) if packed else content, name)
    assert [(record.values, record.corrupt) for record in found] == [({"a": a, "b": b}, None) for a, b in rows]


def test_gzip_is_unpacked_also_in_several_members(tmp_path: Path) -> None:
    content = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    assert read(tmp_path, content, "a.csv.gz") == [Record(2, {"a": "1", "b": "2"}), Record(3, {"a": "3", "b": "4"})]
    packed = gzip.compress(b'{"a": 1}\n')
    assert read(tmp_path, packed, "a.jsonl.gz", "jsonl") == [Record(1, {"a": "1"})]


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_truncated_gzip_raises_and_never_gives_a_part(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    with pytest.raises(OSError, match="Truncated compressed stream"):
        read(tmp_path, whole[:-cut], "a.csv.gz")


def test_damaged_gzip_raises(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * 1000))
    whole[-6] ^= 0xFF
    with pytest.raises(OSError, match="incorrect data check"):
        read(tmp_path, bytes(whole), "a.csv.gz")
    with pytest.raises(OSError, match="incorrect header check"):
        read(tmp_path, "a,b\n1,2\n", "a.csv.gz")


def test_json_lines_keep_numbers_as_written_and_null_apart_from_text(tmp_path: Path) -> None:
    line = (
        '{"i": 1, "f": 1.50, "big": 123456789012345678901234567890, "e": 1E5, "t": true, "n": null, "s": "é", "z": ""}'
    )
    assert read(tmp_path, line, "a.jsonl", "jsonl") == [
        Record(
            1,
            {
                "i": "1",
                "f": "1.50",
                "big": "123456789012345678901234567890",
                "e": "1E5",
                "t": "true",
                "n": None,
                "s": "é",
                "z": "",
            },
        )
    ]


def test_json_lines_that_are_no_objects_are_corrupt_and_keep_their_text(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"a": "x"}\n\n{"a": \n[1, 2]\n"x"\n{"a": "\xfc"}\n{"b": "y"}', "a.jsonl", "jsonl") == [
        Record(1, {"a": "x"}),
        Record(3, {}, "not JSON: Expecting value: line 2 column 1 (char 7)", '{"a": '),
        Record(4, {}, "not a JSON object", "[1, 2]"),
        Record(5, {}, "not a JSON object", '"x"'),
        Record(6, {}, "not UTF-8", '{"a": "\\xfc"}'),
        Record(7, {"b": "y"}),
    ]


def test_json_lines_bring_their_own_names_and_may_be_empty(tmp_path: Path) -> None:
    assert read(tmp_path, "", "a.jsonl", "jsonl") == []
    assert header(str(tmp_path), "a.jsonl", "jsonl") is None


def test_json_object_within_a_record_becomes_json_text(tmp_path: Path) -> None:
    (record,) = read(tmp_path, '{"deep": {"list": ["é", null, true, 1, 1.50, "2"]}}', "a.jsonl", "jsonl")
    assert record.values == {"deep": '{"list": ["é", null, true, 1, 1.50, "2"]}'}


@given(st.dictionaries(TEXT, TEXT))
def test_json_text_values_come_back_as_they_were(values: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = read(Path(folder), json.dumps(values), "a.jsonl", "jsonl")
    assert found == [Record(1, {**values})]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a": "\\ud800"}', "not Unicode: half of a surrogate pair"),
        ('{"\\ud800": 1}', "not Unicode: half of a surrogate pair"),
        ('{"a": {"b": "\\udfff"}}', "not Unicode: half of a surrogate pair"),
        ('{"a": 1, "a": 2}', "not JSON: an object names a key twice"),
        ('{"a": "\\u0000"}', "has a NUL character"),
        ("[" * 100_000, "maximum recursion depth exceeded while decoding a JSON array from a unicode string"),
    ],
    ids=["value", "name", "nested", "key twice", "NUL", "too deep"],
)
def test_json_line_that_no_table_can_hold_is_corrupt(tmp_path: Path, line: str, why: str) -> None:
    assert read(tmp_path, f'{line}\n{{"b": "y"}}\n', "a.jsonl", "jsonl") == [
        Record(1, {}, why, line),
        Record(2, {"b": "y"}),
    ]


def test_json_lines_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeff{"a": 1}\n', "a.jsonl", "jsonl") == [Record(1, {"a": "1"})]


def test_nul_bytes_are_corrupt_and_shown(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,x\0y\n"2\n\0",z\n3,4\n') == [
        Record(2, {}, "has a NUL byte", "1,x\\x00y"),
        Record(3, {}, "has a NUL byte", '"2\n\\x00",z'),
        Record(5, {"a": "3", "b": "4"}),
    ]
    (bad, good) = read(tmp_path, '{"a": "\0"}\n{"a": "1"}\n', "a.jsonl", "jsonl")
    assert (bad.raw, str(bad.corrupt).partition(": ")[0]) == ('{"a": "\\x00"}', "not JSON")
    assert good == Record(2, {"a": "1"})


@pytest.mark.parametrize(("name", "kind"), [("a.csv", "csv"), ("a.jsonl", "jsonl")])
def test_a_field_of_50_mb_is_corrupt_and_kept_whole(tmp_path: Path, name: str, kind: str) -> None:
    long = "x" * 50_000_000
    head, line, after = ("a,b\n", f"1,{long}", "2,y") if kind == "csv" else ("", f'{{"b": "{long}"}}', '{"b": "y"}')
    first, second = read(tmp_path, f"{head}{line}\n{after}\n", name, kind)
    assert first.corrupt == "longer than 16,000,000 characters"
    assert first.raw == line
    assert (second.values["b"], second.position) == ("y", first.position + 1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test reaches with few characters."""
    monkeypatch.setattr(lines, "MAX_RECORD", 10)
    monkeypatch.setattr(lines, "MAX_KEPT", 20)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_line_too_long_to_keep_is_kept_in_part_and_the_next_is_read(tmp_path: Path, end: str) -> None:
    assert read(tmp_path, f"a,b{end}1,{'x' * 30}{end}2,3{end}", "a.csv") == [
        Record(2, {}, f"longer than 10 characters: {32 + len(end)}, of which the first 20 are kept", "1," + "x" * 18),
        Record(3, {"a": "2", "b": "3"}),
    ]
    long, short = read(tmp_path, '{"a": "' + "x" * 30 + '"}\n{"a": 1}\n', "a.jsonl", "jsonl")
    assert (long.raw, short) == ('{"a": "' + "x" * 13, Record(2, {"a": "1"}))


@pytest.mark.usefixtures("small")
def test_a_quote_that_never_closes_takes_no_more_than_a_record_and_loses_no_line(tmp_path: Path) -> None:
    found = read(tmp_path, 'a,b\n"1,2\n3,4\n5,6\n7,8\n9,0\n', "a.csv")
    assert found == [
        Record(2, {}, "longer than 10 characters", '"1,2\n3,4\n5,6'),
        Record(5, {"a": "7", "b": "8"}),
        Record(6, {"a": "9", "b": "0"}),
    ]


@given(st.text(st.sampled_from('a"\n\r,'), max_size=40), st.integers(3, 12), st.integers(3, 20))
def test_whatever_is_in_a_file_records_have_places_of_their_own_and_little_text(
    body: str, most: int, kept: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "MAX_RECORD", most)
        patched.setattr(lines, "MAX_KEPT", max(most, kept))
        found = read(Path(folder), "a\n" + body)
        assert found == read(Path(folder), "a\n" + body)
    places = [record.position for record in found]
    assert places == sorted(set(places))
    assert all(len(record.raw or "") <= most + max(most, kept) for record in found)
