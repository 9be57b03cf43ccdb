"""Errors of Spark, Delta and the disk, told as errors of assay: which table, what is wrong with it, and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from assay.errors import TableError

_ROOM = ("No space left on device", "Disk quota exceeded", "File too large", "not enough space")
_LOG = ("_delta_log", "DELTA_STATE_RECOVER_ERROR", "DELTA_TRUNCATED_TRANSACTION_LOG", "DELTA_VERSIONS_NOT_CONTIGUOUS",
        "JsonParseException", "JsonEOFException", "MalformedInputException")  # fmt: skip
_GONE = ("FILE_NOT_EXIST", "FileNotFoundException", "DELTA_FILE_NOT_FOUND", "No such file or directory")
_DAMAGED = ("is not a Parquet file", "CANNOT_READ_FILE_FOOTER", "FAILED_READ_FILE", "Could not read footer", "ParquetDecodingException")  # fmt: skip


@contextmanager
def explaining(root: str, where: str) -> Iterator[None]:
    """Errors of Spark and of the disk inside the block become TableErrors.

    Args:
        root: The lakehouse's folder or URI in the warehouse.
        where: What is being done, for errors that name no table.
    """
    try:
        yield
    except (PySparkException, Py4JError, OSError) as error:
        raise explained(error, root, where) from error


def explained(error: BaseException, root: str, where: str) -> TableError:
    """What an error of Spark or of the disk means for who runs assay."""
    text = _whole(error)
    table, file = _table(text, root)
    place = f"{table} ({where})" if table else where
    if full := next((line.strip() for line in text.splitlines() if any(word in line for word in _ROOM)), ""):
        return TableError(
            "There is no room left to write.", where=place, found=full[:300],
            do="make room and run the same command again: what is not complete counts for nothing",
        )  # fmt: skip
    if table and any(word in text for word in (*_LOG, *_GONE, *_DAMAGED)):
        in_log = "_delta_log" in file or (not file.endswith(".parquet") and any(word in text for word in _LOG))
        what = "The log" if in_log else "A file"
        state = "is gone" if not in_log and any(word in text for word in _GONE) else "cannot be read"
        return TableError(
            f"{what} of the table {table} {state}.", where=f"{root}/{table.replace('.', '/')}", found=file or first_lines(error),
            expected="the files of the warehouse as they were written",
            do="bring it back from a copy of the warehouse and run the same command again; nothing was changed. "
            "docs/reliability.md says what to do without a copy",
        )  # fmt: skip
    if isinstance(error, OSError):
        return TableError(
            "A file or a service cannot be reached.",
            where=str(error.filename or place),
            found=error.strerror or str(error),
        )
    return TableError("Spark failed.", where=place, found=first_lines(error))


def _whole(error: BaseException) -> str:
    """All that an error says, and that what caused it says."""
    said = []
    seen: BaseException | None = error
    while seen is not None:
        said.append(str(seen))
        seen = seen.__cause__ or seen.__context__
    java = getattr(error, "_stackTrace", None) or getattr(error, "stackTrace", None)
    return "\n".join([*said, str(java or "")])


def _table(text: str, root: str) -> tuple[str, str]:
    """The table of the lakehouse whose path stands first in a text, and the file in it; nothing if there is none."""
    base = re.escape(root.removeprefix("file://").removeprefix("file:").rstrip("/"))
    found = re.search(rf"{base}/(bronze|silver|gold|ops)/(\w+)((?:/[^\s'\":;,()\]]*)?)", text)
    return (f"{found[1]}.{found[2]}", found[3].strip("/.")) if found else ("", "")


def first_lines(error: BaseException) -> str:
    """The first lines of an error's text, without Java's stack."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith(("at ", "JVM stacktrace"))]
    return " ".join(lines[:3])[:500]
