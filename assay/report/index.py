"""Every night on one page: how each was judged, and where its page is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args

from assay.report import text
from assay.report.night import HistoryNight, Level
from assay.report.page import environment

CHARTED = 90
"""So many of the newest nights are in the charts."""
RECENT = 30
"""Of so many the verdicts are counted."""


def render_index(
    lakehouse: str, description: str, nights: Sequence[HistoryNight], pages: Mapping[datetime, str]
) -> str:
    """Render the index, which holds everything that it shows, as a night's page does.

    Args:
        lakehouse: The lakehouse's name.
        description: What it says of itself.
        nights: The nights, in any order.
        pages: Night -> address of its page, relative to the index; of nights that have one.
    """
    newest = sorted(nights, key=lambda one: text.utc(one.as_of), reverse=True)
    judged = Counter(one.verdict.level for one in newest[:RECENT] if one.verdict)
    return (
        environment()
        .get_template("index.html")
        .render(
            lakehouse=lakehouse, description=description, nights=newest, pages=pages, charted=newest[:CHARTED][::-1],
            recent=min(RECENT, len(newest)), judged=[(level, judged[level]) for level in get_args(Level) if judged[level]],
        )
    )  # fmt: skip
