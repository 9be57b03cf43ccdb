"""Questions in SQL: DuckDB's answers are Spark's, and what it might answer otherwise goes to Spark."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pyspark.sql import SparkSession

from assay.ask import duck
from assay.ask.kinds import NotQuickError
from assay.ask.output import write
from assay.ask.question import ask
from assay.errors import TableError
from assay.lakehouse import Lakehouse, open_lakehouse

NAN = float("nan")
COLUMNS = (
    "k bigint, n int, small smallint, x double, y double, f float, d decimal(10,2), s string, t string, b boolean, "
    "day date, seen timestamp, raw binary, xs array<int>, st struct<a:int,at:timestamp>, m map<string,double>, "
    "part timestamp, kind string"
)


def at(day: int, hour: int = 0, micro: int = 0) -> datetime:
    return datetime(2013, 3, day, hour, 30, 1, micro, tzinfo=UTC)


ROWS = [
    (1, 3, 1, 0.5, -0.0, 0.1, Decimal("1.50"), "a", "A", True, date(2013, 3, 1), at(1), b"\x00\xff", [1, None],
     (1, at(1)), {"p": 0.5}, at(1), "x y"),
    (2, -7, -2, -2.25, 0.0, 2.5, Decimal("-3.25"), "ä€😀", "", False, date(1999, 12, 31), at(9, 23, 999999), b"", [],
     (None, None), {}, at(1), "50%/a"),
    (3, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, at(2), None),
    (4, 0, 0, NAN, 1e300, 1.0, Decimal("0.00"), "Z", "b", True, date(2013, 3, 1), at(3, 1), b"z", [5], (7, at(3)),
     {"q": None}, at(2), "x y"),
    (5, 3, 5, 0.5, 3.0, None, Decimal("99999999.99"), "a", "a", None, date(2024, 2, 29), at(3, 1, 5), None, None,
     None, None, None, "=1"),
    (2**53 + 1, 10**8, 7, 1e-9, NAN, 3.5, None, "x'y", "_%", False, None, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
     b"q", [2], (3, None), {"r": NAN}, None, "=1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def lakehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Tables of every type, partitioned and not, with columns added later; versions of a source; runs with metrics."""
    folder = tmp_path_factory.mktemp("asked it's")
    (folder / "conf" / "env").mkdir(parents=True)
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (folder / "conf" / "tiny").mkdir()
    (folder / "conf" / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: No source.\n")
    made = open_lakehouse(folder / "conf" / "tiny")
    frame = spark.createDataFrame(ROWS, COLUMNS)
    made.tables.append("gold.things", frame.drop("t"), partition_by=["part", "kind"])
    made.tables.append("gold.things", frame, evolve=True)
    made.tables.append("gold.plain", frame.select("k", "s", "n").limit(3))
    made.tables.append("gold.plain", frame.select("k", "s", "n").limit(1))
    made.tables.create("gold.nothing", frame.schema)
    versions = [(1, "old", at(1), at(2)), (1, "new", at(2), None)]
    made.tables.append(
        "silver.readings__history",
        spark.createDataFrame(versions, "k int, s string, valid_from timestamp, valid_to timestamp"),
    )
    metrics = "array<struct<target:string,batch:bigint,metric:string,label:string,value:double>>"
    runs = [
        ("r1", "silver", at(1), "done", at(2), [("a", 1, "rows", "", 2.0), ("b", None, "rows", "", 0.5)]),
        ("r2", "bronze", at(1), "done", at(2), []),
    ]
    made.tables.append(
        "ops.runs",
        spark.createDataFrame(
            runs,
            f"run_id string, stage string, as_of timestamp, status string, started_at timestamp, metrics {metrics}",
        ),
    )
    return made


def told(lakehouse: Lakehouse, statement: str, engine: str) -> tuple[list[str], list[str]]:
    """Names of the columns, and the rows as text: it tells 0.0 from -0.0, and NaN is NaN."""
    answer = ask(lakehouse, statement, engine=engine)
    assert answer.engine == engine
    return [*answer.columns], [repr([*row]) for row in answer.rows]


ORDERED = [
    "select * from gold.plain order by k, s, n",
    "select count(*) from gold.things",
    "SELECT COUNT(*), count(s), count(distinct s), sum(n), min(x), max(x), max(seen) FROM gold.things",
    "select Kind, K from gold.things t order by 2 desc, 1 limit 5 offset 1",
    "select s, count(*) as many, sum(n) total from gold.things group by s order by many desc, s",
    "select s, n, sum(k) from gold.plain group by all order by s, n",
    "select part, kind, count(*) as c from gold.things where part > '2013-03-01' or part is null group by 1, 2 order by 1, 2",
    "select x from gold.things where k < 10 order by x, k",
    "select x from gold.things where k < 10 order by x desc, k",
    "select y as v from gold.things order by v desc nulls first, k limit 4",
    "select distinct s, b from gold.things order by s, b",
    "select distinct `day` as `d2` from gold.things order by `d2` desc",
    "select k from gold.things where seen >= '2013-03-03 01:30:01.000005' and day < date '2030-01-01' order by k",
    "select k from gold.things where day = '2013-03-01' order by k",
    "select k from gold.things where seen = timestamp '2013-03-09 23:30:01.999999' order by k",
    "select k from gold.things where day in ('2013-03-01', '2024-02-29') order by k",
    "select k from gold.things where seen > day order by k",
    "select k from gold.things where d > 0.1 and x >= 0.5 order by k",
    "select k from gold.things where s like '%a' or s like '_€_' or t not like 'a%' order by k",
    "select k from gold.things where k in (1, 2, null) or (not b and n is not null) order by k",
    "select k from gold.things where x = x and x > 1 order by k",
    "select k from gold.things where s is distinct from t order by k",
    "select k, n / 2 as half, n * 2 - 1 as mm, x * n as xn, -n as neg, abs(x) as ax, x / 4 as q from gold.things where n < 9 order by k",
    "select k, length(s) as l, s || t as st2, coalesce(t, s, 'none') as c, case when n > 0 then 'p' when n < 0 then 'm' else s end as w from gold.things order by k, l",
    "select k, year(seen) as y1, month(day) as m1, day(seen) as d1, hour(seen) as h, minute(seen) as mi, cast(seen as date) as c, date_trunc('month', seen) as tr from gold.things order by k",
    "select k, date_trunc('week', seen) as w, cast(n as string) as ns, cast(n as double) as nd from gold.things order by k",
    "select a.k, b.n from gold.plain a join gold.plain b on a.k = b.k and a.n < 9 order by a.k, b.n",
    "select k, p.s, t.x from gold.plain p left join gold.things t using (k) order by k, p.s, t.x",
    "select count(*) from gold.plain, gold.nothing",
    "select p.k from gold.nothing q right join gold.plain p on p.k = q.k order by p.k",
    "with w as (select s, count(*) as c from gold.things group by s having count(*) > 2) select w.s, w.c from w order by 1",
    "select mx from (select max(n) as mx from gold.things group by s) q order by mx",
    "select count(*) filter (where n > 0) as c, sum(n) filter (where b) as v from gold.things",
    "select k, raw, xs, st, m, f, d from gold.things where k > 1 and x is null order by k",
    "select count(*), max(k) from gold.nothing",
    "select * from gold.nothing",
    "select * from silver.readings",
    "select k, s, valid_to from silver.readings__history order by s",
    "select * from ops.metrics order by target",
    "select count(*) as c from gold.plain version as of 0",
    "select q.k from gold.plain for version as of 1 q where q.k > 0 order by q.k",
    "select 'version as of 1' as v, 1.5 as d, 1 as i, true as b, null as n",
    "select k from gold.things where kind = '=1' or kind = '50%/a' order by k",
]  # fmt: skip


@pytest.mark.parametrize("statement", ORDERED)
def test_duckdb_answers_as_spark_does(lakehouse: Lakehouse, statement: str) -> None:
    assert told(lakehouse, statement, "duckdb") == told(lakehouse, statement, "spark")


BOOLEANS = [
    "b",
    "n > 1",
    "s = t",
    "seen < '2013-03-05'",
    "x is null",
    "d between 0.5 and 2",
    "s like 'a%'",
    "day = seen",
]
WHOLE = ["n", "small", "k - 9007199254740990", "length(s)", "year(seen)", "day(day)", "3", "abs(small)"]
FLOATS = ["x", "y", "n / 4", "cast(small as double)", "x * 0 + 1"]
TEXTS = ["s", "t", "kind", "'x'", "cast(n as string)", "s || kind"]
NESTED = 3


def cases(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Choices between two expressions of one kind."""
    chosen = st.tuples(booleans(), of, of).map(lambda parts: "case when {} then {} else {} end".format(*parts))
    return chosen | st.tuples(of, of).map(lambda parts: "coalesce({}, {})".format(*parts))


def booleans() -> st.SearchStrategy[str]:
    """Conditions."""
    return st.recursive(
        st.sampled_from(BOOLEANS),
        lambda inner: (
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})")
            | inner.map(lambda one: f"not ({one})")
            | inner.map(lambda one: f"({one}) is null")
        ),
        max_leaves=NESTED,
    )


def numbers() -> st.SearchStrategy[str]:
    """Whole numbers and floating-point ones, added and compared, in any order of types."""
    return st.recursive(
        st.sampled_from(WHOLE) | st.sampled_from(FLOATS),
        lambda inner: st.tuples(inner, st.sampled_from(["+", "-"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        max_leaves=NESTED,
    )


def expressions() -> st.SearchStrategy[str]:
    """Expressions of what DuckDB is trusted with."""
    compared = st.tuples(numbers(), st.sampled_from(["=", "<>", "<", ">=", "is distinct from"]), numbers())
    texts = st.sampled_from(TEXTS)
    return st.one_of(
        booleans(), numbers(), texts, cases(texts), cases(st.sampled_from(WHOLE)), cases(st.sampled_from(FLOATS)),
        compared.map(" ".join), st.tuples(texts, texts).map(" < ".join), texts.map("length({})".format),
        st.tuples(numbers(), numbers(), numbers()).map(lambda parts: "{} not between {} and {}".format(*parts)),
    )  # fmt: skip


@settings(
    max_examples=3,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(asked=st.lists(expressions(), min_size=8, max_size=16))
def test_any_expression_is_worked_out_as_spark_does(lakehouse: Lakehouse, asked: list[str]) -> None:
    listed = ", ".join(f"{expression} as e{place}" for place, expression in enumerate(asked))
    statement = f"select k, {listed} from gold.things order by k, part nulls last, t"  # written above
    assert told(lakehouse, statement, "duckdb") == told(lakehouse, statement, "spark")


@pytest.mark.parametrize(
    "statement",
    [
        "select avg(x) from gold.things", "select n % 2 from gold.things", "select upper(s) from gold.things",
        "select n / n from gold.things where n <> 0", "select explode(xs) from gold.things", "show tables in gold",
        "select round(x, 1) as r from gold.things", "select sum(d) from gold.things", "describe table gold.plain",
        'select "a" as a', "select 1 / 2L as a",
        "select distinct y from gold.things",
    ],
)  # fmt: skip
def test_spark_answers_what_duckdb_might_not_answer_alike(lakehouse: Lakehouse, statement: str) -> None:
    answer = ask(lakehouse, statement)
    assert answer.engine == "spark"
    assert list(answer.rows)


def test_tables_that_others_cannot_read_are_for_spark(lakehouse: Lakehouse, spark: SparkSession) -> None:
    path = lakehouse.tables.path("gold.holes")
    spark.range(4).write.format("delta").save(path)
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES (delta.enableDeletionVectors = true)")
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 2")
    with pytest.raises(NotQuickError, match="deletionVectors"):
        duck.ask(Path(lakehouse.root), "select count(*) from gold.holes")
    assert told(lakehouse, "select * from gold.holes order by id", "spark")[1] == ["[0]", "[1]", "[3]"]


def test_an_error_of_a_query_is_spark_s(lakehouse: Lakehouse) -> None:
    with pytest.raises(TableError, match="TABLE_OR_VIEW_NOT_FOUND"):
        ask(lakehouse, "select 1 from gold.unknown")
    with pytest.raises(TableError, match="OVERFLOW"):
        list(ask(lakehouse, "select n + 2147483647 as m from gold.plain").rows)
    with pytest.raises(TableError, match="DELTA_TIMESTAMP_GREATER_THAN_COMMIT"):
        ask(lakehouse, "select k from gold.plain timestamp as of current_timestamp()")
    with pytest.raises(TableError, match="may not answer this as Spark does"):
        ask(lakehouse, "select avg(n) from gold.plain", engine="duckdb")


def test_parquet_keeps_the_types(lakehouse: Lakehouse, tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    query = "select n, d, seen, st, m from gold.things order by k"
    assert write(lakehouse, query, path, format="parquet", limit=None, engine="auto") == 2 * len(ROWS)
    read = parquet.read_table(path)
    types = {name: str(read.schema.field(name).type) for name in ("n", "d", "seen")}
    assert types == {"n": "int32", "d": "decimal128(10, 2)", "seen": "timestamp[us, tz=UTC]"}
    assert read["st"][0].as_py()["a"] == 1


@pytest.mark.parametrize("statement", ["select k from gold.plain version as of 0", "select k from gold.plain"])
def test_spark_reads_a_table_as_it_was(lakehouse: Lakehouse, statement: str) -> None:
    assert len([*ask(lakehouse, statement, engine="spark").rows]) == (3 if "version" in statement else 4)
