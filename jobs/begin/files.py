"""Which files of a folder belong together: those whose names are alike but for dates and numbers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from assay.errors import SourceError
from assay.files import FileInfo, list_files
from bronze.readers import FORMATS, format_of
from jobs.begin.names import identifier

_VARIES = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # a UUID
    r"|\d{4}-?\d{2}-?\d{2}(?:[T_ -]?\d{2}(?:[-_h.]?\d{2}){0,2}Z?)?(?!\d)"  # a date, and maybe a time
    r"|\d{6,}"
    r"|(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])",
    re.IGNORECASE,
)
"""What differs between the names of a source's files."""

_ENDING = re.compile(r"\.[a-z]+(?:\.gz)?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """The files of one source."""

    name: str
    """The source's name."""

    glob: str
    """What matches these files and no others, relative to the folder of all."""

    files: tuple[FileInfo, ...]
    """In order of their names, which is that of their dates."""


def groups_of(folder: Path) -> tuple[list[Group], list[str]]:
    """The sources that the files of a folder and of its subfolders seem to be.

    Args:
        folder: Their folder. What lies deeper than in its subfolders is not looked at.

    Returns:
        A group per source, in order of name; and the files that no ending tells how to read.

    Raises:
        SourceError: There is no such folder, or no file that could be read; names do not tell what belongs together.
    """
    if not folder.is_dir():
        raise SourceError(
            "There is no such folder.", where="--from", found=str(folder), expected="a folder of files",
            do="name the folder that the files arrive in",
        )  # fmt: skip
    found = [info for place in _places(folder) for info in list_files(str(folder), f"{place}*")]
    readable = [info for info in found if format_of(info.path, None)]
    if not readable:
        raise SourceError(
            "There is no file that assay could read.", where=str(folder),
            found=", ".join(info.path for info in found[:5]) or "an empty folder",
            expected="names that end in " + ", ".join(FORMATS) + ", each also with .gz",
        )  # fmt: skip
    members: dict[tuple[str, str], list[FileInfo]] = {}
    for info in readable:
        place, _, name = info.path.rpartition("/")
        called = _VARIES.sub(" ", _ENDING.sub("", name)).strip(" -_.") or place or folder.resolve().name
        members.setdefault((place, identifier(called, otherwise="files")), []).append(info)
    _one_folder_each(members)
    groups = [Group(name, _glob(place, files, found), tuple(files)) for (place, name), files in members.items()]
    return sorted(groups, key=lambda group: group.name), [info.path for info in found if info not in readable]


def _places(folder: Path) -> list[str]:
    """The folder itself and its subfolders, as they begin a glob."""
    below = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))]
    return ["", *[f"{name}/" for name in sorted(below)]]


def _one_folder_each(members: Iterable[tuple[str, str]]) -> None:
    known: dict[str, str] = {}
    for place, name in members:
        if (other := known.setdefault(name.lower(), place)) != place:
            raise SourceError(
                f"Files in two folders would be the source {name}.", where="--from", found=f"{other or '.'} and {place}",
                expected="the files of a source in one folder, those of different sources under different names",
                do="put files that belong together into one folder, or rename one of the folders",
            )  # fmt: skip


def _glob(place: str, files: Sequence[FileInfo], others: Sequence[FileInfo]) -> str:
    """The most general pattern for the names of files that no other file has."""
    names = [file.path.rpartition("/")[2] for file in files]
    if len(names) == 1 and not _VARIES.search(names[0]):
        return _joined(place, _literally(names[0]))
    begin = _common([_before_what_varies(name) for name in names])
    endings = {match[0] for name in names if (match := _ENDING.search(name))}
    end = endings.pop() if len(endings) == 1 else ""
    wanted = {file.path for file in files}
    for middle in ("*", "[0-9]*"):
        glob = _joined(place, f"{_literally(begin)}{middle}{_literally(end)}")
        if {info.path for info in others if _matches(info.path, glob)} == wanted:
            return glob
    raise SourceError(
        "No pattern matches the names of these files and no others.", where=place or ".",
        found=", ".join(names[:3]) + (", …" if len(names) > 3 else ""),
        expected="names of one source that begin alike, and unlike those of others",
        do="put them into a folder of their own below it",
    )  # fmt: skip


def _common(names: Sequence[str]) -> str:
    """What all names begin with."""
    least, most = min(names), max(names)
    return next((least[:at] for at, letter in enumerate(least) if letter != most[at]), least)


def _before_what_varies(name: str) -> str:
    match = _VARIES.search(name)
    return name[: match.start()] if match else _ENDING.sub("", name)


def _matches(path: str, glob: str) -> bool:
    """As `list_files` does it: the folder is meant literally."""
    (place, _, name), (where, _, pattern) = path.rpartition("/"), glob.rpartition("/")
    return place == where and fnmatchcase(name, pattern)


def _literally(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _joined(place: str, pattern: str) -> str:
    return f"{place}/{pattern}" if place else pattern
