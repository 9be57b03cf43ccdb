"""Functions and operators that give in DuckDB what they give in Spark, and of which kinds of values they do."""

from collections.abc import Callable, Mapping, Sequence

from assay.ask.kinds import GROUPED, SCALARS, Node, NotQuickError, operands, refusal

Function = Callable[[Node, Sequence[str]], str]


def _of(*signatures: tuple[tuple[str, ...], str]) -> Function:
    """A function that takes exactly these kinds, and what it gives of them."""

    def check(node: Node, kinds: Sequence[str]) -> str:
        for taken, given in signatures:
            if tuple(kinds) == taken:
                return given
        raise refusal(node, *kinds)

    return check


def _arithmetic(node: Node, kinds: Sequence[str]) -> str:
    if len(kinds) > 2 or not {*kinds} <= {"integer", "double"}:  # a sign stands before one, or between two
        raise refusal(node, *kinds)
    return "double" if "double" in kinds else "integer"


def _division(node: Node, kinds: Sequence[str]) -> str:
    _arithmetic(node, kinds)
    literal = operands(node)[1].get("literal") or {"text": "0"}
    if float(literal["text"]) == 0:
        raise NotQuickError("a division by what may be zero")
    return "double"


def _like(node: Node, kinds: Sequence[str]) -> str:
    if kinds != ["string", "string"] or operands(node)[1]["class"] != "CONSTANT":
        raise refusal(node, *kinds)
    return "boolean"


def _count(node: Node, kinds: Sequence[str]) -> str:
    if len(kinds) != 1 or (node["distinct"] and kinds[0] not in GROUPED):
        raise refusal(node, *kinds)
    return "integer"


def _extreme(node: Node, kinds: Sequence[str]) -> str:
    if len(kinds) != 1 or kinds[0] not in SCALARS:
        raise refusal(node, *kinds)
    return kinds[0]


def _sum(node: Node, kinds: Sequence[str]) -> str:
    if kinds != ["integer"]:
        raise refusal(node, *kinds)
    inner = {**node, "alias": ""}
    into: Node = {"class": "TYPE", "type": "TYPE", "alias": "", "catalog": "", "schema": "", "type_name": "BIGINT"}
    into |= {"children": [], "qualified_name": {"path": ["BIGINT"]}}
    cast = {"class": "CAST", "type": "OPERATOR_CAST", "alias": node["alias"], "child": inner, "try_cast": False}
    node.clear()
    node.update(cast, type_expr=into)
    return "integer"


def _truncated(node: Node, kinds: Sequence[str]) -> str:
    unit = operands(node)[0].get("literal") or {}
    if kinds != ["string", "timestamp"] or unit.get("text") not in ("year", "month", "week", "day", "hour", "minute"):
        raise refusal(node, *kinds)
    return "timestamp"


_PART_OF_DATE = _of((("date",), "integer"), (("timestamp",), "integer"))
_PART_OF_TIME = _of((("timestamp",), "integer"))

AGGREGATES: Mapping[str, Function] = {
    "count": _count,
    "count_star": lambda *_: "integer",
    "max": _extreme,
    "min": _extreme,
    "sum": _sum,
}
FUNCTIONS: Mapping[str, Function] = {
    **AGGREGATES,
    "+": _arithmetic,
    "-": _arithmetic,
    "*": _arithmetic,
    "/": _division,
    "||": _of((("string", "string"), "string")),
    "~~": _like,
    "!~~": _like,
    "abs": _of((("integer",), "integer"), (("double",), "double")),
    "length": _of((("string",), "integer")),
    "date_trunc": _truncated,
    "year": _PART_OF_DATE,
    "month": _PART_OF_DATE,
    "day": _PART_OF_DATE,
    "hour": _PART_OF_TIME,
    "minute": _PART_OF_TIME,
}
"""DuckDB's name of a function or operator -> what it gives of its operands, where Spark gives the same."""
