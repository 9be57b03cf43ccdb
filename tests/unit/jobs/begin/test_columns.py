"""What is seen in columns: types as silver reads them, and what has no value."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from jobs.begin.columns import Column
from jobs.begin.kinds import NULLS
from jobs.begin.source import Proposed

SourceOf = Callable[[Mapping[str, str]], Proposed]


def column(source_of: SourceOf, texts: Sequence[str]) -> Column:
    lines = "".join(f'"{text}",1\n' for text in texts)
    return source_of({"a.csv": f"x,other\n{lines}"}).columns[0]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "+3", "0"], "int"),
        (["1", "3000000000"], "long"),
        (["1", "99999999999999999999"], "string"),
        (["1", "2.5", ".5", "1e-3"], "double"),
        (["1", "1e999"], "string"),
        (["01234", "11111"], "string"),
        (["1", "x"], "string"),
        (["1d"], "string"),
        (["inf"], "string"),
        (["true", "False"], "boolean"),
        (["1", "0"], "int"),
        (["2024-02-29"], "date"),
        (["2023-02-29"], "string"),
        (["2024-02-29 05:06"], "timestamp"),
        (["2024-02-29T05:06:07.123456Z", "2024-02-29T05:06:07+02:00"], "timestamp"),
        (["2024-02-29T25:06:07Z"], "string"),
        (["2024-02-29", "2024-02-29T05:06"], "string"),
        (["05:06"], "string"),
        (["NA", "-"], "string"),
    ],
)
def test_a_type_takes_all_texts(source_of: SourceOf, texts: list[str], kind: str) -> None:
    found = column(source_of, texts)
    assert (found.type, found.kind.format) == (kind, None)


@pytest.mark.parametrize(
    ("texts", "kind", "pattern", "ambiguous"),
    [
        (["31.01.2024"], "date", "dd.MM.yyyy", False),
        (["2024/01/31 05:06"], "timestamp", "yyyy/MM/dd HH:mm", False),
        (["01/31/2024"], "date", "MM/dd/yyyy", False),
        (["31/01/2024 05:06:07"], "timestamp", "dd/MM/yyyy HH:mm:ss", False),
        (["05/01/2024", "06/01/2024"], "date", "MM/dd/yyyy", True),
    ],
)
def test_other_ways_to_write_a_day_have_their_format(
    source_of: SourceOf, texts: list[str], kind: str, pattern: str, ambiguous: bool
) -> None:
    found = column(source_of, texts)
    assert (found.type, found.kind.format, found.ambiguous) == (kind, pattern, ambiguous)


def test_what_stands_for_no_value_among_numbers_does_so_in_every_column(source_of: SourceOf) -> None:
    found = source_of({"a.csv": "n,t\n1,NA\nNA,x\n,-\n2,y\n"})
    assert found.nulls == ("", "NA")
    number, text = found.columns
    assert (number.type, number.missing, number.distinct, number.least, number.most) == ("int", 2, 2, 1, 2)
    assert (text.type, text.missing, text.values) == ("string", 1, (("-", 1), ("x", 1), ("y", 1)))


def test_times_without_a_zone_are_local(source_of: SourceOf) -> None:
    assert column(source_of, ["2024-02-29 05:06"]).local
    assert not column(source_of, ["2024-02-29 05:06Z"]).local
    assert not column(source_of, ["2024-02-29"]).local


@pytest.mark.parametrize("text", [text for text in NULLS if text])
def test_what_often_stands_for_no_value_is_doubtful_among_texts(source_of: SourceOf, text: str) -> None:
    assert column(source_of, [text, "x"]).doubtful == (text,)
    assert column(source_of, [text, "1"]).doubtful == ()
