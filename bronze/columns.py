"""The columns that a source brings against those of its contract: which there are, and of which type."""

from collections.abc import Mapping, Sequence

from assay.config import Source
from assay.errors import ContractError, nearest

ANY_TEXT = ("string", "null")
READABLE: dict[str, tuple[str, ...]] = {
    "int": (*ANY_TEXT, "integer", "decimal"),
    "long": (*ANY_TEXT, "integer", "decimal"),
    "double": (*ANY_TEXT, "integer", "decimal", "floating"),
    "decimal": (*ANY_TEXT, "integer", "decimal", "floating"),
    "boolean": (*ANY_TEXT, "boolean", "integer"),
    "date": (*ANY_TEXT, "date"),
    "timestamp": (*ANY_TEXT, "timestamp"),
    "hhmm": (*ANY_TEXT, "integer"),
}
"""A contract's type -> the classes of typed columns whose values it can be read from; `string` takes all."""


def check_columns(source: Source, origin: str, found: Sequence[str], *, may_lack: bool = False) -> list[str]:
    """The columns that the contract does not name.

    Args:
        source: The contract.
        origin: The file or table, for the error.
        found: Names of its columns.
        may_lack: No column is missing, as in JSON, where an object may leave out what is NULL.

    Raises:
        ContractError: A column of the contract is missing and not optional, or `on_new_column` is `fail`.
    """
    names = set(found)
    declared = {source.raw_names[name]: name for name in source.columns}
    new = sorted(names - set(declared))
    missing = sorted(raw for raw, name in declared.items() if raw not in names and not source.columns[name].optional)
    if missing and not may_lack:
        raise ContractError(
            f"{_what(source)} lacks a column of the contract.",
            where=f"{origin} against {source.at('columns', declared[missing[0]])}",
            found="columns " + ", ".join(found),
            expected=f"also {', '.join(missing)}" + (f" ({nearest(missing[0], new)})" if new else ""),
            do=f"{_AGAIN[_is_file(source)]}, or correct the contract (from: <new name>, or optional: true)",
        )
    if new and source.come_from.on_new_column == "fail":
        raise ContractError(
            f"{_what(source)} has a column that the contract does not name.",
            where=f"{origin} against {source.at('from', 'on_new_column')}",
            found=", ".join(new),
            expected="no column but " + ", ".join(sorted(declared)),
            do="name it in the contract, or keep or ignore what it does not name",
        )
    return new


def check_types(source: Source, origin: str, classes: Mapping[str, str]) -> None:
    """See that the values of typed columns can be of the contract's types, at least by their class.

    Args:
        source: The contract.
        origin: The file or table, for the error.
        classes: Raw column -> integer, decimal, floating, boolean, string, date, timestamp, time, binary, nested, null.

    Raises:
        ContractError: A column that is not optional has a type that the contract's cannot be read from.
    """
    wrong = {}
    for name, column in source.columns.items():
        found = classes.get(source.raw_names[name])
        readable = READABLE.get(column.type.partition("(")[0])
        if readable and found and found not in readable and not column.optional:
            wrong[name] = (source.raw_names[name], found, column.type)
    if wrong:
        raise ContractError(
            f"{_what(source)} has a column of another type than the contract's.",
            where=f"{origin} against {source.at('columns', next(iter(wrong)))}",
            found=", ".join(f"{raw} {found}" for raw, found, _ in wrong.values()),
            expected=", ".join(f"{raw} that is read as {kind}" for raw, _, kind in wrong.values()),
            do=f"{_AGAIN[_is_file(source)]}, or correct the contract's type",
        )


def new_columns_note(source: Source, origin: str, new: Sequence[str]) -> tuple[str, ...]:
    """What is to be said of columns that the contract does not name."""
    if not new:
        return ()
    fate = "kept in extra" if source.come_from.on_new_column == "keep" else "left out"
    return (f"{origin}: has {', '.join(new)}, which the contract does not name: {fate}",)


_AGAIN = {True: "have the file delivered anew", False: "have the table brought back as it was"}


def _is_file(source: Source) -> bool:
    return hasattr(source.come_from, "files")


def _what(source: Source) -> str:
    return f"A file of source {source.name}" if _is_file(source) else f"The table of source {source.name}"
