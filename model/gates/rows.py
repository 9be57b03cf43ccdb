"""The rows that gates look at, and how some of them come to the driver."""

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.tables import quoted
from model.candidate import Candidate
from model.gates.gate import NotJudgedError
from model.split import HOLDOUT
from model.tasks import Metrics


def holdout_metrics(candidate: Candidate) -> Metrics:
    """The metrics of the holdout; NotJudgedError without one."""
    found = candidate.metrics.get(HOLDOUT)
    if not found or not found["rows"]:
        raise NotJudgedError("the holdout has no rows")
    return found


def split_of(candidate: Candidate, split: str) -> DataFrame:
    """The scored rows of a split."""
    return candidate.scored.where(F.col("split") == split)


def sample(rows: DataFrame, key: Sequence[str], share: float) -> DataFrame:
    """About a share of the rows, by a hash of their key: the same rows every time, whatever else is in the table."""
    if share >= 1:
        return rows
    slots = 1_000_000
    place = F.pmod(F.xxhash64(*[F.col(quoted(name)) for name in key]), F.lit(slots))
    return rows.where(place < int(share * slots))


def brought(rows: DataFrame, columns: Sequence[Column]) -> pa.Table:
    """Columns of some rows on the driver; the rows are for the caller to bound."""
    found: pa.Table = rows.select(*columns).toArrow()
    return found
