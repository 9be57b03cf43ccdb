"""Gates on how much a model was trained and is judged on."""

from collections.abc import Iterable

from pyspark.sql import functions as F

from assay.frames import only_row
from model.candidate import Candidate
from model.gates.gate import Found, Limits, NotJudgedError, gate
from model.gates.rows import holdout_metrics, split_of
from model.split import TRAIN


@gate("rows", Limits)
def rows(candidate: Candidate, limits: Limits) -> Iterable[Found]:
    """Rows of the holdout."""
    found = float(holdout_metrics(candidate)["rows"])
    yield limits.found(found, f"the holdout has {found:,.0f} rows")


@gate("training_rows", Limits)
def training_rows(candidate: Candidate, limits: Limits) -> Iterable[Found]:
    """Rows of the training range."""
    if TRAIN not in candidate.metrics:
        raise NotJudgedError("the training range has no rows")
    found = float(candidate.metrics[TRAIN]["rows"])
    yield limits.found(found, f"the training range has {found:,.0f} rows")


@gate("training_nights", Limits)
def training_nights(candidate: Candidate, limits: Limits) -> Iterable[Found]:
    """Nights that the training range has rows of."""
    row = only_row(split_of(candidate, TRAIN).agg(F.count_distinct("as_of").alias("nights")))
    yield limits.found(float(row["nights"]), f"the training range has rows of {row['nights']:,} nights")
