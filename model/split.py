"""Splitting a training set in time: a row is in a range only if its label was known when the next range begins."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config.model import Split
from assay.errors import ModelError
from assay.frames import local_frame
from assay.tables import quoted
from assay.times import format_duration

TRAIN, VALIDATION, HOLDOUT, GAP = "train", "validation", "holdout", "gap"


def assign(nights: Sequence[tuple[datetime, datetime]], split: Split) -> Mapping[datetime, str]:
    """Which range the rows of each as_of belong to.

    The holdout is the newest nights, `split.holdout` of them by time. The validation range is the newest nights whose
    labels were all known when the holdout begins; training nights are those whose labels were known when the
    validation begins. What lies between is a gap that no range uses.

    Without `split.validation` there are two ranges only, and one gap.

    Args:
        nights: (as_of, when the last of its labels became known).
        split: The lengths of the ranges.

    Raises:
        ModelError: Not enough nights for three ranges.
    """
    ordered = sorted(nights)
    result = {as_of: GAP for as_of, _ in ordered}
    end: datetime | None = None
    ranges = [(HOLDOUT, split.holdout), *([(VALIDATION, split.validation)] if split.validation else []), (TRAIN, None)]
    for name, length in ranges:
        usable = [as_of for as_of, known_at in ordered if end is None or (as_of < end and known_at <= end)]
        chosen = [as_of for as_of in usable if length is None or as_of > usable[-1] - length]
        if not chosen:
            raise ModelError(
                f"There is too little history for the {name} range.",
                found=f"{len(ordered)} nights with known labels",
                expected=f"more than {_told(split)} and the gaps",
                do="land more history, or shorten split in the model's file",
            )
        result.update(dict.fromkeys(chosen, name))
        end = chosen[0]
    return result


def with_split(rows: DataFrame, ranges: Mapping[datetime, str], group: str | None, judged: str = HOLDOUT) -> DataFrame:
    """The rows of the ranges, with the name of theirs in `split`.

    Args:
        rows: Rows with `as_of`; a `split` that they have is replaced.
        ranges: as_of -> range; rows of other nights, and of the gap, are left out.
        group: A column whose values stay together: of a value that the judged range has, only rows of that are kept.
        judged: That range.
    """
    assigned = [{"as_of": as_of, "split": name} for as_of, name in sorted(ranges.items()) if name != GAP]
    nights = local_frame(rows.sparkSession, assigned, "as_of timestamp, split string")
    parts = rows.drop("split").join(F.broadcast(nights), "as_of", "inner")
    if group is None:
        return parts
    kept = parts.where(F.col("split") == judged).select(F.col(quoted(group)).alias("__group")).distinct()
    seen = (F.col(quoted(group)) == F.col("__group")) & (F.col("split") != judged)
    return parts.join(kept, seen, "left_anti")


def _told(split: Split) -> str:
    lengths = {HOLDOUT: split.holdout, VALIDATION: split.validation}
    return " + ".join(f"{name} {format_duration(length)}" for name, length in lengths.items() if length)
