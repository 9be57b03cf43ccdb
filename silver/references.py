"""Foreign keys of a contract: whether the record that a row refers to was known when the row became available."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import Source
from assay.tables import quoted
from silver.versions import VERSION


def with_referenced(rows: DataFrame, source: Source, at: Column, histories: Mapping[str, DataFrame]) -> DataFrame:
    """Rows with what `found` asks of each reference.

    The row's own available time decides, not the time of the run: however batches are cut, the same rows are orphans.

    Args:
        rows: Typed rows of a batch, derived columns included.
        source: The contract.
        at: When a row became available.
        histories: `silver.<source>__history` by source; one that has none yet is left out, and has no keys.
    """
    for name, reference in source.references.items():
        if reference.source not in histories:
            rows = rows.select("*", F.lit(False).alias(_known(name)))
            continue
        theirs = {mine: f"__{name}_{theirs}" for mine, theirs in reference.columns.items()}
        known = histories[reference.source].where(F.col("fate") == VERSION).select(
            *[F.col(quoted(reference.columns[mine])).alias(alias) for mine, alias in theirs.items()],
            F.col("valid_from").alias(f"__{name}_from"), F.col("valid_to").alias(f"__{name}_to"),
            F.lit(True).alias(_known(name)),
        )  # fmt: skip
        same = F.lit(True)
        for mine, alias in theirs.items():
            same &= F.col(quoted(mine)) == F.col(alias)
        then = (F.col(f"__{name}_from") <= at) & (F.col(f"__{name}_to").isNull() | (F.col(f"__{name}_to") > at))
        # the versions of a key hold one after the other, so at most one is found
        rows = rows.join(known, same & then, "left").drop(*theirs.values(), f"__{name}_from", f"__{name}_to")
    return rows


def found(name: str, columns: Sequence[str]) -> Column:
    """Whether a row's reference leads to a record, or to nothing because a column of it is NULL."""
    leads = F.col(_known(name))
    for column in columns:
        leads |= F.col(quoted(column)).isNull()
    return F.coalesce(leads, F.lit(False))


def _known(reference: str) -> str:
    return f"__{reference}_known"
