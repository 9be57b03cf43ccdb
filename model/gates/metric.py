"""Gates on a metric of the holdout: one for every metric that a kind of label has."""

from collections.abc import Callable, Iterable

from pyspark.sql import DataFrame

from assay.config import Model
from assay.errors import nearest
from model.candidate import Candidate
from model.gates.gate import Found, Limits, gate, kind_of
from model.gates.rows import holdout_metrics
from model.tasks import TASKS


class MetricLimits(Limits):
    """The least and the greatest value of a metric of the holdout that pass."""

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:  # noqa: ARG002  # of all gates
        """The metric is one of the model's kind of label."""
        known = TASKS[model.task].metrics
        if kind_of(name) not in known:
            raise model.error(
                f"A model of task {model.task} has no metric {kind_of(name)!r}.", "gates", name,
                found=name, expected=nearest(kind_of(name), known),
            )  # fmt: skip


def _of(metric: str) -> Callable[[Candidate, MetricLimits], Iterable[Found]]:
    def judge(candidate: Candidate, limits: MetricLimits) -> Iterable[Found]:
        found = holdout_metrics(candidate)
        value = float(found[metric])
        yield limits.found(value, f"{metric} is {value:.4f} on {found['rows']:,} rows of the holdout")

    judge.__doc__ = f"The metric `{metric}` of the holdout."
    return judge


for _metric in dict.fromkeys(metric for task in TASKS.values() for metric in task.metrics):
    gate(_metric, MetricLimits)(_of(_metric))
