"""A training's curves: pure functions from the holdout by score to inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from assay.report import text
from assay.report.night import CalibrationBin
from assay.report.plots import NO_CHART, apart
from assay.report.svg import Axis, Canvas, axis, path

BINS = 10
MOST_INPUTS = 20
"""Inputs that a chart has a bar for."""


@dataclass(frozen=True)
class Step:
    """Rows with about the same score, in ascending order of it."""

    score: float
    """Their mean score."""
    rows: int
    label: float
    """The sum of their labels."""


def roc(steps: Sequence[Step]) -> Markup:
    """The share of positives found against the share of negatives taken for positive, at every threshold."""
    positives = sum(step.label for step in steps)
    negatives = sum(step.rows for step in steps) - positives
    if not positives or not negatives:
        return NO_CHART
    points, tips, found, wrong = [(0.0, 0.0)], ["nothing is taken for positive"], 0.0, 0.0
    for step in reversed(steps):
        found, wrong = found + step.label, wrong + step.rows - step.label
        points.append((wrong / negatives, found / positives))
        tips.append(f"score from {step.score:.3g}: {found / positives:.1%} found, {wrong / negatives:.1%} wrongly")
    canvas, x, y = _square("ROC curve of the holdout.", "false positives", "positives found")
    canvas.add("line", "ideal", x1=x(0), y1=y(0), x2=x(1), y2=y(1))
    _line(canvas, x, y, points, tips)
    return canvas.markup()


def precision_recall(steps: Sequence[Step]) -> Markup:
    """How many of those taken for positive are, against how many of the positives are found, at every threshold."""
    positives, rows = sum(step.label for step in steps), sum(step.rows for step in steps)
    if not positives:
        return NO_CHART
    points, tips, found, taken = [], [], 0.0, 0
    for step in reversed(steps):
        found, taken = found + step.label, taken + step.rows
        points.append((found / positives, found / taken))
        tips.append(f"score from {step.score:.3g}: {found / positives:.1%} found, {found / taken:.1%} of them rightly")
    canvas, x, y = _square("Precision against recall on the holdout.", "positives found (recall)", "precision")
    canvas.add("line", "ideal", x1=x(0), y1=y(positives / rows), x2=x(1), y2=y(positives / rows))
    _line(canvas, x, y, points, tips)
    return canvas.markup()


def predicted(steps: Sequence[Step]) -> Markup:
    """The mean label of rows against their mean score."""
    if not steps:
        return NO_CHART
    points = [(step.score, step.label / step.rows) for step in steps]
    canvas = Canvas(400, 360, "Mean label against mean score on the holdout.")
    x = axis([score for score, _ in points], 56, 390, low=None)
    y = axis([label for _, label in points], 316, 34, low=None)
    canvas.rows(y, 56, 390, "mean label")
    tips = [
        f"score {s:.4g}: label {v:.4g}, {text.plural(step.rows, 'row')}"
        for (s, v), step in zip(points, steps, strict=True)
    ]
    _line(canvas, x, y, points, tips)
    canvas.bottom(x, 360, "mean score")
    return canvas.markup()


def losses(found: Mapping[str, Sequence[float]]) -> Markup:
    """The loss after each round, of the rows that were learned from and of those that were not."""
    there = {split: list(values) for split, values in found.items() if values}
    if not there:
        return NO_CHART
    canvas = Canvas(400, 300, "Loss after each round of boosting.")
    rounds = max(len(values) for values in there.values())
    right = 270
    x = axis([1, max(rounds, 2)], 46, right)
    y = axis([value for values in there.values() for value in values], 256, 34, low=None, at_most=4)
    canvas.rows(y, 46, right, "loss")
    ends: list[tuple[float, str, str]] = []
    for split, values in there.items():
        css = "model" if split == "validation" else "baseline"
        canvas.add("polyline", f"line {css}", points=path([(x(n + 1), y(v)) for n, v in enumerate(values)]))
        ends.append((y(values[-1]), f"{split} {values[-1]:.3f}", f"direct {css}"))
    ends.sort()
    for (_, words, css), up in zip(ends, apart([end[0] for end in ends], 15), strict=True):
        canvas.write(words, right + 4, up + 4, css)
    canvas.bottom(x, 300, "round")
    return canvas.markup()


def importance(inputs: Sequence[tuple[str, float]]) -> Markup:
    """A bar for each input, the first ones only: (input, mean of its absolute contribution), the largest first."""
    shown = inputs[:MOST_INPUTS]
    if not shown or not shown[0][1]:
        return NO_CHART
    row, top, width = 34, 20, 400
    height = top + row * len(shown) + 44
    canvas = Canvas(width, height, f"What moves the margin most: {', '.join(name for name, _ in shown[:5])}.")
    x = axis([value for _, value in shown], 8, width - 20)
    for tick in x.ticks:
        canvas.add("line", "grid", x1=x(tick), x2=x(tick), y1=top - 8, y2=height - 44)
    for at, (name, value) in enumerate(shown):
        canvas.write(name, 8, top + at * row + 8)
        canvas.add(
            "rect", "model", f"{name}: {value:.4g}", x=8, y=top + at * row + 13, width=max(x(value) - 8, 1.0), height=12
        )
    canvas.bottom(x, height, "mean absolute contribution to a row's margin")
    return canvas.markup()


def calibration(steps: Sequence[Step]) -> tuple[CalibrationBin, ...]:
    """The steps in `BINS` bins of about as many rows each."""
    total, seen = sum(step.rows for step in steps), 0
    bins: list[CalibrationBin] = []
    waiting: list[Step] = []
    for step in steps:
        waiting.append(step)
        seen += step.rows
        if seen * BINS >= total * (len(bins) + 1):
            rows = sum(one.rows for one in waiting)
            scores = sum(one.score * one.rows for one in waiting)
            bins.append(CalibrationBin(scores / rows, sum(one.label for one in waiting) / rows, rows))
            waiting = []
    return tuple(bins)


def _square(label: str, across: str, up: str) -> tuple[Canvas, Axis, Axis]:
    canvas = Canvas(400, 360, label)
    shares = [0.0, 0.5, 1.0]
    x, y = axis(shares, 46, 390), axis(shares, 316, 34)
    canvas.rows(y, 46, 390, up)
    canvas.bottom(x, 360, across)
    return canvas, x, y


def _line(canvas: Canvas, x: Axis, y: Axis, points: Sequence[tuple[float, float]], tips: Sequence[str]) -> None:
    """A line, with places to point at along it."""
    canvas.add("polyline", "line model", points=path([(x(a), y(b)) for a, b in points]))
    every = max(1, len(points) // 20)
    for (a, b), tip in list(zip(points, tips, strict=True))[::every]:
        canvas.add("circle", "dot small model", tip, cx=x(a), cy=y(b), r=2.5)
