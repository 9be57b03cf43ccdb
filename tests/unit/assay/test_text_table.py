"""Tables for the terminal."""

from decimal import Decimal

from assay.text_table import text_table


def test_numbers_are_to_the_right_nulls_are_seen_and_a_row_is_a_line() -> None:
    rows: list[list[object]] = [
        ["a\nb", 1, Decimal("1.50"), True, {"x": [None]}],
        [None, None, Decimal(10), None, None],
        ["日本", 20, None, False, []],
    ]
    assert text_table(["name", "n", "dec", "yes", "nested"], rows).splitlines() == [
        "name     n   dec  yes    nested",
        "----  ----  ----  -----  -------------",
        'a\\nb     1  1.50  true   {"x": [null]}',
        "NULL  NULL    10  NULL   NULL",
        "日本    20  NULL  false  []",
    ]
