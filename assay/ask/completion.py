"""What a word in a statement may become: a table's name, a column of a table that the statement names, a word of SQL."""

import re

from assay.ask.delta_files import DeltaFiles
from assay.ask.kinds import NotQuickError

WORDS = (
    "all", "and", "as", "asc", "between", "by", "case", "cast", "count", "cross", "cube", "date", "day", "desc",
    "describe", "distinct", "else", "end", "except", "exists", "explode", "false", "for", "from", "full", "group",
    "having", "in", "inner", "intersect", "interval", "is", "join", "lateral", "left", "like", "limit", "max",
    "min", "month", "not", "null", "nulls", "of", "offset", "on", "or", "order", "outer", "over", "partition",
    "right", "rollup", "row_number", "select", "show", "sum", "table", "tables", "then", "timestamp", "true",
    "union", "using", "values", "version", "view", "when", "where", "window", "with", "year",
)  # fmt: skip


def completions(word: str, statement: str, files: DeltaFiles | None) -> list[str]:
    """What a word may become, in order; words of SQL in the case of what is there of them.

    Args:
        word: Its beginning.
        statement: The line that it stands in.
        files: The tables, where they can be listed.
    """
    found = [told for told in WORDS if word and told.startswith(word.lower())]
    found = [told.upper() for told in found] if word.isupper() else found
    names = files.names() if files else []
    return [*_begin(names, word), *_begin(_columns(statement, names, files), word), *found]


def _columns(statement: str, names: list[str], files: DeltaFiles | None) -> list[str]:
    """Columns of the tables that a statement names; of those that cannot be read, none."""
    found: set[str] = set()
    for name in {*re.findall(r"\w+\.\w+", statement)} & {*names}:
        try:
            found |= {column.name for column in files.columns(name)} if files else set()
        except NotQuickError:
            continue
    return sorted(found)


def _begin(names: list[str], word: str) -> list[str]:
    return [name for name in names if name.lower().startswith(word.lower())]
