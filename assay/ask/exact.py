"""Which expressions DuckDB works out to the value that Spark gives: what is not listed here is for Spark.

An expression is a node of DuckDB's own parse tree. Left out on purpose, since the engines differ: sums and means of
floating-point numbers (the order of the rows), the rest of a division and division by what may be zero, means and
products of decimals (their scale), upper and lower case, rounding, regular expressions, most casts, and everything
about lists, maps and structs but reading them as they are.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from assay.ask.functions import AGGREGATES, FUNCTIONS
from assay.ask.kinds import NUMBERS, SCALARS, Node, NotQuickError, operands, refusal, told

_DATE = r"\d{4}-(0[1-9]|1[0-2])-\d\d"
_TIME = {"date": rf"{_DATE}", "timestamp": rf"{_DATE}( \d\d:\d\d(:\d\d(\.\d{{1,6}})?)?)?"}
"""Texts that are a time to both engines."""


@dataclass(frozen=True)
class Scope:
    """What names mean at a place of a statement.

    Args:
        tables: Name of a table, the kinds of its columns; names are in lower case.
        joined: Columns that `using` has made one.
        named: Kinds of what the select list has named, where that may be used.
    """

    tables: Sequence[tuple[str, Mapping[str, str]]]
    joined: frozenset[str] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)

    def kind(self, path: Sequence[str]) -> str:
        """The kind of a column; NotQuickError where it is not certain which is meant."""
        *table, name = (part.lower() for part in path)
        if not table and name in self.named:
            return self.named[name]
        found = [columns[name] for alias, columns in self.tables if name in columns and (not table or table == [alias])]
        is_struct = any(columns.get(alias) == "other" for _, columns in self.tables for alias in table)
        if len(table) > 1 or is_struct or not found or (len(found) > 1 and name not in self.joined):
            raise NotQuickError(f"the name {'.'.join(path)}")
        return found[0]


def kind_of(node: Node, scope: Scope) -> str:
    """The kind of an expression's values.

    A sum of whole numbers is cast in place to what Spark makes of it.

    Raises:
        NotQuickError: The engines may differ.
    """
    handler = _CLASSES.get(node["class"])
    if handler is None:
        raise NotQuickError(told(node))
    return handler(node, scope)


def _constant(node: Node, _: Scope) -> str:
    text = node["literal"]["text"]
    match node["literal"]["kind"]:
        case "INTEGER" if abs(int(text)) < 2**63:
            return "integer"
        case "NUMERIC":
            return "decimal"
        case "STRING":
            return "string"
        case "BOOLEAN":
            return "boolean"
        case "NULL_LITERAL":
            return "null"
    raise NotQuickError(f"the literal {text}")


def _column(node: Node, scope: Scope) -> str:
    return scope.kind(node["column_names"])


def _is_text_of(node: Node, kind: str) -> bool:
    """Whether a node is a string literal that reads as a time of that kind."""
    literal = node.get("literal") or {}
    return literal.get("kind") == "STRING" and re.fullmatch(_TIME[kind], literal["text"]) is not None


def _cast(node: Node, scope: Scope) -> str:
    into = str(node["type_expr"]["type_name"]).lower()
    if into in _TIME and not node["try_cast"] and _is_text_of(node["child"], into):
        return into
    given = kind_of(node["child"], scope)
    allowed = {("timestamp", "date"): "date", ("date", "date"): "date", ("integer", "double"): "double"}
    allowed |= {("integer", "string"): "string", ("string", "string"): "string", ("double", "double"): "double"}
    if node["try_cast"] or node["type_expr"]["children"] or (given, into) not in allowed:
        raise NotQuickError(f"the cast of {given} to {into}")
    return allowed[given, into]


def _compared(node: Node, given: Sequence[Node], scope: Scope) -> str:
    """The kind of a comparison, of operands that are compared as they are."""
    kinds = [kind_of(operand, scope) for operand in given]
    known = {kind for kind in kinds if kind != "null"}
    predicates = [
        one for one, kind in zip(given, kinds, strict=True)
        if kind == "boolean" and one["class"] not in ("COLUMN_REF", "CONSTANT")
    ]  # fmt: skip
    if predicates or "other" in known:
        raise refusal(node, *kinds)
    if len(known) <= 1 or known <= NUMBERS or known == {"date", "timestamp"}:
        return "boolean"
    for kind in _TIME:
        texts = [one for one, found in zip(given, kinds, strict=True) if found == "string"]
        if known == {kind, "string"} and all(_is_text_of(text, kind) for text in texts):
            return "boolean"
    raise refusal(node, *kinds)


def _comparison(node: Node, scope: Scope) -> str:
    return _compared(node, [node["left"], node["right"]], scope)


def _between(node: Node, scope: Scope) -> str:
    return _compared(node, [node["input"], node["lower"], node["upper"]], scope)


def _booleans(node: Node, scope: Scope) -> str:
    for child in node["children"]:
        if (kind := kind_of(child, scope)) not in ("boolean", "null"):
            raise refusal(node, kind)
    return "boolean"


def _same(node: Node, given: Sequence[Node], scope: Scope) -> str:
    """The one kind of all operands, of which NULL may be some."""
    kinds = {kind_of(operand, scope) for operand in given}
    known = kinds - {"null"}
    if len(known) != 1 or not known <= SCALARS - {"decimal"}:
        raise refusal(node, *sorted(kinds))
    return known.pop()


def _operator(node: Node, scope: Scope) -> str:
    match node["type"]:
        case "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL":
            kind_of(node["children"][0], scope)
            return "boolean"
        case "OPERATOR_NOT":
            return _booleans(node, scope)
        case "COMPARE_IN":
            return _compared(node, node["children"], scope)
        case "OPERATOR_COALESCE":
            return _same(node, node["children"], scope)
    raise NotQuickError(told(node))


def _case(node: Node, scope: Scope) -> str:
    for check in node["case_checks"]:
        if kind_of(check["when_expr"], scope) != "boolean":
            raise NotQuickError("a case that compares with no boolean")
    return _same(node, [*(check["then_expr"] for check in node["case_checks"]), node["else_expr"]], scope)


def _function(node: Node, scope: Scope) -> str:
    found = FUNCTIONS.get(name := node["function_name"])
    bare = not (node["schema"] or node["catalog"] or node["order_bys"]["orders"] or node["export_state"])
    if found is None or not bare or ((node["distinct"] or node["filter"]) and name not in AGGREGATES):
        raise NotQuickError(f"the function {name}")
    if node["filter"] and kind_of(node["filter"], scope) != "boolean":
        raise NotQuickError("a filter that is no condition")
    return found(node, [kind_of(operand, scope) for operand in operands(node)])


_CLASSES: Mapping[str, Callable[[Node, Scope], str]] = {
    "CONSTANT": _constant,
    "COLUMN_REF": _column,
    "CAST": _cast,
    "COMPARISON": _comparison,
    "BETWEEN": _between,
    "CONJUNCTION": _booleans,
    "OPERATOR": _operator,
    "CASE": _case,
    "FUNCTION": _function,
}
