"""SQL queries from configuration: one select over tables that it is given, parsed by Spark before it is run.

A query may join, group and order, and changes nothing: no command, no file or catalog by its name, no program, no
function that reads the machine or the clock.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.errors import nearest
from assay.sql_expression import (
    FUNCTIONS,
    KINDS,
    NotAllowedError,
    check_expression,
    check_node,
    dotted,
    first_line,
    nearest_function,
    parser,
)

AGGREGATES = frozenset({
    "any", "any_value", "approx_count_distinct", "array_agg", "avg", "bool_and", "bool_or", "collect_list",
    "collect_set", "corr", "count", "count_if", "covar_pop", "covar_samp", "every", "first", "first_value", "last",
    "last_value", "max", "max_by", "mean", "median", "min", "min_by", "mode", "percentile", "percentile_approx",
    "percentile_cont", "percentile_disc", "some", "std", "stddev", "stddev_pop", "stddev_samp", "sum", "try_avg",
    "try_sum", "var_pop", "var_samp", "variance",
})  # fmt: skip
WINDOWS = frozenset(
    {"cume_dist", "dense_rank", "lag", "lead", "nth_value", "ntile", "percent_rank", "rank", "row_number"}
)
NESTED = frozenset({
    "aggregate", "array", "array_distinct", "array_max", "array_min", "array_position", "array_sort", "cardinality",
    "element_at", "exists", "explode", "explode_outer", "filter", "flatten", "forall", "get", "inline", "map_keys",
    "map_values", "named_struct", "posexplode", "reduce", "sequence", "slice", "sort_array", "split", "stack", "struct",
    "transform",
})  # fmt: skip

_FUNCTIONS = FUNCTIONS | AGGREGATES | WINDOWS | NESTED
_KINDS = KINDS | frozenset({
    "Alias", "AttributeReference", "CreateNamedStruct", "Cube", "CurrentRow$", "Exists", "GroupingSets", "InSubquery",
    "LambdaFunction", "ListQuery", "MultiAlias", "Rollup", "ScalarSubquery", "SortOrder", "SpecifiedWindowFrame",
    "UnboundedFollowing$", "UnboundedPreceding$", "UnresolvedAlias", "UnresolvedExtractValue", "UnresolvedGenerator",
    "UnresolvedNamedLambdaVariable", "UnresolvedOrdinal", "UnresolvedStar", "UnspecifiedFrame$", "WindowExpression",
    "WindowSpecDefinition",
})  # fmt: skip
"""What the expressions of a query may be made of, as Spark's parser names it."""

STEPS = frozenset({
    "Aggregate", "Distinct", "Except", "Filter", "Generate", "GlobalLimit", "Intersect", "Join", "LateralJoin",
    "LocalLimit", "LocalRelation", "Offset", "OneRowRelation", "Pivot", "Project", "Sort", "SubqueryAlias", "Union",
    "Unpivot", "UnresolvedHaving", "UnresolvedHint", "UnresolvedInlineTable", "UnresolvedQualify",
    "UnresolvedRelation", "UnresolvedSubqueryColumnAliases", "UnresolvedWith",
})  # fmt: skip
"""What a query may do."""


def query(spark: SparkSession, text: str, tables: Iterable[str]) -> DataFrame:
    """The answer to a query over given tables, not yet worked out.

    Args:
        spark: The session, which knows the tables by their names.
        text: One select.
        tables: Names that it may read from.

    Raises:
        NotAllowedError: It is no query, or has a table, a function or a construct that it may not have.
    """
    try:
        tree = parser().parsePlan(text)
    except ParseException as error:
        raise NotAllowedError(first_line(error), "a select over " + ", ".join(sorted(tables))) from error
    _check(tree, text, {name.lower() for name in tables})
    return spark.sql(text)


def tables_of(text: str) -> frozenset[str]:
    """The tables that an allowed query reads, in small letters; names of its own `with` are among them."""
    found: set[str] = set()

    def look(node: Any) -> None:
        if node.nodeName() == "UnresolvedRelation":
            found.add(dotted(node.multipartIdentifier()).lower())
        for below in _below(node):
            look(below)

    look(parser().parsePlan(text))
    return frozenset(found)


def aggregate_expression(text: str, columns: Iterable[str]) -> Column:
    """A SQL expression that makes one value of many rows, as a column.

    Args:
        text: The expression.
        columns: Names that it may use.

    Raises:
        NotAllowedError: It is not SQL, or has a column, a function or a construct that it may not have.
    """
    check_expression(text, tuple(columns), FUNCTIONS | AGGREGATES, "an expression over the rows' columns")
    return F.expr(text)


def _check(tree: Any, text: str, tables: set[str]) -> None:
    """Raise unless a query is allowed; what `with` names may be read below it."""
    kind = str(tree.nodeName())
    if kind not in _KINDS | STEPS:
        raise NotAllowedError(f"{kind} in {' '.join(text.split())}"[:200], "a select over " + ", ".join(sorted(tables)))
    check_node(tree, kind, text, _FUNCTIONS)
    if kind == "UnresolvedWith":
        named = (part.alias() for part in _all(tree.innerChildren()) if part.nodeName() == "SubqueryAlias")
        tables = tables | {str(name).lower() for name in named}
    if kind == "UnresolvedRelation" and (name := dotted(tree.multipartIdentifier())).lower() not in tables:
        raise NotAllowedError(f"the table {name}", nearest(name, tables))
    if kind == "UnresolvedGenerator" and (called := str(tree.name().funcName()).lower()) not in _FUNCTIONS:
        raise NotAllowedError(f"the function {called}", nearest_function(called, _FUNCTIONS))
    for node in _below(tree):
        _check(node, text, tables)


def _below(tree: Any) -> Iterator[Any]:
    yield from _all(tree.children())
    yield from _all(tree.innerChildren())
    if str(tree.nodeName()) in STEPS:
        yield from _all(tree.expressions())


def _all(found: Any) -> Iterator[Any]:
    for place in range(found.size()):
        yield found.apply(place)
