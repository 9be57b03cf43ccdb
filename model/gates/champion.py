"""The gate against the champion: no worse than what scores now, on the same rows, and by more than chance."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
import pyarrow.compute as pc
from pydantic import Field
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.config.base import Identifier
from assay.errors import FeatureError, nearest
from assay.tables import quoted
from model.candidate import Candidate
from model.definitions import as_trained
from model.gates.bootstrap import MEASURES, Pair, differences, mean_of
from model.gates.columns import check_column
from model.gates.gate import Found, NotJudgedError, Number, Settings, gate, number
from model.gates.rows import brought, holdout_metrics, sample, split_of
from model.predict import predict
from model.registry import Registered
from model.split import HOLDOUT, TRAIN
from model.tasks import TASKS
from model.tasks.multiclass import of_label, right
from model.tasks.ranking import GROUP

MOST_ROWS = 100_000
"""Rows of the holdout that are drawn from; of a larger one as many are taken by a hash of their key."""

LEAST_UNITS = 30
"""With fewer things to draw, an interval says nothing."""

OF_A_RANKING = ("ndcg", "ndcg_10", "mrr")
"""Metrics that are means over what is ranked together; of all of them more is better."""

OF_CLASSES = ("log_loss", "accuracy", "calibration_error")
"""Metrics of several classes that look at the label's or at the predicted class alone."""

SEED = 7

OURS, THEIRS = "__ours", "__theirs"


class AgainstChampion(Settings):
    """How much worse than the champion a model may be, and how sure of that one must be."""

    metric: str | None = None
    """The metric; by default the one that models of this task are compared by."""

    margin: Annotated[Number, Field(ge=0)]
    """The loss of the metric that is taken. At 0 a model must be better than the champion, and surely so."""

    confidence: Annotated[Number, Field(ge=0.5, lt=1)] = 0.95
    """Of the interval, which has a lower end only."""

    rounds: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """How often rows are drawn."""

    drawn_by: Identifier | None = None
    """A column whose values are drawn as a whole, where rows alike in it share their luck: a customer, a day. By
    default every row is drawn by itself; of a ranking always what is ranked together."""

    @property
    def limit(self) -> str:
        """As `at least -0.01 with 95% confidence`."""
        return f"at least {number(0.0 if self.margin == 0 else -self.margin)} with {number(100 * self.confidence)}% confidence"

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:
        """The metric is one of the model's kind of label that can be bootstrapped."""
        possible = {"ranking": OF_A_RANKING, "multiclass": OF_CLASSES}.get(model.task, tuple(MEASURES))
        known = [name for name in TASKS[model.task].metrics if name in possible]
        if self.metric is not None and self.metric not in known:
            raise model.error(
                f"Two models of task {model.task} cannot be compared by {self.metric!r}.", "gates", name, "metric",
                found=self.metric, expected=nearest(self.metric, known),
            )  # fmt: skip
        if self.drawn_by is not None:
            check_column(model, self.drawn_by, rows, "gates", name, "drawn_by")


@gate("champion", AgainstChampion)
def champion(candidate: Candidate, settings: AgainstChampion) -> Iterable[Found]:
    """The difference to the champion on the same rows of the holdout: its paired bootstrap interval lies above a loss."""
    current = candidate.champion
    if current is None:
        yield Found(0.0, settings.limit, passed=True, why="there is no champion yet, and so nothing to fall behind")
        return
    metric = settings.metric or TASKS[candidate.model.task].main
    share = MOST_ROWS / holdout_metrics(candidate)["rows"]
    rows = sample(split_of(candidate, HOLDOUT), [*candidate.model.key, "as_of"], share)
    both = _scored_by(candidate, rows, current, _looked_at(candidate.model.task, metric))
    grouped = bool(candidate.model.rank_within)
    pair = _of_groups(candidate, both, metric) if grouped else _of_rows(both, metric, settings.drawn_by)
    value, low = _interval(pair, settings)
    ours, theirs = (metric_of(np.ones(len(pair.units))) for metric_of in (pair.ours, pair.theirs))
    same = f"the same {len(pair.units):,} {'groups' if grouped else 'rows'}{_told(candidate, share)}"
    sure = f"with {number(100 * settings.confidence)}% confidence {low:+.4f} or more"
    why = f"{metric} {ours:.4f}, of version {current.version} {theirs:.4f}, on {same}: {_by(value)}; {sure}"
    yield Found(value, settings.limit, low >= -settings.margin, why)


