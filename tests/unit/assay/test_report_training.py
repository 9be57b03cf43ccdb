"""The page of a training: what it says, and its curves."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from assay.report.curves import MOST_INPUTS, Step, importance, losses, precision_recall, roc
from assay.report.night import GateRow
from assay.report.plots import NO_CHART
from assay.report.training import ImportanceRow, SliceRow, TrainingFacts, figures, render

AT = datetime(2013, 3, 1, tzinfo=UTC)
STEPS = (Step(0.1, 10, 0.0), Step(0.4, 10, 5.0), Step(0.9, 10, 10.0))
FACTS = TrainingFacts(
    "flights", "late", "Will it be <late>?", 3, AT, AT, "refused", {"holdout": (AT, AT)},
    {"holdout": {"auc": 0.68, "rows": 35.0, "log_loss": float("nan")}}, "auc", "binary",
    gates=(GateRow("auc", 0.68, "at least 0.7", passed=False, why="auc is 0.68"),), steps=STEPS,
    slices=(SliceRow("origin", None, {"rows": 9.0}), SliceRow("origin", "A&B", {"rows": 26.0})),
    importance=(ImportanceRow("hour", 0.9, 0.4),), losses={"train": [0.7, 0.6], "validation": [0.7, 0.65]},
    about={"Run": "abc"},
)  # fmt: skip


def points(svg: str) -> list[tuple[float, float]]:
    """The places of the first line of a chart."""
    found = re.search(r'<polyline[^>]* points="([^"]+)"', svg)
    assert found is not None
    pairs = [tuple(map(float, pair.split(","))) for pair in found.group(1).split()]
    return [(x, y) for x, y in pairs]


def test_page_says_what_failed_and_what_there_is_of_each_slice() -> None:
    page = render(FACTS)
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for words in ("Not passed: auc.", "Will it be &lt;late&gt;?", "origin is missing", "origin = A&amp;B", "rows 35"):
        assert words in told
    assert page == render(FACTS)
    assert not re.search(r"(src|href)=\"https?:", page)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_page_of_a_training_without_a_holdout_is_a_page(task: str) -> None:
    page = render(replace(FACTS, task=task, metrics={}, steps=(), slices=(), importance=(), losses={}))
    assert "The model has no holdout" in page


def test_roc_goes_through_the_shares_found_at_each_threshold() -> None:
    # at 0.9: 10 of 15 found, none of 15 wrongly; at 0.4: 15 and 5; at the end all
    left, right, low, high = 46, 390, 316, 34
    expected = [(0, 0), (0, 10 / 15), (5 / 15, 1), (1, 1)]
    wanted = [(left + x * (right - left), low + y * (high - low)) for x, y in expected]
    for found, place in zip(points(roc(STEPS)), wanted, strict=True):
        assert found == pytest.approx(place, abs=0.01)


def test_precision_and_recall_at_each_threshold() -> None:
    left, right, low, high = 46, 390, 316, 34
    expected = [(10 / 15, 1), (1, 15 / 20), (1, 15 / 30)]
    wanted = [(left + x * (right - left), low + y * (high - low)) for x, y in expected]
    for found, place in zip(points(precision_recall(STEPS)), wanted, strict=True):
        assert found == pytest.approx(place, abs=0.01)


def test_curves_of_one_class_or_of_nothing_are_none() -> None:
    assert roc((Step(0.1, 10, 0.0),)) == roc((Step(0.1, 10, 10.0),)) == NO_CHART
    assert precision_recall((Step(0.1, 10, 0.0),)) == NO_CHART
    assert losses({"train": []}) == NO_CHART


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", {"roc", "precision_recall", "calibration", "losses", "importance"}),
        ("multiclass", {"calibration", "losses", "importance"}),
        ("ranking", {"predicted", "losses", "importance"}),
    ],
)
def test_figures_are_files_of_their_own(task: str, names: set[str]) -> None:
    found = figures(replace(FACTS, task=task))
    assert found.keys() == names
    for figure in found.values():
        svg = ET.fromstring(figure)  # noqa: S314
        assert svg.tag == "{http://www.w3.org/2000/svg}svg"
        assert "--blue" in (svg[0].text or "")


def test_importance_has_a_bar_for_each_of_the_first_inputs() -> None:
    svg = ET.fromstring(importance([(f"x{n}", 1 / (n + 1)) for n in range(MOST_INPUTS + 2)]))  # noqa: S314
    widths = [float(bar.get("width", "")) for bar in svg.iter("rect")]
    assert len(widths) == MOST_INPUTS
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.02)
    assert importance([("x", 0.0)]) == importance([]) == NO_CHART
