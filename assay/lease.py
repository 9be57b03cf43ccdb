"""One writer per stage: a lease in the Delta table `ops.leases`.

Taking a lease is one merge that changes a row only if it is free. Of two that try at once, Delta lets one commit; the
other fails or finds the row taken. A lease whose holder is gone (a dead process on this host, or past its end) is free.
"""

import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pyspark.sql import types as T

from assay.errors import BusyError
from assay.lakehouse import Lakehouse
from assay.tables import literal

LEASES = "ops.leases"
LONGEST = timedelta(hours=24)
"""A lease of another host is free after this long."""

_SCHEMA = "stage string, holder string, host string, pid bigint, taken_at timestamp"


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
    holder = uuid.uuid4().hex
    _take(lakehouse, wanted, holder)
    lakehouse.leases.update(wanted)
    try:
        yield
    finally:
        lakehouse.leases.difference_update(wanted)
        _change(lakehouse, wanted, "", f"target.holder = {literal(holder)}")


def _take(lakehouse: Lakehouse, stages: Sequence[str], holder: str) -> None:
    tables = lakehouse.tables
    tables.create(LEASES, T.StructType.fromDDL(_SCHEMA))
    rows = {row["stage"]: row for row in tables.read(LEASES).collect()}
    gone = ["", *(row["holder"] for row in rows.values() if _gone(row["host"], row["pid"], row["taken_at"]))]
    taken = [rows[stage] for stage in stages if stage in rows and rows[stage]["holder"] not in gone]
    if not taken:
        condition = f"target.holder IN ({', '.join(literal(name) for name in gone)})"
        try:
            _change(lakehouse, stages, holder, condition)
        except Exception as error:
            if "Concurrent" not in f"{type(error).__name__} {error}":
                raise
        rows = {row["stage"]: row for row in tables.read(LEASES).collect()}
        taken = [rows[stage] for stage in stages if rows[stage]["holder"] != holder]
    if taken:
        _change(lakehouse, stages, "", f"target.holder = {literal(holder)}")
        first = taken[0]
        raise BusyError(
            f"The stage {first['stage']} is being run by another process.",
            where=LEASES,
            found=f"process {first['pid']} on {first['host']}, since {first['taken_at']} UTC",
            do="wait for it to end and run again; nothing was changed",
        )


def _change(lakehouse: Lakehouse, stages: Sequence[str], holder: str, condition: str) -> None:
    rows = [(stage, holder, socket.gethostname(), os.getpid(), datetime.now(UTC)) for stage in stages]
    source = lakehouse.spark.createDataFrame(rows, _SCHEMA).coalesce(1)
    builder = lakehouse.tables.merging(LEASES, source, "source.stage = target.stage")
    builder.whenMatchedUpdateAll(condition=condition).whenNotMatchedInsertAll().execute()


def _gone(host: str, pid: int, taken_at: datetime | None) -> bool:
    if taken_at is None or datetime.now(UTC) - taken_at.replace(tzinfo=UTC) > LONGEST:
        return True
    if host != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
