"""How far a table was landed, and which batches may hold what is read again."""

import pytest

from bronze.cursor import Landed, Range, recent


@pytest.mark.parametrize(
    ("highest", "low", "batches"),
    [
        (["5", "10", "100"], "10", [2, 3]),
        (["9.50", "9.5", "9.4"], "9.5", [1, 2]),
        (["2013-03-01 10:00:00+00", "2013-03-01 11:00:00.5+00"], "2013-03-01 11:00:00+00", [2]),
        (["2013-03-01", "2013-03-02"], "2013-03-01 23:00:00", [2]),
        (["0044-03-15 00:00:00 BC", "2013-03-01 10:00:00"], "2013-03-01 11:00:00", [1]),  # not compared: taken
    ],
)
def test_batches_from_a_cursor_on(highest: list[str], low: str, batches: list[int]) -> None:
    before = [Landed(number, 1, "at", cursor) for number, cursor in enumerate(highest, start=1)]
    assert recent(before, low) == batches


def test_a_range_is_a_condition_with_its_values_quoted() -> None:
    assert Range("1", "2", "bigint", grown=True).condition('a"b') == (
        '"a""b" >= CAST(\'1\' AS bigint) AND "a""b" <= CAST(\'2\' AS bigint)'
    )
    assert Range(None, "o'clock", "date", grown=True).condition("d") == "\"d\" <= CAST('o''clock' AS date)"
    assert (
        Range("2013-03-01 10:00:00", "2013-03-02", "date", grown=True)
        .condition("d")
        .startswith("\"d\" >= CAST('2013-03-01 10:00:00' AS timestamp) AND ")
    )
