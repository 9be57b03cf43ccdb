"""SQL from configuration over the values of one row: parsed by Spark, and made of known columns and functions only.

What may stand in it is listed; everything else is refused. So an expression says the same whenever it is asked, and
reads nothing but the row.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from assay.errors import nearest

FUNCTIONS = frozenset({
    # conditions
    "array_contains", "between", "coalesce", "equal_null", "greatest", "if", "ifnull", "isnan", "isnotnull", "isnull", "least",
    "nanvl", "nullif", "nullifzero", "nvl", "nvl2", "zeroifnull",
    # numbers
    "abs", "acos", "asin", "atan", "atan2", "bround", "cbrt", "ceil", "ceiling", "cos", "degrees", "exp", "expm1",
    "floor", "hypot", "ln", "log", "log10", "log1p", "log2", "mod", "negative", "pmod", "pow", "power", "radians", "rint",
    "round", "sign", "signum", "sin", "sqrt", "tan", "tanh", "try_add", "try_divide", "try_mod", "try_multiply",
    "try_subtract", "width_bucket",
    # text
    "ascii", "btrim", "char_length", "character_length", "concat", "concat_ws", "contains", "crc32", "endswith", "initcap",
    "instr", "lcase", "left", "len", "length", "levenshtein", "locate", "lower", "lpad", "ltrim", "md5", "position",
    "regexp", "regexp_count", "regexp_extract", "regexp_instr", "regexp_like", "regexp_replace", "regexp_substr",
    "replace", "reverse", "right", "rlike", "rpad", "rtrim", "sha1", "sha2", "size", "soundex", "split_part",
    "startswith", "substr", "substring", "substring_index", "to_char", "to_number", "translate", "trim",
    "try_to_number", "ucase", "upper", "xxhash64",
    # times
    "add_months", "convert_timezone", "date_add", "date_diff", "date_format", "date_from_unix_date", "date_part",
    "date_sub", "date_trunc", "dateadd", "datediff", "datepart", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear",
    "extract", "from_unixtime", "from_utc_timestamp", "hour", "last_day", "local_timestamp", "make_date",
    "make_timestamp", "minute", "month", "monthname", "months_between", "next_day", "quarter", "second",
    "timestamp_micros", "timestamp_millis", "timestamp_seconds", "to_date", "to_timestamp", "to_unix_timestamp",
    "to_utc_timestamp", "trunc", "try_make_timestamp", "try_to_date", "try_to_timestamp", "unix_date", "unix_micros",
    "unix_millis", "unix_seconds", "unix_timestamp", "weekday", "weekofyear", "year",
    # types
    "bigint", "boolean", "date", "decimal", "double", "float", "int", "smallint", "string", "timestamp", "tinyint",
})  # fmt: skip
"""What an expression may call: functions of a row's values that say the same whenever they are asked."""

KINDS = frozenset({
    "Add", "And", "Between", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "CaseWhen", "Cast", "Coalesce",
    "Concat", "Divide", "EqualNullSafe", "EqualTo", "GreaterThan", "GreaterThanOrEqual", "ILike", "If", "In",
    "IntegralDivide", "IsNotNull", "IsNull", "LessThan", "LessThanOrEqual", "Like", "LikeAll", "LikeAny", "Literal",
    "Multiply", "Not", "NotLikeAll", "NotLikeAny", "Or", "Overlay", "RLike", "Remainder", "ShiftLeft", "ShiftRight",
    "ShiftRightUnsigned", "StringLocate", "StringTrim", "StringTrimLeft", "StringTrimRight", "Substring", "Subtract",
    "TimestampAdd", "TimestampDiff", "UnaryMinus", "UnaryPositive", "UnresolvedAttribute", "UnresolvedFunction",
})  # fmt: skip
"""What an expression may be made of, as Spark's parser names it."""

_NOW = re.compile(r"""['"]\s*(now|today|tomorrow|yesterday)\b""", re.IGNORECASE)
"""Spark reads these words in a literal of a time as of the moment at which it parses them."""


class NotAllowedError(Exception):
    """SQL that may not stand there.

    Args:
        found: What is not allowed.
        expected: What would be.
    """

    def __init__(self, found: str, expected: str) -> None:
        self.found = found
        self.expected = expected
        super().__init__(f"{found}; {expected}")


def row_expression(text: str, columns: Iterable[str]) -> Column:
    """A SQL expression over the values of one row, as a column.

    Args:
        text: The expression.
        columns: Names that it may use.

    Raises:
        NotAllowedError: It is not SQL, or has a column, a function or a construct that it may not have.
    """
    check_expression(text, tuple(columns), FUNCTIONS, "an expression over the values of one row")
    return F.expr(text)


def columns_of(text: str) -> list[str]:
    """The columns that a SQL expression names, each once, as it writes them.

    Raises:
        NotAllowedError: It is not SQL.
    """
    named = [node for node in nodes(_parsed(text)) if node.nodeName() == "UnresolvedAttribute"]
    return list(dict.fromkeys(dotted(node.nameParts()) for node in named))


@lru_cache(maxsize=4096)
def check_expression(text: str, columns: tuple[str, ...], functions: frozenset[str], expected: str) -> None:
    """Raise unless the expression is allowed; asked once for each, as every step through Spark's tree takes time."""
    known = {name.lower() for name in columns}
    for node in nodes(_parsed(text)):
        kind = str(node.nodeName())
        if kind not in KINDS:
            raise NotAllowedError(f"{text} ({kind})", expected)
        check_node(node, kind, text, functions)
        if kind == "UnresolvedAttribute" and (column := dotted(node.nameParts())).lower() not in known:
            raise NotAllowedError(f"the column {column}", nearest(column, columns))


def check_node(node: Any, kind: str, text: str, functions: Iterable[str]) -> None:
    """Raise where a node of a parsed text calls what it may not, or asks for the time of day."""
    if kind == "UnresolvedFunction":
        called = dotted(node.nameParts()).lower()
        if called not in functions:
            raise NotAllowedError(f"the function {called}", nearest_function(called, functions))
        if called == "unix_timestamp" and node.arguments().size() == 0:
            raise NotAllowedError("unix_timestamp() of no value, which is the time of day", "the value to convert")
    if kind == "Literal" and _NOW.search(text) and node.dataType().typeName() in ("date", "timestamp", "timestamp_ntz"):
        raise NotAllowedError(f"{text}: a time that depends on when it is asked", "a time that is written out")


def nearest_function(called: str, functions: Iterable[str]) -> str:
    """The hint for a function that may not be called: the nearest one, or where they are listed."""
    hint = nearest(called, functions)
    return hint if hint.startswith("did you mean") else "a function of the lists in assay/sql_expression.py"


def parser() -> Any:
    """Spark's own parser of SQL."""
    session: Any = SparkSession.active()
    return session._jsparkSession.sessionState().sqlParser()


def _parsed(text: str) -> Any:
    try:
        return parser().parseExpression(text)
    except ParseException as error:
        raise NotAllowedError(f"{text}: {first_line(error)}", "a SQL expression") from error


def first_line(error: Exception) -> str:
    """The first line that an error of Spark's has."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def nodes(tree: Any) -> Iterator[Any]:
    """A node of a parsed text and all below it."""
    yield tree
    for place in range(tree.children().size()):
        yield from nodes(tree.children().apply(place))


def dotted(parts: Any) -> str:
    """A name of several parts as it is written."""
    return ".".join(str(parts.apply(place)) for place in range(parts.size()))
