"""One night's report as one HTML page, without network, script or IO."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from assay.report import plots, text
from assay.report.night import ModelBlock, NightReport
from assay.report.outcomes import calibration_facts, latest_known, realised_facts

HEADLINES = {
    "green": "This night can be trusted",
    "amber": "Usable, but look at this first",
    "red": "Do not rely on this night",
}

HISTORY_NIGHTS = 30


def render(night: NightReport) -> str:
    """Render the page.

    The page holds everything that it shows: it opens from a file, in light and dark, on a phone and
    on paper. The same report always gives the same bytes.

    Args:
        night: What to show; every text in it is escaped.

    Returns:
        A whole HTML document.
    """
    several = len(night.models) > 1
    before = [one for one in night.history if text.utc(one.as_of) <= text.utc(night.as_of)]
    links = dict(night.links)
    if not several and night.models and night.models[0].training_page:
        links["Training"] = night.models[0].training_page
    return (
        environment()
        .get_template("page.html")
        .render(
            night=night,
            models=night.models or (ModelBlock("", None, None),),
            several=several,
            links=links,
            headline=HEADLINES[night.verdict.level],
            calibration=calibration_facts(night.calibration),
            latest=latest_known(night.realised),
            realised=realised_facts(night.realised),
            rejects=sorted(night.rejects, key=lambda r: (-r.rows, r.source, r.check, r.column or "")),
            quality=sorted(night.realised, key=lambda n: text.utc(n.as_of)),
            history=sorted(before, key=lambda n: text.utc(n.as_of))[-HISTORY_NIGHTS:],
        )
    )


@cache
def environment() -> Environment:
    """The templates of this package, with the words and charts that they use."""
    environment = Environment(
        loader=PackageLoader("assay.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(plots=plots, text=text)
    environment.filters.update(
        count=text.count,
        share=text.share,
        seconds=text.seconds,
        metric=text.metric,
        moment=text.moment,
        plural=text.plural,
    )
    return environment


def stylesheet() -> str:
    """The style of all pages, which charts take their colours from."""
    return environment().get_template("style.css").render()
