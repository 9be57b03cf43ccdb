"""Files at a folder or URI, through pyarrow's file systems, on the driver and in tasks alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from assay.errors import SourceError
from assay.paths import leads_out


@dataclass(frozen=True)
class FileInfo:
    """A file as listed, before it is read."""

    path: str
    """Relative to the landing root."""

    bytes: int
    modified_at: datetime


def file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a folder or URI, and the path in it. `s3a:` is read as `s3:`."""
    if "://" not in uri and not uri.startswith("file:"):
        return fs.LocalFileSystem(), str(Path(uri).absolute())
    if uri.startswith("file:/") and not uri.startswith("file://"):
        uri = "file://" + uri.removeprefix("file:")
    try:
        system, path = fs.FileSystem.from_uri(uri.replace("s3a://", "s3://", 1))
    except pa.ArrowInvalid as error:
        raise SourceError(
            "A folder's address cannot be read.",
            where=uri,
            found=str(error),
            expected="a path, or a URI such as s3a://…",
        ) from error
    return system, str(path)


def list_files(root: str, glob: str) -> list[FileInfo]:
    """Files below `root` that match `glob`, in order of path.

    Args:
        root: Folder or URI.
        glob: Relative to it; `*` and `?` match within a file name. Names that start with `.` or `_` are left out.

    Raises:
        SourceError: The folder does not exist, or it or a file in it is a link that leads out of the root; a file's
            name is no UTF-8.
    """
    folder, _, pattern = glob.rpartition("/")
    system, base = file_system(root)
    place = f"{base}/{folder}" if folder else base
    if system.get_file_info(place).type != fs.FileType.Directory:
        raise SourceError(
            "The landing folder does not exist.",
            where=f"{root}/{folder}",
            expected=f"a folder with files like {pattern}",
            do="create it, or correct from.files in the contract or landing in the environment",
        )
    _stays(system, base, place)
    infos: Sequence[fs.FileInfo] = system.get_file_info(fs.FileSelector(place))
    found = [
        FileInfo(
            path=f"{folder}/{info.base_name}" if folder else info.base_name,
            bytes=info.size,
            modified_at=_modified_at(info),
        )
        for info in infos
        if info.type == fs.FileType.File
        and fnmatchcase(_name(info, place), pattern)
        and not info.base_name.startswith((".", "_"))
    ]
    for file in found:
        _stays(system, base, f"{base}/{file.path}")
    return sorted(found, key=lambda file: file.path)


def changed_since(root: str, files: Sequence[FileInfo]) -> set[str]:
    """Paths of files that are no longer as they were listed: another size or time of change, or gone.

    Raises:
        SourceError: One has become a link that leads out of the root.
    """
    system, base = file_system(root)
    for file in files:
        _stays(system, base, f"{base}/{file.path}")
    now = system.get_file_info([f"{base}/{file.path}" for file in files])
    return {
        file.path
        for file, info in zip(files, now, strict=True)
        if info.type != fs.FileType.File or (info.size, _modified_at(info)) != (file.bytes, file.modified_at)
    }


def _stays(system: fs.FileSystem, base: str, path: str) -> None:
    """SourceError where a link on a local disk leads out of the landing root: what it names was not delivered."""
    if isinstance(system, fs.LocalFileSystem) and (target := leads_out(path, base)):
        raise SourceError(
            "A link in the landing folder leads out of it.",
            where=path,
            found=f"a link to {target}",
            expected=f"a file below {base}",
            do="remove the link and deliver the file itself, or name its folder as landing in the environment",
        )


def _name(info: fs.FileInfo, place: str) -> str:
    try:
        return str(info.base_name)
    except UnicodeDecodeError as error:
        raise SourceError(
            "A file's name is not UTF-8.",
            where=place,
            found=repr(bytes(error.object)),
            do="rename the file; nothing was landed",
        ) from error


def _modified_at(info: fs.FileInfo) -> datetime:
    return info.mtime.astimezone(UTC) if info.mtime else datetime.fromtimestamp(0, UTC)
