"""An explanation as a page and as lines: every number that is known is there, escaped, and nothing is fetched."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from xml.etree import ElementTree as ET

import pytest

from assay.report.explanation import (
    Explanation,
    FeatureFacts,
    GateFacts,
    InputFacts,
    LineageFacts,
    PredictionFacts,
    RecordFacts,
)
from assay.report.explanation_page import render_explanation
from assay.report.explanation_text import as_lines
from assay.report.waterfall import BARS, probability, value_of, waterfall

NIGHT = datetime(2013, 3, 7, tzinfo=UTC)
DAY_BEFORE = datetime(2013, 3, 6, 11, tzinfo=UTC)
INPUTS = (
    InputFacts("delays__rate_7d", 0.5, 1.0, rows=200, missing=100, below=90, equal=2),
    InputFacts("carrier", "U<A", -0.25, rows=200, missing=0, below=None, equal=30),
    InputFacts("hour", None, 0.125, rows=200, missing=20, below=None, equal=0),
)
PREDICTION = PredictionFacts(
    version=3, role="champion", score=0.4688, margin=-0.125, bias=-1.0, is_probability=True, run_id="r1", trees_sha256="ab" * 32,
    trained_as_of=datetime(2013, 3, 1, tzinfo=UTC), training_table="gold.late_training", training_version=4,
    training_rows=200, mlflow_run="m1", gates=(GateFacts("auc", True, "auc is 0.7"), GateFacts("rows", False, "few")),
    inputs=INPUTS,
)  # fmt: skip
RECORD = RecordFacts(
    "outcomes", {"carrier": "U<A", "day": date(2013, 3, 5)}, datetime(2013, 3, 5, 20, tzinfo=UTC), DAY_BEFORE, None,
    "landing/outcomes/1.csv", 17, 2, {"is_late": "true"}, ("rate_7d",), {"carrier": "U<A", "delay": None},
)  # fmt: skip
TABLE = LineageFacts(
    "delays", "outcomes", {"carrier": "U<A"}, NIGHT, NIGHT, 5, "r2",
    (FeatureFacts("delays__rate_7d", "rate of is_late, 7d", 0.5, 12),), 12, (RECORD,), ("a note",),
)  # fmt: skip
EXPLANATION = Explanation(
    "flights", "late", "Is it late?", {"carrier": "U<A"}, NIGHT, 6, (PREDICTION,), {"hour": "minutes / 60"},
    (replace(RECORD, source="schedule", taken={}, counts_for=()),), (TABLE,),
)  # fmt: skip


def test_page_tells_the_way_from_the_score_to_the_files() -> None:
    page = render_explanation(EXPLANATION)
    for words in (
        "Is it late?", "Score 0.469 by version 3, champion", "Log odds \u22120.125: \u22121 when nothing is known", "200 rows",
        "gold.late_training", "abababababababab", "above 90.0 %", "as in 15.0 %", "missing, as in 10.0 %", "auc is 0.7",
        "hour is <code>minutes / 60</code>", "rate of is_late, 7d", "landing/outcomes/1.csv:17", "carrier=U&lt;A delay=",
        "newest 1 of 12 records", "known", "a note", "r2",
    ):  # fmt: skip
        assert words in page, words
    assert "U<A" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page == render_explanation(EXPLANATION)


def test_lines_tell_the_same_and_no_value_begins_one() -> None:
    odd = replace(EXPLANATION, key={"carrier": "UA\nforged"})
    lines = as_lines(odd)
    assert lines[0] == "late  carrier=UA\\nforged, as of 2013-03-07 00:00 UTC"
    for line in (
        "Score 0.469 by version 3, champion, run r1",
        "  log odds \u22120.125 = \u22121 when nothing is known +0.875 by the inputs",
        f"  trees {'ab' * 32}, MLflow run m1",
        "  gate rows: FAILED, few",
        "  input              value  contribution  among training rows",
        "  delays__rate_7d      0.5            +1  above 90.0 %",
        "  hour             missing        +0.125  missing, as in 10.0 %",
        "delays  carrier=U<A: row of 2013-03-07 00:00 UTC in gold.delays since version 5, run r2",
        "    outcomes carrier=U<A day=2013-03-05: 2013-03-05 20:00 UTC, known from 2013-03-06 11:00 UTC",
        "        is_late=true for rate_7d",
        "        landing/outcomes/1.csv:17  U<A,",
    ):
        assert line in lines, (line, lines)


def test_bars_of_a_waterfall_begin_where_the_one_before_ends() -> None:
    svg = ET.fromstring(waterfall(PREDICTION))  # noqa: S314
    bars = [(r.get("class"), float(r.get("x", "")), float(r.get("width", ""))) for r in svg.iter("rect")]
    assert [css for css, _, _ in bars] == ["raises", "lowers", "raises"]
    (_, first, up), (_, second, down), (_, third, last) = bars
    assert first + up == pytest.approx(second + down, abs=0.02)
    assert second == pytest.approx(third, abs=0.02)
    assert up == pytest.approx(4 * down, abs=0.05) == pytest.approx(8 * last, abs=0.1)
    assert "carrier = U<A \u22120.25" in svg.get("aria-label", "")
    words = [text.text for text in svg.iter("text")]
    assert "nothing known 0.269" in words
    assert "this row 0.469" in words


def test_a_waterfall_of_many_inputs_puts_the_rest_into_one_bar() -> None:
    many = tuple(InputFacts(f"x{n}", n, 1 / (n + 1)) for n in range(BARS + 3))
    svg = ET.fromstring(waterfall(replace(PREDICTION, inputs=many)))  # noqa: S314
    assert len(list(svg.iter("rect"))) == BARS + 1
    assert "3 other inputs" in [text.text for text in svg.iter("text")]


def test_a_number_that_is_no_probability_is_told_as_it_is() -> None:
    minutes = replace(PREDICTION, is_probability=False, score=12.5, margin=12.5, bias=11.625)
    page = render_explanation(replace(EXPLANATION, predictions=(minutes,)))
    assert "Log odds" not in page
    assert "11.6 when nothing is known of a row" in page
    assert "this row 12.5" in re.findall(r">([^<]*)</text>", page)


def test_of_several_classes_the_predicted_one_is_explained_and_all_are_told() -> None:
    shares = {"early": 0.1, "l<te": 0.7, "on time": 0.2}
    of_classes = replace(PREDICTION, score=0.7, margin=1.5, bias=0.625, predicted="l<te", probabilities=shares)
    page = render_explanation(replace(EXPLANATION, predictions=(of_classes,)))
    for words in (
        "Score 0.700 for l&lt;te by version 3", "Margin of l&lt;te 1.5: 0.625 when nothing is known",
        "Probabilities: l&lt;te 0.700, on time 0.200, early 0.100.", "this row 1.5",
    ):  # fmt: skip
        assert words in page, words
    assert "l<te" not in page
    lines = as_lines(replace(EXPLANATION, predictions=(of_classes,)))
    for line in (
        "Score 0.7 for l<te by version 3, champion, run r1", "  l<te 0.7, on time 0.2, early 0.1",
        "  margin of l<te 1.5 = 0.625 when nothing is known +0.875 by the inputs",
    ):  # fmt: skip
        assert line in [each.replace("0.700", "0.7").replace("0.200", "0.2").replace("0.100", "0.1") for each in lines]


@pytest.mark.parametrize(
    ("facts", "standing"),
    [
        (InputFacts("x", 1.0, 0.0, 200, 0, 198, 1), "above 99.0 %"),
        (InputFacts("x", 1.0, 0.0, 200, 0, 40, 100), "above 20.0 %, as in 50.0 %"),
        (InputFacts("x", 1.0, 0.0, 200, 200, 0, 0), "missing in all of them"),
        (InputFacts("x", "ZZ", 0.0, 200, 0, None, 0), "in none of them"),
        (InputFacts("x", 1.0, 0.0), "–"),
    ],
)
def test_standing_says_where_a_value_is_among_those_of_training(facts: InputFacts, standing: str) -> None:
    assert facts.standing == standing


def test_values_and_probabilities_are_as_a_reader_wants_them() -> None:
    assert [value_of(value) for value in (None, -0.12345, 7, "UA", float("nan"))] == [
        "missing", "\u22120.123", "7", "UA", "nan",
    ]  # fmt: skip
    assert probability(0.0) == 0.5
    assert probability(-1000.0) == 0.0
