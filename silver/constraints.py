"""What a contract makes certain of every row of a history, as Delta CHECK constraints.

Only what holds for each accepted row is one: required columns, ranges, allowed values, lengths, patterns and conditions
between columns whose failure sends a row to quarantine or stops the batch. What is flagged is kept, so it is none. A pattern
of a column that is no string is of its raw text, which silver does not have.
"""

from assay.config import Column, Source
from assay.tables import literal, quoted

PREFIX = "contract_"
OURS_ONLY = ("local_timestamp",)
"""Functions that a session has from assay alone: another writer could not check them."""


def constraints_of(source: Source) -> dict[str, str]:
    """Name -> SQL condition, one for each column that has one and one for each condition between columns.

    Each is true or false for every row: a comparison holds where a value is NULL.
    """
    found = {}
    for name in (*source.columns, *source.derived):
        given = [f"{quoted(name)} IS NOT NULL"] if is_given(source, name) else []
        if conditions := [*given, *_compared(name, source.columns.get(name))]:
            found[PREFIX + name.lower()] = " AND ".join(conditions)
    for name, check in source.checks.items():  # a name has no __, so this is no column's
        if check.on_fail.severity != "flag" and not any(word in check.holds.lower() for word in OURS_ONLY):
            found[f"{PREFIX}rows__{name.lower()}"] = f"({check.holds}) IS NOT FALSE"
    return found


def is_certain(column: Column, check: str) -> bool:
    """Whether no row that breaks a check of a column is kept."""
    return column.handling(check).severity != "flag"


def is_given(source: Source, name: str) -> bool:
    """Whether a column of accepted rows is never NULL."""
    if name in source.key:
        return True
    if name in source.derived:
        return source.derived[name].required
    column = source.columns[name]  # a text that is not of the column's type is NULL, and its row is kept if flagged
    return column.required and is_certain(column, "required") and is_certain(column, "type")


def _compared(name: str, column: Column | None) -> list[str]:
    """What holds for a column's values."""
    conditions: list[str] = []
    if column is None:
        return conditions
    value = quoted(name)
    if column.min is not None and is_certain(column, "min"):
        conditions.append(f"({value} >= {literal(float(column.min))}) IS NOT FALSE")
    if column.max is not None and is_certain(column, "max"):
        conditions.append(f"({value} <= {literal(float(column.max))}) IS NOT FALSE")
    if column.allowed is not None and is_certain(column, "allowed"):
        allowed = [str(item) if column.type == "string" else item for item in column.allowed]
        conditions.append(f"({value} IN ({', '.join(map(literal, allowed))})) IS NOT FALSE")
    if column.length is not None and is_certain(column, "length"):
        most = [] if column.length.max is None else [f"char_length({value}) <= {column.length.max}"]
        least = [f"char_length({value}) >= {column.length.min}"] if column.length.min else []
        conditions += [f"({length}) IS NOT FALSE" for length in (*least, *most)]
    if column.pattern is not None and column.type == "string" and is_certain(column, "pattern"):
        conditions.append(f"({value} RLIKE {literal(whole(column.pattern))}) IS NOT FALSE")
    return conditions


def whole(pattern: str) -> str:
    """A pattern that all of a text has to match."""
    return rf"\A(?:{pattern})\z"
