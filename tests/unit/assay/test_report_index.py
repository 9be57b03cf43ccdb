"""The index of all nights: every night on it, judged as its page is, with a link where there is a page."""

from datetime import UTC, datetime, timedelta

from assay.report import HistoryNight, Verdict, render_index
from tests.pages import Page

NEWEST = datetime(2013, 3, 7, tzinfo=UTC)
NIGHTS = (
    HistoryNight(NEWEST - timedelta(days=3), 10, 0, 4.0),
    HistoryNight(NEWEST - timedelta(days=2), 1200, 0, 4.0, Verdict("green", ("All is done.",))),
    HistoryNight(
        NEWEST - timedelta(days=1), 1300, 7, 65.0, Verdict("amber", ("7 of <b>1,300</b> rows.", "no weather"))
    ),
    HistoryNight(NEWEST, None, None, None, Verdict("red", ("The stage train failed.",))),
)


def test_every_night_stands_there_the_newest_first_with_its_verdict_and_its_page() -> None:
    html = render_index("flights", "Whether flights are late.", NIGHTS, {NEWEST: "2013-03-07.html"})
    told = Page(html)["nights"]
    assert "Of the last 4 nights, 1 was green, 1 was amber and 1 was red." in told
    places = [told.index(f"2013-03-0{day}") for day in (7, 6, 5, 4)]
    assert places == sorted(places)
    assert "7 of <b>1,300</b> rows. and 1 more" in told
    assert "1 min 5 s" in told
    assert "All is done." not in told  # what a green night says is no news
    assert html.count("<a href=") == 1
    assert '<a href="2013-03-07.html">2013-03-07</a>' in html
    assert html.count('class="judged ') == 3


def test_without_a_night_that_is_said() -> None:
    assert "No night is on record." in Page(render_index("flights", "", (), {}))["nights"]