def _interval(pair: Pair, settings: AgainstChampion) -> tuple[float, float]:
    """How much better ours is, and the lower end of the interval of it."""
    if (count := len(np.unique(pair.units))) < LEAST_UNITS:
        raise NotJudgedError(f"there are {count} of what is drawn, of which {LEAST_UNITS} are needed")
    all_once = np.ones(len(pair.units))
    value = pair.ours(all_once) - pair.theirs(all_once)
    drawn = differences(pair, settings.rounds, SEED)
    if not np.isfinite(value) or not np.isfinite(drawn).all():
        raise NotJudgedError("the metric cannot be computed of all draws: there are too few rows of one class")
    return value if pair.greater_is_better else -value, float(np.quantile(drawn, 1 - settings.confidence))


def _by(value: float) -> str:
    return f"better by {value:.4f}" if value > 0 else f"worse by {-value:.4f}" if value < 0 else "equal"


def _scored_by(candidate: Candidate, rows: DataFrame, current: Registered, looked_at: Column) -> DataFrame:
    """The rows with what is looked at of both models' scores; each model sees the features that it was trained on."""
    trees, task = current.artifact, candidate.model.task
    if (trained := trees.about.get("task", task)) != task:
        raise NotJudgedError(f"version {current.version} was trained for another kind of label, {trained}")
    ours = rows.withColumn(OURS, looked_at).drop(*TASKS[task].scored)
    given = candidate.artifact.definitions or None
    try:
        ours = as_trained(candidate.lakehouse, candidate.model, trees, ours, given)
    except FeatureError as error:
        raise NotJudgedError(f"{error.what} {error.found}") from error
    if missing := [name for name in trees.inputs.read if name not in ours.columns]:
        raise NotJudgedError(f"the rows lack what version {current.version} was trained on: {', '.join(missing)}")
    return predict(ours, trees).withColumn(THEIRS, looked_at)


def _looked_at(task: str, metric: str) -> Column:
    """What a metric looks at in a scored row: a label and a score, as numbers."""
    label, score = F.col("label"), F.col("score")
    if task == "multiclass":
        label, score = (F.lit(1), of_label()) if metric == "log_loss" else (right(), score)
    return F.struct(label.cast("double").alias("label"), score.alias("score"))


def _of_rows(both: DataFrame, metric: str, drawn_by: str | None) -> Pair:
    """The metric of rows, each drawn by itself or with those that are alike in a column."""
    names = [f"{side}.{part}" for side in (OURS, THEIRS) for part in ("label", "score")]
    unit = F.col(quoted(drawn_by)).cast("string") if drawn_by else F.lit(None).cast("string")
    table = brought(both, [*[F.col(name).alias(name) for name in names], unit.alias("unit")])
    label, ours, their_label, theirs = (table.column(name).to_numpy() for name in names)
    units = np.arange(len(label))
    if drawn_by:
        units = pc.rank(table.column("unit"), tiebreaker="dense").to_numpy().astype(np.int64) - 1
    measure = MEASURES[metric]
    return Pair(measure.of(label, ours), measure.of(their_label, theirs), units, measure.greater_is_better)


def _of_groups(candidate: Candidate, both: DataFrame, metric: str) -> Pair:
    """The mean over what is ranked together: one unit each, and its metric one number."""
    group = F.to_json(GROUP).alias("__group")
    evaluate = TASKS[candidate.model.task].evaluate
    held = both.select("*", group).persist()
    try:
        ours, theirs = (
            evaluate(held.withColumn("score", F.col(f"{side}.score")), "__group") for side in (OURS, THEIRS)
        )
    finally:
        held.unpersist()
    found = np.array([(ours[name][metric], theirs[name][metric]) for name in sorted(ours)]).reshape(-1, 2)
    found = found[np.isfinite(found).all(axis=1)]
    means = [mean_of(lambda values, _: values)(column, column) for column in found.T]
    return Pair(means[0], means[1], np.arange(len(found)), greater_is_better=True)


def _told(candidate: Candidate, share: float) -> str:
    """What else is to be known of the rows."""
    told = f" (of {holdout_metrics(candidate)['rows']:,}, by a hash of their key)" if share < 1 else ""
    current = candidate.champion
    trained = current.artifact.about.get("ranges", {}).get(TRAIN, ["", ""])[-1] if current else ""
    first = candidate.artifact.about.get("ranges", {}).get(HOLDOUT, ["9999"])[0]
    return f"{told}, some of which the champion was trained on" if trained >= first else told
