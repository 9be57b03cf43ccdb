"""The page of a night of two models: a probability and a number."""

from datetime import datetime, timedelta
from functools import partial
from html import escape
from itertools import pairwise
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.cli import main
from assay.errors import ModelError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.report import NightReport
from assay.report.collect import collect
from assay.stages import run_stage
from jobs.report import evidently_page, index, page, run_report
from model import score, train
from tests.browser import look
from tests.parcels import START, Parcels, new_parcels, write_inputs, write_training

NEXT = START + timedelta(days=1)
EACH = 50
CHANGED = {
    "task: binary": "task: regression",
    "Will a parcel be late?": "How far off is a parcel?",
    "late as label": "weight as label",
    "gates: {auc: {min: 0.5}}": "gates: {rmse: {max: 100}}",
}


@pytest.fixture(scope="module")
def lakehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Both are trained and have scored the first night; on the next one only `late` has inputs."""
    made = new_parcels(tmp_path_factory.mktemp("shop"))
    text = made.path.read_text()
    for old, new in CHANGED.items():
        assert old in text
        text = text.replace(old, new)
    (made.path.parent / "off.yml").write_text(text)
    made = Parcels(open_lakehouse(made.lakehouse.conf_dir))
    tables = made.lakehouse.tables
    write_training(made, START)
    write_inputs(made, [START, NEXT], each=EACH)
    off = F.coalesce("weight", F.lit(5.0)) * 10 - 30
    training = tables.read("gold.late_training").withColumn("label", off)
    tables.replace("gold.off_training", training, slice_of={"training_as_of": [START]})
    inputs = tables.read("gold.late_inputs").where(F.col("as_of") == F.lit(START))
    tables.replace("gold.off_inputs", inputs, slice_of={"as_of": [START]})
    for model in made.lakehouse.config.models.values():
        train.run(made.lakehouse, model, START)
        score.run(made.lakehouse, model, START)
    return made.lakehouse


def told(lakehouse: Lakehouse, night: datetime) -> NightReport:
    return collect(lakehouse, night, "a run", {}, {"late"})


def test_the_page_shows_both_models(lakehouse: Lakehouse) -> None:
    run_report(lakehouse, START)
    html = page(lakehouse, START).read_text()
    at = {name: html.index(f'<section id="{name}"') for name in (
        "stages", "features", "model-late", "scores-late", "model-off", "scores-off", "calibration",
    )}  # fmt: skip
    assert list(at.values()) == sorted(at.values())
    stages = html[at["stages"] : at["features"]]
    assert ["train of late" in stages, "train of off" in stages, "score of off" in stages] == [True] * 3
    late, off = html[at["model-late"] : at["model-off"]], html[at["model-off"] : at["calibration"]]
    for name, section, metric in (("late", late, "auc"), ("off", off, "rmse")):
        assert f'href="{name}-v1.html"' in section
        assert f"{EACH} rows scored by {name} version 1." in section
        assert f">{metric}</th>" in section
        assert "Gates passed: 1 of 1." in section
        assert "outside the bins" not in section


def test_the_index_has_every_night_also_once_an_older_one_is_written_again(lakehouse: Lakehouse) -> None:
    levels = {}
    for night in (START, NEXT, START):
        outcome = run_report(lakehouse, night)
        (levels[night],) = (metric.label for metric in outcome.metrics if metric.metric == "verdict")
        assert outcome.notes[-1] == str(page(lakehouse, night))
    html = index(lakehouse).read_text()
    assert levels == {START: told(lakehouse, START).verdict.level, NEXT: told(lakehouse, NEXT).verdict.level}
    rows = html[html.index("<tbody") :].split("<tr")[1:]
    for night, row in zip((NEXT, START), rows, strict=True):
        assert f'<a href="{page(lakehouse, night).name}">{night:%Y-%m-%d}</a>' in row
        assert f'class="judged {levels[night]}"' in row
        assert escape(told(lakehouse, night).verdict.reasons[0], quote=False).replace("'", "&#39;") in row
    assert 'href="index.html"' in page(lakehouse, START).read_text()
    assert [each.name for each in index(lakehouse).parent.glob("*.new")] == []


def test_every_page_opens_in_a_browser_without_an_error_or_a_request(lakehouse: Lakehouse, tmp_path: Path) -> None:
    conf = ["--conf-dir", str(lakehouse.conf_dir), "--env", "local"]
    assert main(["report", "--as-of", f"{START:%Y-%m-%d}", "--evidently", *conf]) == 0
    pages = sorted(index(lakehouse).parent.glob("*.html"))
    evidently = [evidently_page(lakehouse, model, START).name for model in lakehouse.config.models.values()]
    assert {"index.html", "late-v1.html", "off-v1.html", page(lakehouse, START).name, *evidently} <= {
        each.name for each in pages
    }
    html = page(lakehouse, START).read_text()
    assert all(
        f'<a href="{name}">Evidently, {of}</a>' in html for name, of in zip(evidently, ("late", "off"), strict=True)
    )
    for number, each in enumerate(
        one for one in pages if one.name not in evidently
    ):  # those draw themselves when they can
        for width in (1100, 400):
            (folder := tmp_path / f"{number}-{width}").mkdir()
            found = look(each, folder, width=width)
            assert (found.console, found.requested, found.picture > 30_000) == ([], [], True), each


def test_evidently_has_nothing_to_compare_on_a_night_that_is_not_scored(
    lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = ["--conf-dir", str(lakehouse.conf_dir), "--env", "local"]
    assert main(["report", "--as-of", f"{NEXT:%Y-%m-%d}", "--evidently", *conf]) == 7
    assert "late has not scored this night." in capsys.readouterr().err


def test_a_browser_that_finds_something_says_so(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.html"
    wrong.write_text('<script>console.error("oh"); nothing()</script><img src="http://127.0.0.1:9/a.png">')
    found = look(wrong, tmp_path, width=400)
    assert ["oh" in found.console[0], "nothing is not defined" in found.console[1]] == [True, True]
    assert found.requested == ["http://127.0.0.1:9/a.png"]
    assert found.picture < 30_000


def test_scores_that_are_no_probabilities_are_in_bins_from_the_smallest_to_the_largest(lakehouse: Lakehouse) -> None:
    late, off = told(lakehouse, START).models
    assert late.scores is not None
    assert off.scores is not None
    assert (late.scores.edges[0], late.scores.edges[-1], sum(late.scores.counts)) == (0, 1, EACH)
    values = [row["score"] for row in lakehouse.tables.read("gold.off_predictions").collect()]
    assert (off.scores.edges[0], off.scores.edges[-1]) == pytest.approx((min(values), max(values)))
    assert min(values) < 0
    assert max(values) > 1
    edges = off.scores.edges
    in_bins = [sum(low <= value < high for value in values) for low, high in pairwise(edges)]
    in_bins[-1] += sum(value == edges[-1] for value in values)
    assert off.scores.counts == tuple(in_bins)


def test_what_failed_is_told_by_the_model_s_name_where_it_is_known(lakehouse: Lakehouse) -> None:
    late, off = lakehouse.config.models.values()
    score.run(lakehouse, late, NEXT)
    with pytest.raises(ModelError, match="nothing for off to score"):
        score.run(lakehouse, off, NEXT)
    for stage, name in (("shadow", "late"), ("audit_replay", "off")):
        with pytest.raises(ModelError):
            run_stage(lakehouse, stage, NEXT, partial(_fail, name))
    run_stage(lakehouse, "audit_replay", NEXT, lambda outcome: outcome.measure("late", rows=EACH, values=EACH))
    found = told(lakehouse, NEXT)
    assert found.verdict.level == "red"
    for reason in (
        "The stage score of off failed.",
        "The audit replay of off as of 2026-03-02 failed.",
        "off has no predictions for this night.",
        "The challenger of late did not score; the champion's predictions stand.",
    ):
        assert reason in found.verdict.reasons
    assert [(stage.told, stage.status, stage.rows_out) for stage in found.stages] == [
        ("scoring_set", "done", None), ("score of late", "done", EACH), ("score of off", "failed", None),
        ("shadow of late", "failed", None),
    ]  # fmt: skip
    assert [(audit.told, audit.status, audit.rows) for audit in found.audits] == [
        ("replay of late", "done", EACH), ("replay of off", "failed", None),
    ]  # fmt: skip

    score.run(lakehouse, late, NEXT, rewrite=True)
    scored = [(stage.told, stage.status) for stage in told(lakehouse, NEXT).stages if stage.stage == "score"]
    assert scored == [("score of off", "failed"), ("score of late", "done")]  # one's success hides no other's failure


def _fail(model: str, outcome: Outcome) -> None:
    outcome.notes.append(f"{model}: what there is to say")
    raise ModelError("No.")


def test_a_stage_that_failed_and_then_had_nothing_to_do_is_done(lakehouse: Lakehouse) -> None:
    night = START + timedelta(days=20)

    def fail(outcome: Outcome) -> None:
        raise ModelError("It breaks.")

    with pytest.raises(ModelError):
        run_stage(lakehouse, "bronze", night, fail)
    assert [stage.status for stage in told(lakehouse, night).stages] == ["failed"]
    run_stage(lakehouse, "bronze", night, lambda _: None)
    assert [stage.status for stage in told(lakehouse, night).stages] == ["done"]
