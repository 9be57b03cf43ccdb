"""The as-of join: for every row of a spine, what each table last said of its entity by the row's time.

It is done in one of two ways, which give the same answer: by DuckDB in tasks that read the tables' own files, where they
can (`gold.as_of_files`), and by Spark alone otherwise (`gold.as_of_window`).
"""

import logging
from collections.abc import Sequence

from pyspark.sql import DataFrame

from gold.as_of_files import NotByFilesError, join_by_files
from gold.as_of_window import join_by_window
from gold.side import Side

logger = logging.getLogger(__name__)


def as_of_join(spine: DataFrame, time: str, sides: Sequence[Side], *, rows: int | None = None) -> DataFrame:
    """Every row of the spine, once, with the features of each side as of its time.

    A side's row counts if its event time lies in `[time - ttl, time]`. Of several the newest does; of those of equal
    event time the one created last, then the one whose features sort last (those that have no order, as JSON). A NULL
    in a key belongs to no entity. Of a side that is written in slices, only the newest slice there is by then counts.

    Args:
        spine: Rows to answer, with the key columns of every side; equal rows stay as many as they are.
        time: The spine's time column, a timestamp; NULL gets no features.
        sides: The tables, whose results are named differently.
        rows: How many the spine has, if that is known.

    Returns:
        The spine's columns, then the features in the order of the sides; NULL where a side has no row, or the empty
        values where it has a slice instead.
    """
    try:
        return join_by_files(spine, time, sides, rows)
    except NotByFilesError as reason:
        logger.debug("joined by Spark alone: %s", reason)
        return join_by_window(spine, time, sides)
