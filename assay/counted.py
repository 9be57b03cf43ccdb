"""How many rows a write was given, counted while it takes them: no job of its own, and not the writer's word."""

import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any, cast

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from assay.errors import TableError

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 10.0
"""Seconds until a count is not waited for any more: Spark tells it a moment after the write."""


@dataclass(frozen=True)
class Counted:
    """Rows on their way to a table."""

    rows: DataFrame
    """What is to be written: the same rows, counted as they pass."""

    source: DataFrame
    passing: Observation
    mark: str
    """Tells the commit that wrote them from others."""

    def check(self, table: str, version: int, written: int) -> None:
        """TableError unless a version of a table holds as many rows as there were."""
        if (meant := self._number(written)) != written:
            raise TableError(
                f"A write to {table} did not hold the rows that were meant.", where=f"{table}, version {version}",
                found=f"{written} rows", expected=f"{meant} rows",
                do="report it, as Spark or its storage has lost rows; take that version back with RESTORE, then run again",
            )  # fmt: skip

    def _number(self, written: int) -> int:
        """How many there were.

        Tasks that were done twice may have been counted twice. So where the count on the way is another than what was
        written, or does not come, the rows are counted anew.
        """
        found = self._passed()
        if found == written:
            return found
        logger.warning("%s rows passed and %d were written: counting again", found, written)
        return self.source.count()

    def _passed(self) -> int | None:
        future = cast("Any", self.passing)._jo.future()  # noqa: SLF001  # its Python side waits for ever
        until = time.monotonic() + _LONGEST_WAIT
        while not future.isCompleted():
            if time.monotonic() > until:
                return None
            time.sleep(0.005)
        return int(self.passing.get["rows"])


def counted(frame: DataFrame) -> Counted:
    """A frame whose rows will be counted when it is written."""
    passing = Observation()
    return Counted(frame.observe(passing, F.count(F.lit(1)).alias("rows")), frame, passing, uuid.uuid4().hex)
