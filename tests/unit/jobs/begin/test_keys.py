"""What identifies a record."""

from collections.abc import Callable, Mapping

import pytest

from jobs.begin.keys import is_called_a_key
from jobs.begin.source import Proposed

SourceOf = Callable[[Mapping[str, str]], Proposed]
HOURS = [(day, hour, place) for day in (1, 2) for hour in range(3) for place in "ab"]


def test_one_column_is_better_than_two_and_an_id_better_than_a_time(source_of: SourceOf) -> None:
    lines = "".join(f"2024-01-0{n}T00:00,{'ab'[n % 2]},name {n},{n}\n" for n in range(1, 9))
    assert source_of({"a.csv": f"at,kind,name,order_id\n{lines}"}).key_names == ("order_id",)


def test_several_columns_are_named_in_their_order(source_of: SourceOf) -> None:
    lines = "".join(f"{hour * day},2024-01-0{day}T0{hour}:00,{place}\n" for day, hour, place in HOURS)
    found = source_of({"a.csv": f"value,at,place\n{lines}"})
    assert (found.key_names, found.key.across) == (("at", "place"), True)


def test_what_is_missing_somewhere_or_has_fractions_identifies_nothing(source_of: SourceOf) -> None:
    assert source_of({"a.csv": "id,x\n1,0.5\n,1.5\n3,2.5\n"}).key_names == ("record_id",)


def test_what_may_mean_no_value_identifies_nothing(source_of: SourceOf) -> None:
    assert source_of({"a.csv": "tail,flight\nN1,7\nNA,8\nN2,9\n"}).key_names == ("flight",)


def test_a_time_alone_identifies_nothing_that_has_a_name_too(source_of: SourceOf) -> None:
    lines = "2024-01-01T00:00,a\n2024-01-01T01:00,b\n2024-01-01T02:00,a\n"
    assert source_of({"a.csv": f"at,user\n{lines}"}).key_names == ("at", "user")
    assert source_of({"a.csv": "at,value\n2024-01-01T00:00,.5\n2024-01-01T01:00,.5\n"}).key_names == ("at",)


def test_a_record_that_comes_again_changed_is_the_same_record(source_of: SourceOf) -> None:
    first = "".join(f"{n},2024-01-01,ann,new\n" for n in range(1, 6))
    second = "".join(f"{n},2024-01-01,ann,sent\n" for n in range(1, 4))
    found = source_of({"o-1.csv": f"id,placed,by,state\n{first}", "o-2.csv": f"id,placed,by,state\n{second}"})
    assert (found.key_names, found.key.across, found.key.complete) == (("id",), False, False)


def test_a_number_that_each_file_counts_anew_is_only_part_of_a_key(source_of: SourceOf) -> None:
    files = {f"p-{d}.csv": "number,day\n" + "".join(f"{n},2024-01-0{d}\n" for n in range(9)) for d in (1, 2, 3)}
    assert source_of(files).key_names == ("number", "day")


@pytest.mark.parametrize(("name", "history"), [("2024-01-0{}", "snapshot"), ("planes-{}", "versions")])
def test_files_with_all_keys_of_the_one_before_are_snapshots_if_their_names_say_when(
    source_of: SourceOf, name: str, history: str
) -> None:
    rows = "".join(f"N{n},airbus\n" for n in range(20))
    files = {f"{name.format(d)}.csv": f"tail,maker\n{rows}M{d},boeing\n" for d in (1, 2, 3)}
    found = source_of(files)
    assert (found.key_names, found.key.complete, found.history) == (("tail",), True, history)


@pytest.mark.parametrize(
    ("name", "called"),
    [("order_id", True), ("OrderID", True), ("tailnum", True), ("Order No", True), ("paid", False), ("idle", False)],
)
def test_names_of_keys(source_of: SourceOf, name: str, called: bool) -> None:
    assert is_called_a_key(source_of({"a.csv": f"{name},x\n1,2\n"}).columns[0]) is called
