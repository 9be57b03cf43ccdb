"""Checks: each says where it fails, NULL passes all but `required`, and a check that is registered is applied."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import Column as SparkColumn
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.config import Column, Source
from assay.errors import ConfigError, ContractError, TableError
from silver import checks
from silver.asked import check_evaluated, check_handling
from silver.checks import Check, Value, check, checks_of
from silver.parse import typed


def contract(columns: dict[str, Any], **more: Any) -> Source:
    """A source of these columns."""
    return Source.model_validate(
        {
            "name": "s",
            "description": "",
            "from": {"files": "s/*.csv"},
            "key": list(columns)[:1],
            "columns": columns,
            **more,
        }
    )


def applied(column: dict[str, Any]) -> list[Check]:
    """The checks of one column `a`."""
    made = Column.model_validate(column)
    value = Value("a", F.col("a"), typed(F.col("a"), made, "UTC"), made)
    return checks_of(contract({"id": {"type": "int", "required": True}, "a": column}), [value])


def failing(
    spark: SparkSession, column: dict[str, Any], texts: Sequence[str | None], zone: str = "UTC"
) -> dict[str, list[str | None]]:
    """Check -> the texts that fail it. All are of one file, delivered on 1 March 2013 at 18:00 in UTC."""
    made = Column.model_validate(column)
    value = Value("a", F.col("a"), typed(F.col("a"), made, zone), made, zone)
    asked = checks_of(contract({"id": {"type": "int", "required": True}, "a": column}), [value])
    schema = "source_position int, a string, available_at timestamp, source_file string, batch int"
    lines = [(n, text, datetime(2013, 3, 1, 18, tzinfo=UTC), "f", 1) for n, text in enumerate(texts)]
    frame = spark.createDataFrame(lines, schema).orderBy("source_position")
    rows = frame.select("a", *[item.fails.alias(item.name) for item in asked]).collect()
    assert all(row[item.name] is not None for row in rows for item in asked)
    return {item.name: [row["a"] for row in rows if row[item.name]] for item in asked}


def test_checks_fail_where_they_say_and_null_fails_only_required(spark: SparkSession) -> None:
    column = {"type": "int", "required": True, "min": -5, "max": 10, "allowed": [-6, 1, 10, 11], "pattern": "-?[0-9]+"}
    assert failing(spark, column, ["1", "-5", "-6", "10", "11", "x", "+1", "1.5", None]) == {
        "type": ["x", "1.5"],
        "required": [None],
        "min": ["-6"],
        "max": ["11"],
        "allowed": ["-5"],
        "pattern": ["x", "+1", "1.5"],
    }


def test_pattern_is_of_the_whole_text(spark: SparkSession) -> None:
    texts = ["N1", "N1x", "xN1", "N1\n", "N1\nN1", "Z", "AZ"]
    assert failing(spark, {"type": "string", "pattern": "N[0-9]|Z"}, texts)["pattern"] == [
        "N1x", "xN1", "N1\n", "N1\nN1", "AZ",
    ]  # fmt: skip


def test_min_and_max_compare_the_typed_value(spark: SparkSession) -> None:
    texts = ["9", "10", "10.01", "-0.01", "0"]
    bounds = {"min": 0, "max": 10}
    assert failing(spark, {"type": "decimal(5,2)", **bounds}, texts) == {
        "type": [], "min": ["-0.01"], "max": ["10.01"],
    }  # fmt: skip
    assert failing(spark, {"type": "hhmm", "max": 90}, ["130", "131", "91"]) == {"type": ["91"], "max": ["131"]}


@pytest.mark.parametrize(
    ("column", "texts", "refused"),
    [
        ({"type": "string", "allowed": ["1", "2"]}, ["1", "x", "01"], ["x", "01"]),
        ({"type": "string", "allowed": [1, 2]}, ["1", "x"], ["x"]),
        ({"type": "double", "allowed": [0.1, 1]}, ["0.10", "1", "2"], ["2"]),
        ({"type": "boolean", "allowed": [True]}, ["true", "0"], ["0"]),
    ],
)
def test_allowed_compares_values_of_the_columns_type(
    spark: SparkSession, column: dict[str, Any], texts: list[str], refused: list[str]
) -> None:
    assert failing(spark, column, texts)["allowed"] == refused


@pytest.mark.parametrize(
    ("column", "texts", "zone", "failed"),
    [
        ({"type": "string", "length": 3}, ["abc", "ab", "äöü", "abcd", "", None], "UTC", {"length": ["ab", "abcd", ""]}),
        ({"type": "string", "length": {"min": 2}}, ["a", "ab", "abc"], "UTC", {"length": ["a"]}),
        ({"type": "string", "length": {"max": 2}}, ["a", "ab", "abc"], "UTC", {"length": ["abc"]}),
        (
            {"type": "timestamp", "not_in_future": True},
            ["2013-03-01T18:00:00Z", "2013-03-01T18:00:01Z", "2013-03-01T13:00", "2013-03-01T13:01", None],
            "America/New_York",
            {"not_in_future": ["2013-03-01T18:00:01Z", "2013-03-01T13:01"]},
        ),
        (
            {"type": "timestamp", "not_in_future": "5m"}, ["2013-03-01T18:05", "2013-03-01T18:06"], "UTC",
            {"not_in_future": ["2013-03-01T18:06"]},
        ),
        ({"type": "date", "not_in_future": True}, ["2013-03-01", "2013-03-02"], "UTC", {"not_in_future": ["2013-03-02"]}),
        ({"type": "date", "not_in_future": True}, ["2013-03-02", "2013-03-03"], "Asia/Tokyo", {"not_in_future": ["2013-03-03"]}),
        ({"type": "int", "monotone": "increasing"}, ["1", "3", "2", "3", None, "2"], "UTC", {"monotone": ["2", "2"]}),
        ({"type": "int", "monotone": "strictly_increasing"}, ["1", "1", None, "2"], "UTC", {"monotone": ["1"]}),
        (
            {"type": "timestamp", "gap": "refuse", "fold": "refuse"},
            ["2013-03-10 01:59", "2013-03-10 02:30", "2013-11-03 00:59", "2013-11-03 01:30", "2013-11-03 02:00",
             "2013-11-03 01:30:00-05:00", "2013-03-10T02:30:00Z"],
            "America/New_York", {"gap": ["2013-03-10 02:30"], "fold": ["2013-11-03 01:30"]},
        ),
        (  # half an hour, in the south, where the clock is set forward in October
            {"type": "timestamp", "gap": "refuse", "fold": "refuse"},
            ["2013-10-06 02:15", "2013-10-06 02:45", "2013-04-07 01:45", "2013-04-07 01:15"],
            "Australia/Lord_Howe", {"gap": ["2013-10-06 02:15"], "fold": ["2013-04-07 01:45"]},
        ),
        (
            {"type": "timestamp", "format": "dd.MM.yyyy HH:mm", "gap": "refuse"}, ["10.03.2013 02:30", "10.03.2013 03:30"],
            "America/New_York", {"gap": ["10.03.2013 02:30"]},
        ),
    ],
)  # fmt: skip
def test_checks_of_texts_times_and_order_fail_where_they_say(
    spark: SparkSession, column: dict[str, Any], texts: list[str | None], zone: str, failed: dict[str, list[str]]
) -> None:
    assert failing(spark, column, texts, zone) == {"type": [], **failed}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"min": -120}, "is below -120"),
        ({"min": 0.5}, "is below 0.5"),
        ({"max": 1234567}, "is above 1234567"),
        ({"allowed": [1, 2]}, "is none of 1, 2"),
        ({"pattern": "[0-9]"}, "does not match [0-9]"),
        ({"allowed": list(range(15))}, "is none of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more"),
        ({"monotone": "increasing"}, "is below one before it in its file"),
        ({"required": True}, "is missing"),
    ],
)
def test_message_says_what_was_expected(spark: SparkSession, column: dict[str, Any], message: str) -> None:
    kind, asked = applied({"type": "int", **column})
    assert (kind.message, asked.message) == ("is not of type int", message)


def test_checks_of_asks_for_keys_and_required_derived_columns(spark: SparkSession) -> None:
    source = contract(
        {"a": {"type": "int"}, "b": {"type": "int", "required": True}},
        key=["a", "b", "c"],
        derived={"c": "a + b", "d": {"expr": "a", "required": True}, "e": "b"},
    )
    assert [(item.name, item.column) for item in checks_of(source, [])] == [
        ("required", "a"), ("required", "c"), ("required", "d"),
    ]  # fmt: skip


def test_check_makes_a_new_check_known(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", dict(checks.CHECKS))

    @check("even", lambda column: column.unit == "pairs" or None, lambda _: "is odd")
    def _even(value: Value) -> SparkColumn:
        return value.value % 2 != 0

    assert failing(spark, {"type": "int", "unit": "pairs"}, ["1", "2", None]) == {"type": [], "even": ["1"]}
    assert failing(spark, {"type": "int"}, ["1"]) == {"type": []}


READINGS = {"id": {"type": "int", "required": True}, "least": {"type": "int"}, "most": {"type": "int"}}


def holding(spark: SparkSession, condition: str) -> list[bool]:
    """For each of four rows whether it breaks the condition."""
    source = contract(READINGS, checks={"in_order": condition})
    (made,) = [item for item in checks_of(source, []) if item.name == "in_order"]
    rows = spark.createDataFrame([(1, 1, 2), (2, 2, 1), (3, None, 1), (4, 3, 3)], "id int, least int, most int")
    return [row["fails"] for row in rows.orderBy("id").select(made.fails.alias("fails")).collect()]


def test_a_condition_between_columns_fails_only_where_it_is_false(spark: SparkSession) -> None:
    assert holding(spark, "least <= most") == [False, True, False, False]
    assert holding(spark, "least is not null and least < most") == [False, True, True, True]
    assert holding(spark, "case when id = 1 then abs(least) > 5 else most in (1, 3) end") == [True, False, False, False]


@pytest.mark.parametrize(
    ("condition", "found", "expected"),
    [
        ("least <= moost", "the column moost", "did you mean 'most'?"),
        ("lenght(least) > 1", "the function lenght", "did you mean 'length'?"),
        ("reflect('java.lang.System', 'exit', 1) = ''", "the function reflect", "a function of the lists"),
        ("rand() < 0.5", "the function rand", "did you mean 'rpad'?"),
        ("least > (select 1)", "least > (select 1)", "an expression over the values of one row"),
        ("exists(select 1)", "exists(select 1)", "an expression over the values of one row"),
        ("least > 1; drop table x", "least > 1; drop table x: ", "a SQL expression"),
        ("sum(least) over () > 1", "sum(least) over ()", "an expression over the values of one row"),
    ],
)
def test_a_condition_is_of_known_columns_and_functions(
    spark: SparkSession, condition: str, found: str, expected: str
) -> None:
    with pytest.raises(ContractError) as raised:
        holding(spark, condition)
    assert raised.value.what == "The check in_order of source s cannot be used."
    assert str(raised.value.found).startswith(found)
    assert str(raised.value.expected).startswith(expected)


def test_a_check_is_handled_as_its_column_says() -> None:
    column = Column.model_validate(
        {"type": "int", "min": 0, "max": 9, "on_fail": {"max": "flag", "type": {"severity": "fail", "at_most": "0.1%"}}}
    )
    assert [(column.handling(name).severity, column.handling(name).limit) for name in ("min", "max", "type")] == [
        ("quarantine", 1.0), ("flag", 1.0), ("fail", 0.001),
    ]  # fmt: skip
    assert Column.model_validate({"type": "int", "on_fail": "fail"}).handling("type").limit == 0
    assert Column.model_validate({"type": "int", "on_fail": {"at_most": "2 %"}}).handling("min").limit == 0.02


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ({"a": {"type": "int", "max": 1, "on_fail": {"mx": "flag"}}}, "The column a has no check mx."),
        ({"a": {"type": "int", "on_fail": {"max": "flag"}}}, "The column a has no check max."),
        ({"a": {"type": "int"}, "id": {"type": "int", "on_fail": "flag"}}, "The key column id cannot be NULL"),
    ],
)
def test_handling_of_a_check_that_is_not_there_is_refused(column: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        check_handling(contract({"id": {"type": "int"}, **column}))
    with pytest.raises(ConfigError, match="pattern is the name of a check of assay's own"):
        check_handling(contract({"id": {"type": "int"}}, checks={"pattern": "id > 1"}))


def test_a_check_that_was_left_out_fails_the_run(spark: SparkSession) -> None:
    columns = {"id": {"type": "int", "required": True}, "a": {"type": "int", "min": 0}}
    made = contract(columns, checks={"few": "a < 5"}, derived={"b": {"expr": "a + 1", "required": True}})
    values = [Value(name, F.col(name), F.col(name), column) for name, column in made.columns.items()]
    found = checks_of(made, values)
    check_evaluated(made, 1, found)
    for left_out in found:
        with pytest.raises(TableError, match=f"was not evaluated: {left_out.name}"):
            check_evaluated(made, 1, [one for one in found if one is not left_out])
