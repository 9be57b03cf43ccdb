"""Conditions between columns, from a contract's text: parsed by Spark, and made of known columns and functions only."""

from collections.abc import Iterator
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import Column as SparkColumn
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.config import Source
from assay.errors import ContractError, nearest

FUNCTIONS = frozenset({
    "abs", "ceil", "coalesce", "concat", "contains", "date_add", "date_diff", "date_sub", "date_trunc", "datediff", "day",
    "dayofweek", "endswith", "floor", "greatest", "hour", "if", "ifnull", "isnan", "least", "left", "length",
    "local_timestamp", "lower", "minute", "month", "nullif", "nvl", "pmod", "regexp_like", "right", "rlike", "round",
    "second", "startswith", "substring", "to_date", "trim", "try_divide", "unix_timestamp", "upper", "weekday", "year",
})  # fmt: skip
"""What a condition may call: functions of a row's values that say the same whenever they are asked."""

_FORBIDDEN = ("Subquery", "Exists", "ListQuery", "Window", "Star", "Lambda", "Current")


def condition(source: Source, name: str) -> SparkColumn:
    """A row check of a contract as a column: true, false, or NULL.

    Raises:
        ContractError: It is not SQL, or has a column, a function or a construct that it may not have.
    """
    text = source.checks[name].holds
    session: Any = SparkSession.active()
    try:
        tree = session._jsparkSession.sessionState().sqlParser().parseExpression(text)
    except ParseException as error:
        raise _error(source, name, f"{text}: {str(error).splitlines()[0]}", "a SQL condition") from error
    columns = (*source.columns, *source.derived)
    for node in _nodes(tree):
        kind = str(node.getClass().getSimpleName())
        if kind == "UnresolvedFunction":
            called = _dotted(node.nameParts()).lower()
            if called not in FUNCTIONS:
                raise _error(source, name, f"the function {called}", nearest(called, FUNCTIONS))
        elif kind == "UnresolvedAttribute":
            column = _dotted(node.nameParts())
            if column not in columns:
                raise _error(source, name, f"the column {column}", nearest(column, columns))
        elif any(word in kind for word in _FORBIDDEN):
            raise _error(source, name, text, "an expression over the values of one row")
    return F.expr(text)


def _nodes(tree: Any) -> Iterator[Any]:
    yield tree
    children = tree.children()
    for place in range(children.size()):
        yield from _nodes(children.apply(place))


def _dotted(parts: Any) -> str:
    return ".".join(str(parts.apply(place)) for place in range(parts.size()))


def _error(source: Source, name: str, found: str, expected: str) -> ContractError:
    return ContractError(
        f"The check {name} of source {source.name} cannot be used.", where=source.at("checks", name, "holds"),
        found=found, expected=expected,
    )  # fmt: skip
