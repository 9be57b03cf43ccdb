"""What the report page is made of: axes, bars, charts, and numbers as a reader wants them."""

from datetime import UTC, datetime, timedelta
from math import nan
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay.report import CalibrationBin, NightQuality, Scores, plots, text
from assay.report.outcomes import CalibrationFacts, RealisedFacts, calibration_facts, latest_known, realised_facts
from assay.report.svg import axis

AS_OF = datetime(2013, 3, 8, tzinfo=UTC)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=20), st.integers(2, 6), st.booleans())
@example(values=[0.0, 5e-324], at_most=2, zero=False)
def test_axis_holds_every_value_with_few_round_ticks(values: list[float], at_most: int, zero: bool) -> None:
    found = axis(values, 0, 100, low=0.0 if zero else None, at_most=at_most)
    slack = 1e-6 * (found.high - found.low)
    assert found.low <= min(values) + slack
    assert found.high >= max(values) - slack
    assert 2 <= len(found.ticks) <= at_most + 1


def test_axis_of_counts_has_no_half_rows() -> None:
    assert axis([0, 1], 0, 100).ticks == [0, 1]
    assert axis([3, 7], 0, 100, at_most=4).ticks == [0, 2, 4, 6, 8]
    assert axis([0], 0, 100).ticks == [0, 1]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=4))
def test_bar_never_runs_over(values: list[float]) -> None:
    rects = ET.fromstring(plots.bar([("x", v) for v in values], sum(values)))  # noqa: S314
    assert sum(float(r.get("width", "").rstrip("%")) for r in rects) == pytest.approx(
        100 if sum(values) else 0, abs=0.1
    )


def test_bar_widens_a_sliver_so_that_it_is_seen() -> None:
    rects = ET.fromstring(plots.bar([("accepted", 99_999), ("quarantined", 1)], 100_000))  # noqa: S314
    assert [r.get("width") for r in rects] == ["99.21%", "0.79%"]


def test_wilson_interval_of_known_cases() -> None:
    assert plots.wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert plots.wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (text.share(0.0), "0 %"),
        (text.share(0.00001), "< 0.01 %"),
        (text.share(0.0042), "0.42 %"),
        (text.share(0.125), "12.5 %"),
        (text.share(0.999999), "> 99.99 %"),
        (text.share(1.0), "100 %"),
        (text.part(0, 0), "0 %"),
        (text.amount(1234.5), "1,234.50"),
        (text.amount(0.012345), "0.0123"),
        (text.amount(0.0), "0.00"),
        (text.amount(None), "–"),
        (text.seconds(0.421), "0.42 s"),
        (text.seconds(59.96), "1 min 0 s"),
        (text.seconds(192), "3 min 12 s"),
        (text.seconds(7199), "2 h 0 min"),
        (text.plural(1, "row"), "1 row"),
        (text.plural(0, "row"), "0 rows"),
        (text.compact(1500), "1.5k"),
        (text.short(1876.0), "1,876"),
        (text.short(18.84), "18.8"),
        (text.ticks([0.65, 0.7, 0.75]), ["0.65", "0.70", "0.75"]),
        (text.ticks([0, 1000, 2000]), ["0", "1k", "2k"]),
        (text.edges([0.0, 0.05, 0.1]), ["0.000", "0.050", "0.100"]),
        (text.edges([12345.0, 12345.5, 12346.0]), ["12,345.00", "12,345.50", "12,346.00"]),
        (text.edges([-2000.0, -1000.0, 0.0]), ["-2,000", "-1,000", "0"]),
        (text.edges([-1e-9, 0.5, 1.0]), ["0.00", "0.50", "1.00"]),
        (text.edges([]), []),
        (text.of_model("score", "late_arrival"), "score of late_arrival"),
        (text.of_model("score", None), "score"),
        (text.metric(0.68512), "0.685"),
        (text.metric(38112.0), "38,112"),
        (text.metric(nan), "–"),
        (text.difference(0.66, 0.664), "\u22120.004"),
        (text.moment(datetime.fromisoformat("2013-03-08T01:00+01:00")), "2013-03-08 00:00 UTC"),
        (text.age(AS_OF - timedelta(hours=1), AS_OF), "1 h before"),
        (text.age(AS_OF - timedelta(days=7), AS_OF), "7 d before"),
        (text.splits(["other", "holdout", "train"]), ["train", "holdout", "other"]),
        (text.safe_link("javascript:alert(1)"), None),
        (text.safe_link("../docs/index.html"), "../docs/index.html"),
    ],
)
def test_text_is_as_a_reader_wants_it(made: object, expected: object) -> None:
    assert made == expected


def test_charts_escape_names() -> None:
    svg = plots.lines(["1 Mar"], [("<b>&", "model", [0.5])], title="<i>", label='"<u>"')
    assert ET.fromstring(svg).get("aria-label") == '"<u>"'  # noqa: S314
    assert "<b>" not in svg


def test_lines_leave_a_gap_where_a_night_has_no_value() -> None:
    series = [("model", "model", [0.7, None, 0.6, 0.65])]
    svg = ET.fromstring(plots.lines(["1", "2", "3", "4"], series, title="AUC", label="AUC"))  # noqa: S314
    assert [len((line.get("points") or "").split()) for line in svg.iter("polyline")] == [1, 2]
    assert "model 0.650" in [words.text for words in svg.iter("text")]


def test_histogram_of_scores_that_are_no_probabilities_has_its_bars_and_ticks_where_they_are() -> None:
    svg = ET.fromstring(plots.histogram(Scores((-40.0, -10.0, 20.0, 50.0), (3, 0, 5), 8)))  # noqa: S314
    bars = [(float(bar.get("x", "")), float(bar.get("height", ""))) for bar in svg.iter("rect")]
    assert [height > 0 for _, height in bars] == [True, False, True]
    assert 46 <= bars[0][0] < bars[1][0] < bars[2][0] < 390
    assert next(tip.text for tip in svg.iter("title")) == "score -40 to -10: 3 rows"
    assert {"-40", "-20", "0", "20", "40"} <= {words.text for words in svg.iter("text")}


def test_charts_of_nothing_are_empty() -> None:
    assert plots.lines([], [("model", "model", [])], title="", label="") == ""
    assert plots.columns([("1 Mar", None)], title="", unit="", css="time", label="") == ""
    assert plots.histogram(Scores((0.0, 1.0), (0,), 0)) == ""
    assert plots.reliability([CalibrationBin(0.1, 0.1, 0)]) == ""


def test_facts_of_known_cases() -> None:
    bins = (CalibrationBin(0.25, 0.5, 30), CalibrationBin(0.75, 0.5, 10), CalibrationBin(nan, 0.5, 10))
    assert calibration_facts(bins) == CalibrationFacts(40, 0.375, 0.5, 0.25)
    assert calibration_facts(()) is None
    nights = tuple(
        NightQuality(AS_OF + timedelta(days=n), 9, auc, baseline)
        for n, (auc, baseline) in enumerate([(0.75, 0.5), (0.5, 0.625), (0.75, None), (nan, 0.5)])
    )
    assert realised_facts(nights) == RealisedFacts(2, 1, 0.625, 0.5625)
    assert realised_facts(nights[2:]) is None
    assert latest_known(nights) == nights[2]
    assert latest_known(()) is None


def test_scores_whose_edges_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="found 2 edges for 2 counts, expected 3"):
        Scores((0.0, 1.0), (1, 2), 3)
    with pytest.raises(ValueError, match="ascend"):
        Scores((0.0, 0.5, 0.5), (1, 2), 3)
