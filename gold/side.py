"""A table that an as-of join asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import FeatureError
from assay.tables import quoted


@dataclass(frozen=True)
class Side:
    """One table to join.

    Args:
        rows: The table.
        keys: Spine column -> column of the table.
        time: The table's event time.
        created: When a row was written, which decides between rows of equal event time.
        ttl: How old a row may be; None for any age.
        from_creation: Whether a row counts only from when it was created; otherwise from its event time.
        features: Column of the result -> column of the table.
        folder: Folder or URI of the Delta table whose newest version `rows` are, if it is one.
        empty: Of a table that is written in slices: column of the result -> what an entity without a row in a slice reads
            as, in text; NULL where it is not named. None for any other table.
    """

    rows: DataFrame
    keys: Mapping[str, str]
    time: str
    created: str | None
    ttl: timedelta | None
    features: Mapping[str, str]
    from_creation: bool = False
    folder: str | None = None
    empty: Mapping[str, str] | None = None

    def type_of(self, column: str) -> T.DataType:
        """The type of one of the table's columns."""
        return self.rows.schema[column].dataType


def key_as_in(side: Side, spine: DataFrame, key: str, column: str) -> Column:
    """A key of the spine in the type that a table has it in: 7.0 finds 7, and 7.5 nothing.

    Args:
        side: The table.
        spine: Has the key.
        key: The side's name of the key.
        column: The spine's name of it.
    """
    given, there = spine.schema[column].dataType, side.type_of(side.keys[key])
    if given == there:
        return F.col(quoted(column))
    if given == T.NullType():
        return F.lit(None).cast(there)
    found = F.col(quoted(column)).try_cast(there)
    same = F.when(found.try_cast(given) == F.col(quoted(column)), found)
    try:
        spine.select(same)
    except AnalysisException as error:
        raise FeatureError(
            "A key of the entity frame cannot be compared with the table's.", where=f"{key}, {side.keys[key]} in the table",
            found=given.simpleString(), expected=there.simpleString(),
        ) from error  # fmt: skip
    return same
