"""Statements as text: where they end, and what is read otherwise by another dialect."""

import pytest

from assay.ask.kinds import NotQuickError
from assay.ask.wording import for_duckdb, is_whole, statements


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select 1", ["select 1"]),
        ("select ';' ; select \"a;'\";\n", ["select ';'", 'select "a;\'"']),
        ("select 1 -- all; of it\n, 2; /* no; */ select `a;b`", ["select 1  \n, 2", "select `a;b`"]),
        ("select 'it\\'s;'", ["select 'it\\'s;'"]),
        (" ;; -- nothing", []),
    ],
)
def test_statements_end_at_semicolons_outside_of_texts(text: str, found: list[str]) -> None:
    assert statements(text) == found


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("select 1;", True),
        ("select 1; -- so\n", True),
        ("select ';", False),
        ("select 1 -- ;", False),
        ("; select", False),
    ],
)
def test_a_text_is_whole_with_its_last_semicolon(text: str, *, whole: bool) -> None:
    assert is_whole(text) is whole


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("SELECT `a` FROM gold.x", 'SELECT "a" FROM gold.x'),
        ("select 1 from gold.x VERSION AS OF 3 t", 'select 1 from gold."x@3" t'),
        ("select 'gold.x version as of 3'", "select 'gold.x version as of 3'"),
    ],
)
def test_a_statement_is_written_for_duckdb(text: str, made: str) -> None:
    assert for_duckdb(text) == made


@pytest.mark.parametrize(
    "text",
    [
        'select "a"', "select 'a\\n'", "select 'a''b'", "select 1L", "select 1.5D", "select 7e3", "select x'1F'",
        "select a % 2", "select a[0]", "select a:b", "select 1 -- one", "select /* one */ 1", "insert into gold.x values (1)",
        'select `a"b`', "select ü", "select 1_000", "from gold.x",
    ],
)  # fmt: skip
def test_what_dialects_read_differently_is_refused(text: str) -> None:
    with pytest.raises(NotQuickError):
        for_duckdb(text)
