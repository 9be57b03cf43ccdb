"""Which files belong together."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from assay.errors import SourceError
from assay.files import list_files
from jobs.begin.files import groups_of

Deliver = Callable[[Mapping[str, str]], Path]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["flights-2013-01-01.csv", "flights-2013-01-02.csv"], {"flights": "flights-*.csv"}),
        (["20130101_sales.csv", "20130102_sales.csv"], {"sales": "*.csv"}),
        (["sales_1.csv", "sales_2.csv", "sales.csv"], {"sales": "sales*.csv"}),
        (["2013-01-01T06-00.csv"], {"arrived": "*.csv"}),
        (["orders/2013-01-01.csv", "orders/2013-01-02.csv.gz"], {"orders": "orders/*"}),
        (["m5 sales.2013.jsonl", "airlines.csv"], {"airlines": "airlines.csv", "m5_sales": "m5 sales.*.jsonl"}),
        (["a[b]-1.csv", "a[b]-2.csv"], {"a_b": "a[[]b]-*.csv"}),
        (["sales-1.csv", "sales-eu-1.csv"], {"sales": "sales-[0-9]*.csv", "sales_eu": "sales-eu-*.csv"}),
        (["part-0-0a1b2c3d-0000-4000-8000-0123456789ab.parquet"], {"part": "part-*.parquet"}),
    ],
)
def test_files_whose_names_differ_by_dates_and_numbers_are_one_source(
    deliver: Deliver, names: list[str], groups: dict[str, str]
) -> None:
    folder = deliver(dict.fromkeys(names, ""))
    found, left_out = groups_of(folder)
    assert {group.name: group.glob for group in found} == groups
    assert sorted(file.path for group in found for file in group.files) == sorted(names)
    assert [list(group.files) for group in found] == [list_files(str(folder), group.glob) for group in found]
    assert left_out == []


def test_files_that_nothing_tells_how_to_read_are_left_out(deliver: Deliver) -> None:
    found, left_out = groups_of(deliver({"sales-1.csv": "", "README.md": "", ".hidden.csv": "", "_SUCCESS": ""}))
    assert ([group.name for group in found], left_out) == (["sales"], ["README.md"])


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "There is no such folder."),
        (["notes.txt"], "There is no file that assay could read."),
        (["day=2013-01-01/a.csv", "day=2013-01-02/a.csv"], "Files in two folders would be the source a."),
        (["1-sales.csv", "2-returns.csv"], "No pattern matches the names of these files and no others."),
    ],
)
def test_files_that_make_no_source_are_refused(deliver: Deliver, tmp_path: Path, names: list[str], what: str) -> None:
    deliver(dict.fromkeys(names, ""))
    with pytest.raises(SourceError) as refused:
        groups_of(tmp_path / "arrived")
    assert refused.value.what == what


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="an empty folder"):
        groups_of(tmp_path)
