"""The report's charts: pure functions from numbers to inline SVG.

Every mark has a tooltip. A value that is missing or NaN leaves a gap; a chart without any value is
an empty string, and the page says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from markupsafe import Markup

from assay.report import text
from assay.report.night import CalibrationBin, Scores
from assay.report.svg import Canvas, axis, path

NO_CHART = Markup("")
_Z = 1.96  # 95 % of a normal distribution
_SLIVER = 0.008  # the least width of a bar's part that is not zero, as a share of the whole bar
_MANY = 20  # from so many nights on, a line's dots are small


def bar(parts: Sequence[tuple[str, float]], whole: float) -> Markup:
    """One horizontal bar for a table cell, of (class, value) parts; its row holds the numbers.

    Parts above zero that would be too thin to see are widened to a sliver.
    """
    svg = ET.Element("svg", {"class": "bar", "width": "100%", "height": "14", "aria-hidden": "true"})
    shares = [(css, max(value / whole, _SLIVER)) for css, value in parts if whole > 0 and value > 0]
    total = max(1.0, sum(wanted for _, wanted in shares))
    at = 0.0
    for css, wanted in shares:
        width = wanted / total
        place = {"x": f"{at * 100:.2f}%", "width": f"{width * 100:.2f}%"}
        ET.SubElement(svg, "rect", {"class": css, **place, "height": "14"})
        at += width
    return Markup(ET.tostring(svg, encoding="unicode"))  # noqa: S704


def columns(nights: Sequence[tuple[str, float | None]], *, title: str, unit: str, css: str, label: str) -> Markup:
    """A column per night, the last one in full colour and named on top.

    Args:
        nights: (day, value) in order of time.
        title: What the vertical axis measures, with its unit.
        unit: What follows a value in a tooltip.
        css: Class of the columns.
        label: The chart in one sentence, for those who do not see it.
    """
    values = [value for _, value in nights if value is not None and text.known(value)]
    if not values:
        return NO_CHART
    width, height, left, right = 400, 190, 46, 396
    canvas = Canvas(width, height, label)
    y = axis(values, height - 24, 34, at_most=3)
    canvas.rows(y, left, right, title)
    pitch = (right - left) / len(nights)
    thick = min(pitch * 0.72, 34)
    for n, (day, value) in enumerate(nights):
        if value is None or not text.known(value):
            continue
        middle, last = left + (n + 0.5) * pitch, n == len(nights) - 1
        tall = max(y(y.low) - y(value), 1.0 if value else 0.0)
        place = {"x": middle - thick / 2, "y": y(y.low) - tall, "width": thick, "height": tall}
        canvas.add("rect", css if last else f"{css} past", f"{day}: {text.short(value)} {unit}", **place)
        if last:
            canvas.write(f"{day}: {text.short(value)}", right, 12, "direct", anchor="end")
    _days(canvas, [day for day, _ in nights], left, pitch, height - 7)
    return canvas.markup()


def trend(values: Sequence[float | None], limit: float | None) -> Markup:
    """A number over the last nights as a line for a table cell, its limit dashed; its row holds the numbers."""
    there = [value for value in values if value is not None and text.known(value)]
    if len(there) < 2:
        return NO_CHART
    width, height, edge = 120, 30, 4
    ends = [*there, *([limit] if limit is not None and text.known(limit) else [])]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    pitch = (width - 2 * edge) / (len(values) - 1)

    def up(value: float) -> float:
        return height - edge - (value - low) / span * (height - 2 * edge)

    svg = ET.Element("svg", {"class": "trend", "viewBox": f"0 0 {width} {height}", "aria-hidden": "true"})
    if len(ends) > len(there):
        place = {"x1": "0", "x2": str(width), "y1": f"{up(ends[-1]):.1f}", "y2": f"{up(ends[-1]):.1f}"}
        ET.SubElement(svg, "line", {"class": "ideal", **place})
    spots = [(edge + n * pitch, up(value)) for n, value in enumerate(values) if value is not None and text.known(value)]
    ET.SubElement(svg, "polyline", {"class": "line model", "points": path(spots)})
    ET.SubElement(
        svg, "circle", {"class": "dot model", "cx": f"{spots[-1][0]:.1f}", "cy": f"{spots[-1][1]:.1f}", "r": "3"}
    )
    return Markup(ET.tostring(svg, encoding="unicode"))  # noqa: S704


def _days(canvas: Canvas, days: Sequence[str], left: float, pitch: float, y: float) -> None:
    """Name some nights under an axis: the last always, the others at an even distance."""
    every = max(1, math.ceil(58 / pitch))
    for n in range(len(days) - 1, -1, -every):
        canvas.write(days[n], left + (n + 0.5) * pitch, y, anchor="middle")


def histogram(scores: Scores) -> Markup:
    """How many rows got which score."""
    if not scores.counts or not sum(scores.counts):
        return NO_CHART
    width, height, left, right = 400, 300, 46, 390
    canvas = Canvas(width, height, f"Histogram of the scores of {text.plural(scores.rows, 'row')}.")
    y = axis(scores.counts, height - 44, 34, at_most=4)
    canvas.rows(y, left, right, "rows")
    x = axis(scores.edges, left, right, low=None)
    ends = text.edges(scores.edges)
    for at, (low, high, rows) in enumerate(zip(scores.edges, scores.edges[1:], scores.counts, strict=False)):
        place = {"x": x(low) + 0.75, "width": max(x(high) - x(low) - 1.5, 0.5)}
        tip = f"score {ends[at]} to {ends[at + 1]}: {text.plural(rows, 'row')}"
        tall = max(y(y.low) - y(rows), 1.0 if rows else 0.0)
        canvas.add("rect", "model", tip, y=y(y.low) - tall, height=tall, **place)
    canvas.bottom(x, height, "score")
    return canvas.markup()


def wilson(rate: float, rows: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a rate seen over a number of rows."""
    spread = 1 + _Z**2 / rows
    middle = (rate + _Z**2 / (2 * rows)) / spread
    half = _Z / spread * math.sqrt(max(rate * (1 - rate), 0.0) / rows + _Z**2 / (4 * rows**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability(bins: Sequence[CalibrationBin]) -> Markup:
    """Actual rate against mean score, with 95 % intervals, over a strip of the bins' sizes."""
    bins = [b for b in bins if b.rows > 0 and text.known(b.mean_score) and text.known(b.actual_rate)]
    if not bins:
        return NO_CHART
    width, height, left, right, floor = 400, 400, 46, 390, 290
    canvas = Canvas(width, height, f"Reliability curve over {text.plural(len(bins), 'bin')} of scores.")
    limits = [wilson(b.actual_rate, b.rows) for b in bins]
    reach = [max(b.mean_score, high) for b, (_, high) in zip(bins, limits, strict=True)]
    x, y = axis(reach, left, right), axis(reach, floor, 34)
    canvas.rows(y, left, right, "actual rate")
    canvas.add("line", "ideal", x1=left, y1=floor, x2=right, y2=34)
    canvas.write("perfect", right, y(y.high * 0.82), "aside", anchor="end")
    canvas.add("polyline", "line model", points=path([(x(b.mean_score), y(b.actual_rate)) for b in bins]))
    size = axis([b.rows for b in bins], height - 44, height - 84, at_most=1)
    for b, (low, high) in zip(bins, limits, strict=True):
        at = x(b.mean_score)
        tip = f"predicted {b.mean_score:.3f}, actual {b.actual_rate:.3f} ({low:.3f} to {high:.3f})"
        tip += f", {text.plural(b.rows, 'row')}"
        canvas.add("line", "whisker model", x1=at, x2=at, y1=y(low), y2=y(high))
        canvas.add("circle", "dot model", tip, cx=at, cy=y(b.actual_rate), r=4.5)
        canvas.add("rect", "rows", tip, x=at - 5, width=10, y=size(b.rows), height=size.start - size(b.rows))
    most = max(bins, key=lambda b: b.rows)
    canvas.write(text.count(most.rows), x(most.mean_score), size(most.rows) - 4, anchor="middle")
    canvas.add("line", "base", x1=left, x2=right, y1=size.start, y2=size.start)
    canvas.write("rows", left - 6, size.start, anchor="end")
    canvas.bottom(x, height, "predicted: mean score of the bin")
    return canvas.markup()


def lines(
    nights: Sequence[str], series: Sequence[tuple[str, str, Sequence[float | None]]], *, title: str, label: str
) -> Markup:
    """Lines over nights, each named and valued at its right end.

    Args:
        nights: The day of each night, in order of time.
        series: (name, class, a value per night).
        title: What the vertical axis measures.
        label: The chart in one sentence, for those who do not see it.
    """
    values = [v for _, _, points in series for v in points if v is not None and text.known(v)]
    if not values:
        return NO_CHART
    width, height, left, right = 400, 300, 46, 286
    canvas = Canvas(width, height, label)
    y = axis(values, height - 28, 34, low=None, at_most=4)
    canvas.rows(y, left, right, title)
    pitch = (right - left) / len(nights)
    ends: list[tuple[float, str, str]] = []
    for name, css, points in series:
        spots = [
            (left + (n + 0.5) * pitch, y(v), v, day) if v is not None and text.known(v) else None
            for n, (v, day) in enumerate(zip(points, nights, strict=True))
        ]
        for seen, run in groupby(spots, key=lambda spot: spot is not None):
            if seen:
                canvas.add("polyline", f"line {css}", points=path([spot[:2] for spot in run if spot]))
        there = [spot for spot in spots if spot]
        dot, radius = ("dot", 4.0) if len(nights) < _MANY else ("dot small", 2.0)
        for at, up, v, day in there:
            canvas.add("circle", f"{dot} {css}", f"{day}: {name} {v:.3f}", cx=at, cy=up, r=radius)
        ends += [(up, f"{name} {v:.3f}", f"direct {css}") for _, up, v, _ in there[-1:]]
    ends.sort()
    for (_, words, css), up in zip(ends, apart([end[0] for end in ends], 15), strict=True):
        canvas.write(words, right + 4, up + 4, css)
    _days(canvas, nights, left, pitch, height - 7)
    return canvas.markup()


def apart(places: Sequence[float], least: float) -> list[float]:
    """Ascending places, moved up and down until neighbours are at least so far apart."""
    moved = list(places)
    for n in range(1, len(moved)):
        lack = least - (moved[n] - moved[n - 1])
        if lack > 0:
            moved[:n] = [place - lack / 2 for place in moved[:n]]
            moved[n] += lack / 2
    return moved
