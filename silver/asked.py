"""What is asked of a contract's checks as a whole: that there are those it speaks of, and that all were evaluated."""

from collections.abc import Iterable

from assay.config import Source
from assay.errors import TableError, nearest
from silver.checks import CHECKS, Check


def check_handling(source: Source) -> None:
    """ConfigError where a contract says how to handle a check that there is not."""
    for name, column in source.columns.items():
        on = {check for check, (setting, *_) in CHECKS.items() if setting(column) is not None}
        if unknown := sorted(set(column.on_fail) - on - {"all"}):
            raise source.error(
                f"The column {name} has no check {unknown[0]}.", "columns", name, "on_fail", unknown[0],
                found=unknown[0], expected=nearest(unknown[0], on),
            )  # fmt: skip
        if name in source.key and any(column.handling(check).severity == "flag" for check in ("type", "required")):
            raise source.error(
                f"The key column {name} cannot be NULL, so a row without it cannot be kept.", "columns", name, "on_fail",
                do="leave out flag for type and required",
            )  # fmt: skip
    if taken := sorted({"record", "unique", *CHECKS} & {*source.checks, *source.references}):
        raise source.error(
            f"{taken[0]} is the name of a check of assay's own.",
            "checks" if taken[0] in source.checks else "references",
            taken[0],
            do="give it another name",
        )


def check_evaluated(source: Source, batch: int, found: Iterable[Check]) -> None:
    """TableError unless every check that a contract asks for is among those that were evaluated."""
    wanted: set[tuple[str, str | None]] = {
        (name, column)
        for column, each in source.columns.items()
        for name, (setting, *_) in CHECKS.items()
        if setting(each) is not None
    }
    wanted |= {("required", name) for name, each in source.derived.items() if each.required}
    wanted |= {(name, None) for name in (*source.checks, *source.references)}
    if missing := sorted(
        f"{name} {column or ''}".strip() for name, column in wanted - {(c.name, c.column) for c in found}
    ):
        raise TableError(
            f"A check of source {source.name} was not evaluated: {', '.join(missing)}.",
            where=f"{source.at()}, batch {batch}", found="no answer", expected="an answer for every row",
            do="report this as a defect of assay: no row of the batch was written to silver",
        )  # fmt: skip
