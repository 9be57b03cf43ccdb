"""One writer per stage: a lease in the Delta table `ops.leases`.

The table has a row per lease that was taken, and a row without a stage where a holder gave its leases back: two appends,
where taking rows away would cost a run as much as a small stage. Of two that take one at once the one whose commit comes
first in the log has it: the other finds it in the table as it was before its own commit. A lease whose holder is gone is
free: a process of this host that has died, whether or not another has its number now, or one of another host that took it
longer ago than a run can last. Rows of holders that hold nothing any more are cleared away now and then.
"""

import logging
import os
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import types as T

from assay.errors import BusyError
from assay.explained import explaining
from assay.frames import local_frame
from assay.known import SeenLeases
from assay.lakehouse import Lakehouse
from assay.tables import Tables

logger = logging.getLogger(__name__)

LEASES = "ops.leases"
LONGEST = timedelta(hours=24)
"""A lease of another host is free after this long."""

_held: set[str] = set()
"""Holders of leases that this process has taken and not given back."""

SCHEMA = "stage string, holder string, host string, pid bigint, taken_at timestamp"
_MOST_SPENT = 10
"""Of so many holders that hold nothing any more the table may keep rows."""


@contextmanager
def lease(lakehouse: Lakehouse, stages: Sequence[str]) -> Iterator[None]:
    """Hold the leases of some stages; those that this process holds already are not taken twice.

    Raises:
        BusyError: Another run holds one of them.
    """
    wanted = sorted(set(stages) - lakehouse.leases)
    if not wanted:
        yield
        return
    holder = f"{uuid.uuid4().hex}-{_born(os.getpid())}"
    _held.add(holder)
    try:
        with explaining(lakehouse.root, "taking the lease"):
            _take(lakehouse, wanted, holder)
        lakehouse.leases.update(wanted)
        try:
            yield
        finally:
            lakehouse.leases.difference_update(wanted)
            _give_back(lakehouse, holder)
    finally:
        _held.discard(holder)


def give_all_back(lakehouse: Lakehouse) -> None:
    """Give back all that this process holds, which is about to end."""
    for holder in sorted(_held):
        _give_back(lakehouse, holder)


def held(lakehouse: Lakehouse) -> list[Mapping[str, Any]]:
    """The leases that living holders have: stage, host, pid, taken_at; none before the first run."""
    if not lakehouse.tables.exists(LEASES):
        return []
    return [row for row in _not_given_back(_seen(lakehouse).rows) if not _gone(row)]


def _not_given_back(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The leases that are held, by processes that may have died since."""
    back = {row["holder"] for row in rows if row["stage"] is None}
    return [row for row in rows if row["holder"] not in back]


def _seen(lakehouse: Lakehouse, version: int | None = None) -> SeenLeases:
    """The table as it is now, or as of a version; read only if it is not what this process has seen or written last."""
    tables = lakehouse.tables
    wanted = tables.version(LEASES) if version is None else version
    if not lakehouse.seen_leases or lakehouse.seen_leases[0].version != wanted:
        rows = tuple(row.asDict() for row in tables.read(LEASES, wanted).collect())
        lakehouse.seen_leases[:] = [SeenLeases(wanted, rows)]
    return lakehouse.seen_leases[0]


def _append(lakehouse: Lakehouse, holder: str, stages: Sequence[str | None]) -> int:
    """Add a row per stage, in a version that is returned."""
    row = {"holder": holder, "host": socket.gethostname(), "pid": os.getpid(), "taken_at": datetime.now(UTC)}
    rows = [{"stage": stage, **row} for stage in stages]
    version = lakehouse.tables.append(LEASES, local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1)).version
    lakehouse.seen_leases[:] = [
        SeenLeases(version, (*before.rows, *rows)) for before in lakehouse.seen_leases if before.version == version - 1
    ]
    return version


def _give_back(lakehouse: Lakehouse, holder: str) -> None:
    """Say that a holder has done. Where that fails, the next run sees that nobody holds its leases."""
    try:
        _append(lakehouse, holder, [None])
    except Exception as error:  # noqa: BLE001  # what the run did is done, or has its own error
        logger.warning(
            "a lease was not given back; on this host it is free all the same: %s", str(error).splitlines()[0]
        )


def _take(lakehouse: Lakehouse, stages: Sequence[str], holder: str) -> None:
    tables = lakehouse.tables
    tables.create(LEASES, T.StructType.fromDDL(SCHEMA), partition_by=["holder"])
    seen = _seen(lakehouse)
    _refuse_taken(seen, stages)
    version = _append(lakehouse, holder, stages)
    if version != seen.version + 1:
        try:
            _refuse_taken(_seen(lakehouse, version - 1), stages)
        except BusyError:
            _give_back(lakehouse, holder)
            raise
    held = {row["holder"] for row in _not_given_back(seen.rows) if not _gone(row)}
    spent = {row["holder"] for row in seen.rows} - held
    if len(spent) > _MOST_SPENT:
        _clear(tables, sorted(spent))


def _clear(tables: Tables, spent: Sequence[str]) -> None:
    """Take away the rows of holders that hold nothing; what another run clears at the same time is left to it."""
    try:
        tables.delete(LEASES, slice_of={"holder": spent})
    except Exception as error:
        if "Concurrent" not in f"{type(error).__name__} {error}":
            raise


def _refuse_taken(seen: SeenLeases, stages: Sequence[str]) -> None:
    """BusyError where another process holds one of some leases."""
    for row in _not_given_back(seen.rows):
        if row["stage"] in stages and not _gone(row):
            raise BusyError(
                f"The stage {row['stage']} is being run by another process.", where=LEASES,
                found=f"process {row['pid']} on {row['host']}, since {row['taken_at']:%Y-%m-%d %H:%M:%S} UTC",
                do="wait for it to end and run again; nothing was changed",
            )  # fmt: skip


def _gone(row: Mapping[str, Any]) -> bool:
    """Whether the holder of a lease has died, or is on another host and past its end."""
    if row["host"] != socket.gethostname():
        return bool(datetime.now(UTC) - row["taken_at"].replace(tzinfo=UTC) > LONGEST)
    if row["pid"] == os.getpid():
        return row["holder"] not in _held
    try:
        os.kill(row["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's, and alive
        pass
    born = row["holder"].partition("-")[2]
    return bool(born) and born != _born(row["pid"])


def _born(pid: int) -> str:
    """When a process began, in ticks since the machine did: another process with its number has another. Or nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
