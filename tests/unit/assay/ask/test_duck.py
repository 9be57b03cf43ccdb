"""What DuckDB is trusted with, and why not with the rest."""

from pathlib import Path

import pytest

from assay.ask import duck
from assay.ask.kinds import NotQuickError
from assay.lakehouse import Lakehouse


@pytest.mark.parametrize(
    ("statement", "columns", "rows"),
    [
        ("select count(*) from gold.routes", ["count(1)"], [[4]]),
        ("select dest, sum(flights) from gold.routes group by dest order by dest desc",
         ["dest", "sum(flights)"], [["BOS", 2], ["=x", 300], [None, 20]]),
        ("select count(*) as c from gold.routes version as of 0", ["c"], [[3]]),
        ("select k, valid_to from silver.readings", ["k", "valid_to"], [[1, None]]),
    ],
)  # fmt: skip
def test_tables_and_views_are_asked_by_name(
    asked: Lakehouse, statement: str, columns: list[str], rows: list[list[object]]
) -> None:
    answer = duck.ask(Path(asked.root), statement)
    assert (answer.columns, [*answer.rows]) == (columns, rows)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("select sum(rate) from gold.routes", "sum of double"),
        ("select avg(flights) from gold.routes", "the function avg"),
        ("select flights / flights as x from gold.routes", "division by what may be zero"),
        ("select upper(dest) from gold.routes", "the function upper"),
        ("select rate, count(*) from gold.routes group by rate", "groups by double"),
        ("select distinct rate from gold.routes", "distinct rows of floating-point"),
        ("select 1 from gold.routes where dest = 1", "of string, integer"),
        ("select 1 from gold.routes where flights", "a condition of integer"),
        ("select flights + 1 from gold.routes", "a column without a name"),
        ("select rate as flights from gold.routes", "the name flights, which a column has too"),
        ("select 1 as a union all select 2", "a set operation node"),
        ("select a.dest from gold.routes a where a.dest in (select dest from gold.routes)", "subquery"),
        ("select row_number() over (order by dest) as r from gold.routes", "row number"),
        ("select cast(dest as int) as i from gold.routes", "the cast of string to int"),
        ("select * from gold.routes a join gold.routes b using (dest)", "what \\* stands for here"),
        ("select * from gold.unknown", "the table gold.unknown"),
        ("select * from read_csv('/etc/passwd')", "a table function"),
        ("select * from gold.routes version as of 7", "the log of gold.routes@7"),
        ("select * from silver.readings version as of 0", "which is a view"),
        ("select 1 as a; select 2 as b", "no single statement"),
        ("select flights + 2147483647 as x from gold.routes", "what DuckDB cannot work out: Out of Range"),
    ],
)
def test_what_is_for_spark_is_refused_with_a_reason(asked: Lakehouse, statement: str, why: str) -> None:
    with pytest.raises(NotQuickError, match=why):
        duck.ask(Path(asked.root), statement)


def test_no_more_rows_are_read_than_asked_for(asked: Lakehouse) -> None:
    answer = duck.ask(Path(asked.root), "select flights from gold.routes order by flights desc", at_most=2)
    assert [*answer.rows] == [[300], [20]]
