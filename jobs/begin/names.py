"""Names that a configuration may have, made of whatever names people give to files and columns."""

import re
import unicodedata
from collections.abc import Collection

from pydantic import TypeAdapter, ValidationError

from assay.config.base import Identifier
from assay.config.source import RESERVED

MOST = 63
"""Characters of a name."""

_WORDS = {
    "all", "and", "anti", "any", "as", "between", "both", "by", "case", "cast", "check", "collate", "column",
    "cross", "current_date", "current_time", "current_timestamp", "current_user", "distinct", "else", "end",
    "except", "exists", "false", "fetch", "filter", "for", "from", "full", "grant", "group", "having", "in",
    "inner", "intersect", "interval", "into", "is", "join", "lateral", "leading", "left", "like", "minus",
    "natural", "not", "null", "offset", "on", "only", "or", "order", "outer", "overlaps", "right", "select",
    "semi", "session_user", "set", "some", "table", "then", "to", "trailing", "true", "union", "unique",
    "unknown", "user", "using", "values", "when", "where", "with",
}  # fmt: skip
"""Words that SQL may take for its own where a name is meant."""

_identifier = TypeAdapter(Identifier)


def is_identifier(text: str) -> bool:
    """Whether a text can be the name of a lakehouse, a table or a column."""
    try:
        _identifier.validate_python(text)
    except ValidationError:
        return False
    return True


def identifier(text: str, taken: Collection[str] = (), otherwise: str = "column") -> str:
    """A name like a text, which no other has.

    Args:
        text: What people call it. If it can be a name, it stays as it is.
        taken: Names that are given, in lower case: SQL knows no other difference.
        otherwise: The name of what has no letter and no digit.
    """
    name = text
    if not is_identifier(text):
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or otherwise
        name = f"n_{name}" if name[0].isdigit() else name
        name = name[:MOST].rstrip("_")
    if name.lower() in RESERVED:
        name = f"{name.strip('_')}_value"
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name[: MOST - 5].rstrip('_')}_{number}"
    return free


def in_sql(name: str) -> str:
    """A name as it stands in an expression or a query."""
    return f"`{name}`" if name.lower() in _WORDS else name
