"""What charts are drawn with: an axis with round ticks, and a canvas that writes inline SVG.

Colours, fonts and dark mode come from `style.css` by class, so a chart follows the page. Texts stay
texts, and the same numbers always give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from assay.report import text

_NOTHING = 1e-300
"""Values that differ by less are alike: a step between them would be no number."""


@dataclass(frozen=True)
class Axis:
    """A linear map from values to pixels, with its ticks."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values on the axis, both ends among them."""
        steps = round((self.high - self.low) / self.step)
        return [round(self.low + n * self.step, 10) for n in range(steps + 1)]


def axis(values: Sequence[float], start: float, end: float, *, low: float | None = 0.0, at_most: int = 5) -> Axis:
    """An axis with round ends and at most `at_most` steps that holds every value.

    Args:
        values: What has to fit.
        start: Pixel of the low end.
        end: Pixel of the high end.
        low: The low end, or `None` to start at a round number below the values.
        at_most: Number of steps.
    """
    bottom = min(values) if low is None else low
    span = max(max(values) - bottom, abs(bottom) * 0.02 if low is None else 0.0)
    span = span if span > _NOTHING else 1.0
    power = 10.0 ** math.floor(math.log10(span / at_most))
    choices = [_fit(bottom, max(values), power * factor) for factor in (1, 2, 2.5, 5, 10, 20)]
    if all(value == round(value) for value in values):  # counts: no half rows
        choices = [choice for choice in choices if choice[2] == round(choice[2])] or [_fit(bottom, max(values), 1.0)]
    first, steps, step = next((choice for choice in choices if choice[1] <= at_most), choices[-1])
    return Axis(first, first + steps * step, start, end, step)


def _fit(bottom: float, top: float, step: float) -> tuple[float, int, float]:
    """The first tick, and how many steps of this size from there hold everything up to `top`."""
    first = math.floor(bottom / step + 1e-9) * step
    return first, max(1, math.ceil((top - first) / step - 1e-9)), step


class Canvas:
    """One SVG drawing under construction."""

    def __init__(self, width: int, height: int, label: str) -> None:
        """Start a drawing; `label` is what it shows, in one sentence, for those who do not see it."""
        size = {"viewBox": f"0 0 {width} {height}", "class": "chart", "role": "img", "aria-label": label}
        self.svg = ET.Element("svg", size)

    def add(self, tag: str, css: str, tip: str = "", **places: float | str) -> ET.Element:
        """Add one shape; `places` are its attributes, `tip` what shows when pointed at."""
        values = {k.rstrip("_").replace("_", "-"): px(v) for k, v in places.items()}
        shape = ET.SubElement(self.svg, tag, {"class": css, **values})
        if tip:
            ET.SubElement(shape, "title").text = tip
        return shape

    def write(self, content: str, x: float, y: float, css: str = "", anchor: str = "start") -> None:
        """Write one line of text."""
        self.add("text", css or "tick", x=x, y=y, text_anchor=anchor).text = content

    def rows(self, y: Axis, left: float, right: float, title: str) -> None:
        """Draw the grid and ticks of a vertical axis, its title lying on top of it."""
        for tick, words in zip(y.ticks, text.ticks(y.ticks), strict=True):
            self.add("line", "grid" if tick != y.low else "base", x1=left, x2=right, y1=y(tick), y2=y(tick))
            self.write(words, left - 6, y(tick) + 4, anchor="end")
        self.write(title, 0, 12, "axis")

    def bottom(self, x: Axis, height: int, title: str) -> None:
        """Draw the ticks and the title of a horizontal axis along the lower edge."""
        for tick, words in zip(x.ticks, text.ticks(x.ticks), strict=True):
            self.write(words, x(tick), height - 26, anchor="middle")
        self.write(title, x.end, height - 7, "axis", anchor="end")

    def markup(self) -> Markup:
        """The drawing as markup; ElementTree has escaped every text and attribute."""
        return Markup(ET.tostring(self.svg, encoding="unicode"))  # noqa: S704


def px(value: float | str) -> str:
    """A coordinate with at most two decimals."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def path(points: Sequence[tuple[float, float]]) -> str:
    """Points as an SVG polyline wants them."""
    return " ".join(f"{px(x)},{px(y)}" for x, y in points)
