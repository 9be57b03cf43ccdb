"""The columns of a file against those of its contract."""

from collections.abc import Sequence

from assay.config import Source
from assay.errors import ContractError, nearest


def check_columns(source: Source, path: str, kind: str, found: Sequence[str]) -> list[str]:
    """The columns that the contract does not name.

    Args:
        source: The contract.
        path: The file, for the error.
        kind: How it is read. A JSON object may leave out what is NULL: there no column is missing.
        found: Names of the file's columns.

    Raises:
        ContractError: A column of the contract is missing and not optional, or `on_new_column` is `fail`.
    """
    names = set(found)
    declared = {source.raw_names[name]: name for name in source.columns}
    new = sorted(names - set(declared))
    missing = sorted(raw for raw, name in declared.items() if raw not in names and not source.columns[name].optional)
    if missing and kind != "jsonl":
        raise ContractError(
            f"A file of source {source.name} lacks a column of the contract.",
            where=f"{path} against {source.at('columns', declared[missing[0]])}",
            found="columns " + ", ".join(found),
            expected=f"also {', '.join(missing)}" + (f" ({nearest(missing[0], new)})" if new else ""),
            do="have the file delivered anew, or correct the contract (from: <new name>, or optional: true)",
        )
    if new and source.come_from.on_new_column == "fail":
        raise ContractError(
            f"A file of source {source.name} has a column that the contract does not name.",
            where=f"{path} against {source.at('from', 'on_new_column')}",
            found=", ".join(new),
            expected="no column but " + ", ".join(sorted(declared)),
            do="name it in the contract, or keep or ignore what it does not name",
        )
    return new
