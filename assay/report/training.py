"""One training as one HTML page, without network, script or IO; and what it shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from assay.report import plots
from assay.report.curves import Step, calibration, importance, losses, precision_recall, predicted, roc
from assay.report.night import GateRow
from assay.report.page import environment, stylesheet


@dataclass(frozen=True)
class SliceRow:
    """Metrics of the holdout's rows that have one value in one column."""

    column: str
    value: str | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class ImportanceRow:
    """What an input does in the trees."""

    input: str
    gain: float
    """Its share of the loss that all splits took away."""
    contribution: float
    """Mean of its absolute contribution to a row's margin, by TreeSHAP (Lundberg et al., Nature MI 2020)."""


@dataclass(frozen=True)
class TrainingFacts:
    """Everything on the page."""

    lakehouse: str
    model: str
    description: str
    version: int
    as_of: datetime
    trained_at: datetime
    fate: str
    """`champion`, `challenger` or `refused`."""

    ranges: Mapping[str, tuple[datetime, datetime]]
    """Split -> its first and last night."""

    metrics: Mapping[str, Mapping[str, float | None]]
    """Split -> metric -> value."""

    main: str
    """The metric that models are compared by."""

    task: str
    """The kind of label."""

    gates: tuple[GateRow, ...] = ()
    steps: tuple[Step, ...] = ()
    """The holdout by score."""

    slices: tuple[SliceRow, ...] = ()
    importance: tuple[ImportanceRow, ...] = ()
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Split -> the loss after each round."""

    about: Mapping[str, str] = field(default_factory=dict)
    """What else is to be known to make it again: name -> value."""


def render(training: TrainingFacts) -> str:
    """A whole HTML document; the same facts always give the same bytes."""
    most = max((row.contribution for row in training.importance), default=0.0)
    page = environment().get_template("training.html")
    return page.render(training=training, charts=_charts(training), most=most)


def figures(training: TrainingFacts) -> dict[str, str]:
    """Each chart of a training as an SVG file of its own: its name -> its text."""
    charts = {
        **_charts(training),
        "importance": importance([(row.input, row.contribution) for row in training.importance]),
    }
    return {name: _alone(chart) for name, chart in charts.items() if chart}


def _charts(training: TrainingFacts) -> dict[str, Markup]:
    """The charts that this kind of label has, by their names."""
    charts: dict[str, Markup] = {}
    if training.task == "binary":
        charts |= {"roc": roc(training.steps), "precision_recall": precision_recall(training.steps)}
    if training.task in ("binary", "multiclass"):
        charts["calibration"] = plots.reliability(calibration(training.steps))
    else:
        charts["predicted"] = predicted(training.steps)
    charts["losses"] = losses(training.losses)
    return {name: chart for name, chart in charts.items() if chart}


def _alone(chart: Markup) -> str:
    """A chart that brings its colours and fonts with it."""
    head, _, rest = chart.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>svg {{ background: var(--paper) }}{stylesheet()}</style>{rest}'
