"""A gate on the worst part of the holdout: a model that is good on the whole may fail those that matter."""

import math
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from pyspark.sql import DataFrame

from assay.config import Model
from assay.errors import nearest
from assay.report.training import SliceRow
from model.candidate import Candidate
from model.gates.columns import check_column
from model.gates.gate import Found, Limits, NotJudgedError, gate
from model.gates.rows import holdout_metrics
from model.tasks import TASKS


class Slices(Limits):
    """A limit on a metric of every value of the model's `slices`."""

    metric: str | None = None
    """The metric; by default the one that models of this task are compared by."""

    rows: Annotated[int, Field(ge=1)] = 200
    """Values with fewer rows of the holdout are left out."""

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:
        """The model has slices, and the metric is one of its kind of label."""
        if not model.slices:
            raise model.error(
                f"The gate {name!r} has nothing to look at.", "gates", name,
                expected="columns of the spine in the model's `slices`, such as slices: [origin]",
            )  # fmt: skip
        if (self.min is None) == (self.max is None):
            raise model.error(f"The gate {name!r} looks at the worst slice.", "gates", name, expected="min or max")
        known = TASKS[model.task].metrics
        if self.metric is not None and self.metric not in known:
            raise model.error(
                f"A model of task {model.task} has no metric {self.metric!r}.", "gates", name, "metric",
                found=self.metric, expected=nearest(self.metric, known),
            )  # fmt: skip
        for at, column in enumerate(model.slices):
            check_column(model, column, rows, "slices", at)


@gate("slices", Slices)
def slices(candidate: Candidate, settings: Slices) -> Iterable[Found]:
    """A metric of the holdout's worst slice: of each value of each of the model's `slices` that has enough rows."""
    holdout_metrics(candidate)
    metric = settings.metric or TASKS[candidate.model.task].main
    found = {_told(each): each.metrics for each in candidate.slices}
    large = {name: metrics for name, metrics in found.items() if metrics["rows"] >= settings.rows}
    left_out = (
        f"{len(found) - len(large)} of {len(found)} slices have fewer than {settings.rows:,} rows and are left out"
    )
    if not large:
        raise NotJudgedError(left_out)
    if unknown := sorted(name for name, metrics in large.items() if math.isnan(metrics[metric])):
        raise NotJudgedError(f"{metric} cannot be computed where {unknown[0]}")
    worst = (min if settings.max is None else max)(sorted(large), key=lambda name: large[name][metric])
    value = float(large[worst][metric])
    why = f"{metric} is {value:.4f} on {large[worst]['rows']:,} rows where {worst}, the worst of {len(large)} slices"
    yield settings.found(value, f"{why}; {left_out}" if len(large) < len(found) else why)


def _told(each: SliceRow) -> str:
    return f"{each.column} is NULL" if each.value is None else f"{each.column} = {each.value}"
