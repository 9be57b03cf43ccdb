"""Expressions and queries from configuration: what they may say, and what each other thing is answered."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from assay.sql_expression import FUNCTIONS, NotAllowedError, parser, row_expression
from assay.sql_query import AGGREGATES, NESTED, WINDOWS, _check, aggregate_expression, query, tables_of
from silver.transform import register_functions

COLUMNS = ("a", "b", "day", "at", "text")
ROW = "select 7 a, 2.5 b, date'2013-03-01' day, timestamp'2013-03-01 12:30:00' at, 'Xy ' text"


@pytest.fixture(autouse=True)
def functions(spark: SparkSession) -> None:
    register_functions(spark, "UTC")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", 7), ("`a`", 7), ("A + a * 2 - -a", 28), ("a div 2 + a % 2", 4), ("a between 1 and 7 and not a > 9", True),
        ("a in (1, 7) or b is null", True), ("case when a = 7 then 'x' else text end", "x"), ("cast(b as int)", 2),
        ("try_cast(text as int)", None), ("text::string like 'X%'", True), ("trim(both 'X' from text)", "y "),
        ("upper(text) || 'z'", "XY z"), ("extract(hour from at)", 12), ("timestampdiff(DAY, day, at)", 0),
        ("day + interval 1 day < at", False), ("coalesce(nullif(a, 7), 1)", 1), ("position('y' in text)", 2),
        ("local_timestamp(day, 750) = at", True), ("text = 'now'", False), ("date'2013-03-01' = day", True),
        ("a & 3 | 8 ^ ~a << 1", None), ("to_date('2013-03-01', 'yyyy-MM-dd') = day", True),
    ],
)  # fmt: skip
def test_row_expression_computes_from_the_rows_values(spark: SparkSession, text: str, value: object) -> None:
    found = spark.sql(ROW).select(row_expression(text, COLUMNS).alias("x")).collect()[0]["x"]
    assert value is None or found == value


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("xx + 1", "the column xx", "known: a, at, b, day, text"),
        ("texd", "the column texd", "did you mean 'text'?"),
        ("t.a", "the column t.a", "known: a, at, b, day, text"),
        ("current_date", "the column current_date", "known: a, at, b, day, text"),
        ("current_user()", "the function current_user", "a function of the lists in assay/sql_expression.py"),
        ("now()", "the function now", "did you mean 'pow'?"),
        ("rand() > 0.5", "the function rand", "did you mean 'rpad'?"),
        ("uuid()", "the function uuid", "a function of the lists in assay/sql_expression.py"),
        ("input_file_name()", "the function input_file_name", "a function of the lists in assay/sql_expression.py"),
        ("java_method('java.lang.System', 'exit', 1)", "the function java_method", "a function of the lists in assay/sql_expression.py"),
        ("reflect('java.lang.System', 'getenv')", "the function reflect", "a function of the lists in assay/sql_expression.py"),
        ("system.builtin.upper(text)", "the function system.builtin.upper", "a function of the lists in assay/sql_expression.py"),
        ("max(a)", "the function max", "a function of the lists in assay/sql_expression.py"),
        ("unix_timestamp()", "unix_timestamp() of no value, which is the time of day", "the value to convert"),
        ("timestamp'now' > at", "timestamp'now' > at: a time that depends on when it is asked", "a time that is written out"),
        ('day = date " Today"', 'day = date " Today": a time that depends on when it is asked', "a time that is written out"),
        ("(select max(a) from x)", "(select max(a) from x) (ScalarSubquery)", "an expression over the values of one row"),
        ("exists (select 1)", "exists (select 1) (Exists)", "an expression over the values of one row"),
        ("a in (select 1)", "a in (select 1) (InSubquery)", "an expression over the values of one row"),
        ("lag(a) over (order by b)", "lag(a) over (order by b) (WindowExpression)", "an expression over the values of one row"),
        ("*", "* (UnresolvedStar)", "an expression over the values of one row"),
        ("identifier('a')", "identifier('a') (ExpressionWithUnresolvedIdentifier)", "an expression over the values of one row"),
        (":a", ":a (NamedParameter)", "an expression over the values of one row"),
        ("a as b", "a as b (Alias)", "an expression over the values of one row"),
        ("a +", "a +: [PARSE_SYNTAX_ERROR]", "a SQL expression"),
        ("a; drop table x", "a; drop table x: [PARSE_SYNTAX_ERROR]", "a SQL expression"),
        ("", ": [PARSE_EMPTY_STATEMENT]", "a SQL expression"),
    ],
)  # fmt: skip
def test_row_expression_refuses_all_else(spark: SparkSession, text: str, found: str, expected: str) -> None:
    with pytest.raises(NotAllowedError) as caught:
        row_expression(text, COLUMNS)
    assert caught.value.found.startswith(found)
    assert caught.value.expected == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count(*)", 1), ("sum(a) + max(b)", 9.5), ("avg(case when a > 3 then 10 else b end)", 10.0),
        ("count_if(a = 7) filter (where b > 0)", 1), ("count(distinct a, b)", 1), ("percentile_approx(a, 0.5)", 7),
    ],
)  # fmt: skip
def test_aggregate_expression_computes_from_all_rows(spark: SparkSession, text: str, value: object) -> None:
    assert spark.sql(ROW).agg(aggregate_expression(text, COLUMNS)).collect()[0][0] == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sum(xx)", "the column xx"), ("sum(a) + rand()", "the function rand"), ("(select max(a) from x)", "(select max(a) from x) (ScalarSubquery)"),
        ("sum(a) over ()", "sum(a) over () (WindowExpression)"), ("max(a) filter (where b > (select 1))", "max(a) filter (where b > (select 1)) (ScalarSubquery)"),
        ("explode(array(a))", "the function explode"), ("sum(a); drop table x", "sum(a); drop table x: [PARSE_SYNTAX_ERROR]"),
    ],
)  # fmt: skip
def test_aggregate_expression_refuses_all_else(spark: SparkSession, text: str, found: str) -> None:
    with pytest.raises(NotAllowedError) as caught:
        aggregate_expression(text, COLUMNS)
    assert caught.value.found.startswith(found)


def test_every_function_of_the_lists_exists(spark: SparkSession) -> None:
    known = {row["function"] for row in spark.sql("show functions").collect()}
    assert (FUNCTIONS | AGGREGATES | WINDOWS | NESTED) - known == set()


@pytest.fixture
def tables(spark: SparkSession) -> Iterator[list[str]]:
    for name in ("s", "t", "hidden"):
        spark.sql(ROW).createOrReplaceTempView(name)
    yield ["s", "t"]
    for name in ("s", "t", "hidden"):
        spark.catalog.dropTempView(name)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("select s.a, t.b as c from s join t using (a) where s.day = date'2013-03-01' order by 1 limit 3", [(7, 2.5)]),
        (
            "with x as (select a from s), y as (select a from x) select count(*) c from y group by a having c > 0",
            [(1,)],
        ),
        ("select a, row_number() over (partition by b order by a) as n from s qualify n = 1", [(7, 1)]),
        ("select (select max(a) from t) as m from s where a in (select a from t) and exists (select 1 from t)", [(7,)]),
        ("select distinct a from (select a from s union all select a from t) u", [(7,)]),
        ("select x from s lateral view explode(array(a, 1)) as x", [(7,), (1,)]),
        ("select filter(array(a, 1), v -> v > 1) as x from s", [([7],)]),
        ("select a from s except select a from t", []),
        ("select sum(a) filter (where b > 1) as x from s group by all", [(7,)]),
        ("select * from values (1, 'x') as v(n, w)", [(1, "x")]),
    ],
)
def test_query_answers_a_select_over_its_tables(
    spark: SparkSession, tables: list[str], text: str, rows: list[tuple[object, ...]]
) -> None:
    found = [
        tuple(float(v) if hasattr(v, "as_tuple") else v for v in row) for row in query(spark, text, tables).collect()
    ]
    assert found == rows


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("drop table s", "DropTable in drop table s"),
        ("insert into s select * from t", "InsertIntoStatement"),
        ("create table x as select 1", "CreateTableAsSelect"),
        ("set spark.x = 1", "SetCommand"),
        ("add jar '/tmp/x.jar'", "AddJarsCommand"),
        ("execute immediate 'drop table s'", "UnresolvedExecuteImmediate"),
        ("begin select 1; end", "CompoundBody"),
        ("select a from hidden", "the table hidden"),
        ("select a from s join hidden using (a)", "the table hidden"),
        ("select (select a from hidden) as x from s", "the table hidden"),
        ("select a from s where exists (select 1 from hidden)", "the table hidden"),
        ("with x as (select * from hidden) select * from x", "the table hidden"),
        ("select * from x join (with x as (select 1) select * from x) y", "the table x"),
        ("select * from csv.`/etc/passwd`", "the table csv./etc/passwd"),
        ("select * from delta.`/tmp/x`", "the table delta./tmp/x"),
        ("select * from identifier('csv.`/etc/passwd`')", "the table csv./etc/passwd"),
        ("select * from range(3)", "UnresolvedTableValuedFunction"),
        ("select * from s version as of 1", "RelationTimeTravel"),
        ("select * from s tablesample (10 percent)", "Sample"),
        ("select transform(a) using 'cat' from s", "ScriptTransformation"),
        ("select reflect('java.lang.System', 'getenv') from s", "the function reflect"),
        ("select a from s order by rand()", "the function rand"),
        ("select a from s group by a having max(uuid()) > 1", "the function uuid"),
        ("select x from s lateral view json_tuple(text, 'a') as x", "the function json_tuple"),
        ("select sum(a) over w from s window w as (partition by rand())", "WithWindowDefinition"),
        ("select * from values (rand()) as v(x)", "the function rand"),
        ("select current_timestamp() as x from s", "the function current_timestamp"),
        ("select sum(a) filter (where rand() > 1) from s", "the function rand"),
        ("select a from s where at < timestamp'now'", "select a from s where at < timestamp'now': a time that"),
        ("select a frm s", "[PARSE_SYNTAX_ERROR]"),
    ],
)
def test_query_refuses_all_else(spark: SparkSession, tables: list[str], text: str, found: str) -> None:
    with pytest.raises(NotAllowedError) as caught:
        query(spark, text, tables)
    assert caught.value.found.startswith(found)
    assert set(tables) < {row["tableName"] for row in spark.sql("show tables").collect()}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select 1", set()),
        ("select * from Trips t join weather w on t.at = w.at", {"trips", "weather"}),
        ("with late as (select * from trips) select * from late where at in (select at from weather)",
         {"late", "trips", "weather"}),
        ("select (select max(at) from weather) as newest from trips where note = 'planes'", {"trips", "weather"}),
    ],
)  # fmt: skip
def test_the_tables_of_a_query_are_those_that_it_reads(spark: SparkSession, text: str, found: set[str]) -> None:
    assert tables_of(text) == found


def test_the_flights_say_nothing_that_is_not_allowed(spark: SparkSession) -> None:
    folder = Path("conf/flights")
    sources = {path.stem: yaml.safe_load(path.read_text()) for path in (folder / "sources").glob("*.yml")}
    columns = {name: [*found["columns"], *found.get("derived", {})] for name, found in sources.items()}
    for name, source in sources.items():
        for made in source.get("derived", {}).values():
            row_expression(made["expr"], columns[name])
    for path in (folder / "features").glob("*.yml"):
        table = yaml.safe_load(path.read_text())
        for feature in table["features"].values():
            (argument,) = [feature[key] for key in set(feature) - {"description", "unit", "windows", "within", "where"}]
            for text in ({argument} - {"*"}) | set(filter(None, [feature.get("where")])):
                row_expression(text, columns[table["source"]])
    model = yaml.safe_load((folder / "models" / "late_arrival.yml").read_text())
    for text in model["spine"].values():
        _check(parser().parsePlan(text.replace(":as_of", "timestamp'2013-03-01'")), text, set(sources))
