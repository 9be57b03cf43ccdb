"""What keeps tables fast and small over the years: few files of many, and no files of versions long gone."""

from dataclasses import dataclass
from datetime import timedelta

from pyarrow import fs

from assay.errors import ConfigError
from assay.files import file_system
from assay.lakehouse import Lakehouse

LEAST = timedelta(days=7)
"""A run reads a version for as long as it lasts, and writes files before it commits them; Delta refuses less, too."""


@dataclass(frozen=True)
class Kept:
    """What a table's folder holds, its log apart."""

    files: int
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Maintained:
    """What became of a table."""

    before: Kept
    merged: Kept
    """With few files of many beside the many."""

    after: Kept


def check_retain(retain: timedelta) -> None:
    """ConfigError for less time than a run may need a version."""
    if retain < LEAST:
        raise ConfigError(
            "Versions that are so young may still be read, or written.", where="--retain",
            found=f"{retain / timedelta(days=1):g} days", expected=f"at least {LEAST.days}d",
        )  # fmt: skip


def maintain(lakehouse: Lakehouse, table: str, retain: timedelta) -> Maintained:
    """Make few files of a table's many, partition by partition, and remove files that only older versions use.

    Its rows, and what any version of that time reads, stay as they are. A table whose partitions have one file each is
    left as it is.

    Args:
        lakehouse: The lakehouse.
        table: The table's name.
        retain: How long a version can be read after another took its place.
    """
    before = kept(lakehouse, table)
    lakehouse.tables.compact(table)
    merged = kept(lakehouse, table)
    lakehouse.tables.clear(table, retain)
    return Maintained(before, merged, kept(lakehouse, table))


def kept(lakehouse: Lakehouse, table: str) -> Kept:
    """What a table's folder holds, whatever version uses it."""
    system, folder = file_system(lakehouse.tables.path(table))
    found = system.get_file_info(fs.FileSelector(folder, recursive=True))
    files = [each for each in found if each.extension == "parquet" and "/_delta_log/" not in each.path]
    return Kept(len(files), sum(each.size for each in files))
