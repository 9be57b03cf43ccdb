"""The catalogue of features as one HTML page, without network, script or IO; and what it shows, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from assay.report import text
from assay.report.page import environment
from assay.report.svg import Canvas, axis, path


@dataclass(frozen=True)
class Month:
    """What a feature's values were in the nights of one month; `None` where it has no values that are numbers."""

    first: date
    rows: int
    nulls: int
    low: float | None = None
    """A tenth of the values are below it."""
    middle: float | None = None
    high: float | None = None
    """A tenth of the values are above it."""


@dataclass(frozen=True)
class FeatureFacts:
    """One column of a feature table."""

    name: str
    description: str
    unit: str
    told: str
    """How it is worked out, as `mean of arr_delay, 7d`."""
    used_by: tuple[str, ...] = ()
    """Models that read it."""
    months: tuple[Month, ...] = ()
    """In order of time; empty before the table has been built."""

    @property
    def missing(self) -> float | None:
        """Share of rows without a value."""
        rows = sum(month.rows for month in self.months)
        return sum(month.nulls for month in self.months) / rows if rows else None

    @property
    def latest(self) -> Month | None:
        """The newest month with values."""
        return next((month for month in reversed(self.months) if month.middle is not None), None)


@dataclass(frozen=True)
class TableFacts:
    """One feature table."""

    name: str
    description: str
    entity: str
    keys: tuple[str, ...]
    source: str
    features: tuple[FeatureFacts, ...]
    nights: int = 0
    first: datetime | None = None
    """The first night that it was built for: features are available from then on."""
    last: datetime | None = None
    version: int = 1
    """The number of its definition."""
    older: tuple[int, ...] = ()
    """Versions of before that have a table of their own."""


def render_features(lakehouse: str, description: str, tables: tuple[TableFacts, ...], written: datetime) -> str:
    """Render the catalogue.

    Args:
        lakehouse: Its name.
        description: What it is for.
        tables: What to show; every text in it is escaped.
        written: When.

    Returns:
        A whole HTML document. The same values always give the same bytes.
    """
    page = environment().get_template("features.html")
    return page.render(lakehouse=lakehouse, description=description, tables=tables, written=written, months=_months)


def _months(feature: FeatureFacts) -> Markup:
    """The middle of a feature's values month by month, and where four fifths of them lie."""
    there = [
        (month, month.low, month.middle, month.high)
        for month in feature.months
        if month.low is not None and month.middle is not None and month.high is not None
    ]
    if not there:
        return Markup("")
    width, height, left, right = 240, 78, 40, 236
    label = f"{feature.name} by month: median, and the range from a tenth to nine tenths."
    canvas = Canvas(width, height, label)
    y = axis([value for _, *values in there for value in values], height - 20, 8, low=None, at_most=2)
    canvas.rows(y, left, right, "")
    pitch = (right - left) / len(there)
    spots = []
    for n, (month, low, middle, high) in enumerate(there):
        at = left + (n + 0.5) * pitch
        tip = f"{month.first:%B %Y}: {text.short(low)} to {text.short(high)}, median {text.short(middle)}"
        canvas.add("line", "whisker model", tip, x1=at, x2=at, y1=y(low), y2=y(high))
        canvas.add("circle", "dot small model", tip, cx=at, cy=y(middle), r=3)
        spots.append((at, y(middle)))
    canvas.add("polyline", "line model", points=path(spots))
    for n in {0, len(there) - 1}:
        canvas.write(f"{there[n][0].first:%b}", spots[n][0], height - 4, anchor="middle")
    return canvas.markup()
