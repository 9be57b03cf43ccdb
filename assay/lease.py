"""One writer per stage: a lease in the Delta table `ops.leases`.

The table holds the leases that are held, a partition per holder. Taking some is one append that Delta accepts only if
nobody has taken any since the table was looked at: its transaction number is the version that was looked at, and
Delta skips a number that is not above the last. Of two that try at once one finds its commit in the log, the other
does not. A lease whose holder is gone is free: a process of this host that has died, whether or not another has its number now,
or one of another host that took it longer ago than a run can last.
"""

import logging
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import Row
from pyspark.sql import types as T

from assay.errors import BusyError
from assay.explained import explaining
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.tables import Tables

logger = logging.getLogger(__name__)

LEASES = "ops.leases"
LONGEST = timedelta(hours=24)
"""A lease of another host is free after this long."""

_held: set[str] = set()
"""Holders of leases that this process has taken and not given back."""

_SCHEMA = "stage string, holder string, host string, pid bigint, taken_at timestamp"
_ATTEMPTS = 20


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
            _give_back(lakehouse.tables, holder)
    finally:
        _held.discard(holder)


def _give_back(tables: Tables, holder: str) -> None:
    """Take away the leases of a holder. Where that fails, the next run sees that nobody holds them."""
    try:
        tables.delete(LEASES, slice_of={"holder": [holder]})
    except Exception as error:  # noqa: BLE001  # what the run did is done, or has its own error
        logger.warning(
            "a lease was not given back; on this host it is free all the same: %s", str(error).splitlines()[0]
        )


def _take(lakehouse: Lakehouse, stages: Sequence[str], holder: str) -> None:
    tables = lakehouse.tables
    tables.create(LEASES, T.StructType.fromDDL(_SCHEMA), partition_by=["holder"])
    pid, host, now = os.getpid(), socket.gethostname(), datetime.now(UTC)
    claim = [{"stage": name, "holder": holder, "host": host, "pid": pid, "taken_at": now} for name in stages]
    for _ in range(_ATTEMPTS):
        version = tables.version(LEASES)
        held = tables.read(LEASES, version).collect()
        taken = [row for row in held if row["stage"] in stages and not _gone(row)]
        if taken:
            _refuse(taken[0])
        frame = local_frame(lakehouse.spark, claim, _SCHEMA).coalesce(1)
        try:
            got_them = tables.append_once(LEASES, frame, application=LEASES, number=version + 1)
        except Exception as error:
            if not _overtaken(error):
                raise
            got_them = False
        if got_them:
            if gone := sorted({row["holder"] for row in held if _gone(row)}):
                _clear(tables, gone)
            return
    raise BusyError(
        "The leases of this lakehouse are being taken by many runs at once.", where=LEASES,
        found=f"{_ATTEMPTS} attempts, each overtaken by another", do="run again when fewer runs start together",
    )  # fmt: skip


def _clear(tables: Tables, holders: Sequence[str]) -> None:
    """Take away the leases of holders that are gone; what another run clears at the same time is left to it."""
    try:
        tables.delete(LEASES, slice_of={"holder": holders})
    except Exception as error:
        if not _overtaken(error):
            raise


def _overtaken(error: Exception) -> bool:
    """Whether a commit failed because another's came before."""
    return "Concurrent" in f"{type(error).__name__} {error}"


def _refuse(row: Row) -> None:
    raise BusyError(
        f"The stage {row['stage']} is being run by another process.",
        where=LEASES,
        found=f"process {row['pid']} on {row['host']}, since {row['taken_at']} UTC",
        do="wait for it to end and run again; nothing was changed",
    )


def _gone(row: Row) -> bool:
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
