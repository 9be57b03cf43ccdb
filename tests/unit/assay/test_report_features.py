"""The catalogue's page: every feature is on it as it was told, escaped, and nothing is fetched."""

from datetime import UTC, date, datetime

from assay.report.features import FeatureFacts, Month, TableFacts, render_features

WRITTEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
MONTHS = (
    Month(date(2013, 1, 1), 100, 10, 0.1, 0.25, 0.5),
    Month(date(2013, 2, 1), 100, 30, 0.2, 0.35, 0.6),
    Month(date(2013, 3, 1), 50, 50),
)
RATE = FeatureFacts("late_rate_7d", "Share <late>", "share", "rate of a & b, 7d", ("late_arrival",), MONTHS)
WORD = FeatureFacts("word", "A text", "", "last of word, lifetime", (), (Month(date(2013, 1, 1), 4, 1),))
BUILT = TableFacts(
    "delays", "Delays of a carrier.", "carrier", ("carrier",), "outcomes", (RATE, WORD), 60,
    datetime(2013, 1, 15, tzinfo=UTC), datetime(2013, 3, 15, tzinfo=UTC),
)  # fmt: skip
NEW = TableFacts(
    "new", "Not there.", "pair", ("a", "b"), "outcomes", (FeatureFacts("n", "Number", "", "count of *, 1d"),)
)


def test_page_tells_what_each_feature_is_and_what_its_values_are() -> None:
    page = render_features("flights", "All <flights>.", (BUILT, NEW), WRITTEN)
    for words in (
        "All &lt;flights&gt;.", "Share &lt;late&gt;", "rate of a &amp; b, 7d", "read by late_arrival", "36.0 %", "25.0 %",
        "Available from 2013-01-15 00:00 UTC; 60 nights built, the last as of 2013-03-15 00:00 UTC", "Not built yet.",
        "February 2013: 0.2 to 0.6, median 0.35", "3 in 2 tables",
    ):  # fmt: skip
        assert words in page
    assert page.count('class="chart"') == 1
    assert "http" not in page.replace("http-equiv", "")
    assert page == render_features("flights", "All <flights>.", (BUILT, NEW), WRITTEN)


def test_a_feature_without_rows_is_missing_nothing() -> None:
    assert NEW.features[0].missing is None
    assert NEW.features[0].latest is None
    assert RATE.latest == MONTHS[1]
