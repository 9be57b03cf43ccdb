"""What a contract says of other files: a list of allowed values, and the sources that it refers to."""

from collections.abc import Mapping
from pathlib import Path

from assay.config.source import Source
from assay.errors import nearest

MAX_VALUES = 1000


def with_allowed_values(source: Source, conf_dir: Path) -> Source:
    """The contract with the values of its `allowed_file`s read.

    Args:
        source: The contract.
        conf_dir: The lakehouse's folder; the files lie in it.

    Raises:
        ConfigError: A file is missing, outside the folder, empty, too long or not UTF-8.
    """
    columns = {
        name: column.model_copy(update={"allowed": _values(source, conf_dir, name, column.allowed_file)})
        for name, column in source.columns.items()
        if column.allowed_file is not None
    }
    return source.model_copy(update={"columns": {**source.columns, **columns}})


def _values(source: Source, conf_dir: Path, column: str, file: str) -> tuple[str, ...]:
    path = ("columns", column, "allowed_file")
    folder, found = conf_dir.resolve(), "\0" not in file and (conf_dir / file).resolve()
    if not found or not found.is_relative_to(folder):
        raise source.error("The file leaves the lakehouse's folder.", *path, found=file, expected=f"a file in {folder}")
    if not found.is_file():
        raise source.error("The file with the allowed values is missing.", *path, found=str(found))
    try:
        values = tuple(dict.fromkeys(line for line in found.read_text(encoding="utf-8-sig").splitlines() if line))
    except UnicodeDecodeError as error:
        raise source.error("The file with the allowed values is not UTF-8.", *path, found=str(found)) from error
    if not 1 <= len(values) <= MAX_VALUES:
        raise source.error(
            "The file with the allowed values is empty or too long.", *path, found=f"{len(values)} values in {found}",
            expected=f"1 to {MAX_VALUES}", do="of more values make a source, and refer to it with references",
        )  # fmt: skip
    return values


def check_references(sources: Mapping[str, Source]) -> None:
    """ConfigError where a contract refers to no source, not to its key, to other types, or to itself in the end."""
    for source in sources.values():
        for name, reference in source.references.items():
            if reference.source not in sources:
                raise source.error(
                    f"There is no source {reference.source!r}.", "references", name, "source", found=reference.source,
                    expected=nearest(reference.source, sources),
                )  # fmt: skip
            other = sources[reference.source]
            if sorted(reference.columns.values()) != sorted(other.key):
                raise source.error(
                    f"A reference has to name the key of {other.name}.", "references", name, "columns",
                    found=", ".join(reference.columns.values()), expected=", ".join(other.key),
                )  # fmt: skip
            for mine, theirs in reference.columns.items():
                ends = ((source.columns, mine), (other.columns, theirs))
                kinds = [columns[column].type for columns, column in ends if column in columns]
                if len(set(kinds)) > 1:
                    raise source.error(
                        f"{mine} and {other.name}.{theirs} are of different types.", "references", name, "columns", mine,
                        found=kinds[0], expected=kinds[1],
                    )  # fmt: skip
    waves(sources)


def waves(sources: Mapping[str, Source]) -> list[list[str]]:
    """The sources in groups: each refers only to sources of groups before its own, or to none of those given.

    Raises:
        ConfigError: Sources refer to each other in a circle.
    """
    left, groups = dict(sources), []
    while left:
        group = [
            name for name, source in left.items()
            if not any(reference.source in left for reference in source.references.values())
        ]  # fmt: skip
        if not group:
            source = next(iter(left.values()))
            raise source.error(
                "Sources refer to each other in a circle.", "references", found=", ".join(sorted(left)),
                do="leave one of the references out: each source is cleaned after those that it refers to",
            )  # fmt: skip
        groups.append(group)
        for name in group:
            del left[name]
    return groups
