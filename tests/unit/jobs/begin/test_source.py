"""The contract that is proposed: it loads, its comments ask what a person has to decide, and the files fit it."""

import csv
import io
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.config import Source
from assay.config.column import Column
from assay.config.load import read_document
from jobs.begin import records
from jobs.begin.propose import propose
from jobs.begin.source import Proposed, contract

SourceOf = Callable[[Mapping[str, str]], Proposed]
PARSED: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "int": int,
    "long": int,
    "double": float,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}
"""How a value of a type is read; an error where a text is not of it."""


def test_a_contract_reads_like_one_that_a_person_wrote(source_of: SourceOf) -> None:
    lines = "".join(
        f"T-{n},0{n % 2}7,2024-05-0{1 + n // 8} 0{n % 8}:00,{n - 3},{'NA' if n == 4 else n / 2}\n" for n in range(16)
    )
    source = source_of({"trips.csv": f"Trip Id,zone,started,gain,length\n{lines}"})
    assert (
        contract(source)
        == """\
# Proposed by `assay init`, from all 16 records of 1 file.
# decide: say what a record is.
description: Records of trips. One row per trip_id.
# decide: when could a record first be known? The files were not written when they were delivered, as it seems; 1d
#   is a guess.
from: {files: trips.csv, available: {after_event: 1d}}

# decide: does this identify a record? It is unique in all 16 records.
key: [trip_id]
# decide: is this when it happened? The first timestamp that is never missing, and is not named otherwise.
event_time: started
nulls: ['', NA]    # what stands where numbers or times have no value
# decide: freshness: 3d, to stop silver when nothing newer has come.
# decide: baseline: {}, to stop a batch that is unlike the nights before.

# decide: min and max leave room for ten times what was seen; set them to what can be.
columns:
  trip_id: {type: string, from: Trip Id, required: true}    # never missing; 16 different
  zone: {type: string, required: true}    # never missing; 2 different
  # decide: started names no time zone: that of lakehouse.yml is taken, or time_zone here.
  started: {type: timestamp, required: true}    # never missing
  gain: {type: int, required: true, min: -200, max: 200}    # never missing; -3 to 12
  length: {type: double, min: 0, max: 100}    # missing in 1 of 16; 0 to 7.5
"""
    )


def test_columns_that_some_files_lack_are_optional(source_of: SourceOf) -> None:
    text = contract(source_of({"a-1.csv": "id,x,\n1,2,3\n", "a-2.csv": "id\n2\n"}))
    assert "  # decide: 1 of 2 files have x; without optional each file must.\n  x: {type: int, optional: true}" in text
    assert "  # A column without a name is kept in bronze's `extra`.\n" in text


def test_a_part_of_the_files_is_told(source_of: SourceOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_ROWS", 2)
    text = contract(source_of({"a-1.csv": "id,x\n1,2\n2,3\n3,4\n", "a-2.csv": "id,x\n4,5\n"}))
    assert text.startswith(
        "# Proposed by `assay init`, from 2 records in 1 of 2 files, as there are many.\n"
        "# Other records may differ from those: what breaks a check will be in quarantine.\n"
    )
    assert "It is unique in the first 2 records." in text


def test_texts_that_may_mean_no_value_are_asked_about(source_of: SourceOf) -> None:
    text = contract(source_of({"a.csv": "id,place\n1,NA\n2,x\n3,-\n"}))
    assert (
        "  # decide: does -, NA mean that place has no value? Then add it to nulls.\n  place: {type: string, r" in text
    )


def test_records_that_cannot_be_read_are_told(source_of: SourceOf) -> None:
    text = contract(source_of({"a.csv": "id,x\n1,2\n3\n"}))
    assert "# Cannot be read: 1 more, which will be in quarantine with the reason.\n" in text


def test_a_record_that_nothing_identifies_is_known_by_all_that_it_says(source_of: SourceOf) -> None:
    source = source_of({"a.csv": "x,user\n0.5,a\n0.5,a\n0.5,b\n"})
    derived = yaml.safe_load(contract(source))["derived"]
    assert source.key_names == ("record_id",)
    assert derived["record_id"]["expr"] == (
        "sha2(concat_ws('|', coalesce(cast(x as string), ''), coalesce(cast(`user` as string), '')), 256)"
    )


texts = st.one_of(
    st.integers(-(2**33), 2**33).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.dates().map(str),
    st.datetimes().map(str),
    st.booleans().map(str),
    st.sampled_from(["", "NA", "null", "-", "no", "1", "0", "007", "a, b", 'say "x"', "# x", "{y}", "é\u2028"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
)
names = st.lists(
    st.one_of(st.sampled_from(["id", "on", "a b", "A", "a", "batch", "é", "key: x", "#"]), st.text("aB_1 ", min_size=1)),
    min_size=1, max_size=4, unique_by=str.strip,
).filter(lambda some: any(map(str.strip, some)))  # fmt: skip


@given(st.data())
@settings(max_examples=25)
def test_what_is_proposed_loads_and_the_records_fit_it(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder: Path = tmp_path_factory.mktemp("frames")
    header = data.draw(names)
    one_kind = st.sampled_from([st.integers(-5, 10**10).map(str), st.dates().map(str), st.just("NA"), texts])
    kinds = [data.draw(one_kind) for _ in header]
    rows = data.draw(st.lists(st.tuples(*kinds), min_size=1, max_size=8))
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    (folder / "f.csv").write_bytes(written.getvalue().encode())
    (proposed,) = propose(folder, "shop", None).sources
    (folder / "f.yml").write_text(contract(proposed), encoding="utf-8")
    source = read_document(folder / "f.yml", Source, name="f")
    raw = {source.raw_names[name]: name for name in source.columns}
    known = [name.strip() for name in header]
    assert set(raw) == {name for name in known if name}
    values = [
        {raw[name]: value(source, raw[name], text) for name, text in zip(known, row, strict=True) if name}
        for row in rows
    ]
    if set(source.key) <= set(source.columns):
        keys = [tuple(row[name] for name in source.key) for row in values]
        assert None not in {each for key in keys for each in key}
        assert len(set(keys)) == len(keys)


def value(source: Source, name: str, text: str) -> Any:
    """A text as the contract has it; an error where it breaks the contract."""
    column: Column = source.columns[name]
    found = None if text in source.nulls else PARSED[column.type](text)
    assert found is not None or not column.required
    assert found is None or column.min is None or found >= column.min
    assert found is None or column.max is None or found <= column.max
    assert found is None or column.allowed is None or found in column.allowed
    return found
