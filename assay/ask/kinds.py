"""What is known of a value without working it out, and the refusal to guess."""

from typing import Any

Node = dict[str, Any]
"""A node of DuckDB's parse tree."""

AT = "@"
"""Between a table's name and the version of it that is meant."""

NUMBERS = frozenset({"integer", "double", "decimal"})
SCALARS = NUMBERS | {"string", "boolean", "date", "timestamp"}
"""Kinds of values that both engines compare and sort alike; any other value has the kind `other`, a bare NULL `null`."""

GROUPED = SCALARS - {"double"}  # 0.0 and -0.0 are equal, and which of them stands for both is not said
"""Kinds whose values are told apart alike, in groups and where duplicates are left out."""


class NotQuickError(Exception):
    """A statement, or a table, that is for Spark; its text says what stands in the way."""


def told(node: Node) -> str:
    """A node in a few words."""
    return str(node.get("function_name") or node["type"]).lower().replace("_", " ")


def refusal(node: Node, *kinds: str) -> NotQuickError:
    """That values of these kinds are not for DuckDB there."""
    return NotQuickError(f"{told(node)} of {', '.join(kinds)}")


def operands(node: Node) -> list[Node]:
    """What a function is called with."""
    return [argument["expression"] for argument in node["arguments"]]
