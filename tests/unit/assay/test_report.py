"""The report page: everything that it is told is on it, nothing is fetched, nothing is broken."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from math import nan

import pytest

from assay.config.environment import Prices
from assay.report import (
    AuditRow,
    CalibrationBin,
    Challenge,
    ChallengeRow,
    FeatureRow,
    FeedRow,
    GateRow,
    HistoryNight,
    ModelBlock,
    NightQuality,
    NightReport,
    RejectRow,
    Scores,
    StageRow,
    Verdict,
    WatchRow,
    render,
)
from tests.pages import Page

AS_OF = datetime(2013, 3, 8, tzinfo=UTC)
SECTIONS = (
    "feeds",
    "quarantine",
    "stages",
    "features",
    "audits",
    "watch",
    "model",
    "calibration",
    "scores",
    "realised",
    "history",
)


def night(day: int) -> datetime:
    return datetime(2013, 3, day, tzinfo=UTC)


EMPTY = NightReport(
    lakehouse="flights",
    description="Every flight out of New York's three airports in 2013.",
    as_of=AS_OF,
    run_id="20130308T000000-1f3c",
    generated_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    verdict=Verdict("red", ("silver has not run",)),
)

LATE = ModelBlock(
    "late_arrival",
    3,
    datetime(2013, 3, 1, tzinfo=UTC),
    {
        "holdout": {"auc": 0.6871, "log_loss": 0.4682, "brier": 0.1489},
        "train": {"auc": 0.7423, "log_loss": 0.4391, "brier": 0.1402},
        "validation": {"auc": 0.6932, "log_loss": 0.4604, "brier": 0.1461},
    },
    (
        GateRow("min_auc", 0.6871, "at least 0.6", True, "holdout AUC is at least 0.6"),
        GateRow("beats_baseline", 0.6871, "at least 0.661", True, "holdout AUC is above the baseline's"),
    ),
    {"holdout": {"auc": 0.6614, "log_loss": 0.4801}},
    scores=Scores(
        tuple(round(0.05 * n, 2) for n in range(17)),
        (4, 61, 148, 177, 142, 111, 84, 61, 43, 28, 17, 11, 7, 4, 2, 1),
        901,
    ),
)
DELAY = ModelBlock(
    "arrival_delay",
    1,
    datetime(2013, 3, 4, tzinfo=UTC),
    {"holdout": {"rmse": 38.21, "r2": 0.112}},
    (GateRow("rmse", 38.21, "at most 35", False, "rmse is 38.2100, at most 35 is asked"),),
    scores=Scores((-20.0, -8.0, 4.0, 16.0, 28.0), (201, 480, 180, 40), 901),
    training_page="arrival_delay-v1.html",
)

FULL = replace(
    EMPTY,
    verdict=Verdict("amber", ("weather: 3 of 72 rows quarantined (4.2 %), above the usual 1 %",)),
    stages=(
        StageRow("bronze", "done", 2.1, 11, 1876, 1876),
        StageRow("silver", "done", 4.74, 24, 1876, 1869),
        StageRow("features", "done", 5.32, 31, 57_412, 3_911),
        StageRow("train", "skipped", 0.08),
        StageRow("score", "done", 3.9, 14, 901, 901),
        StageRow("dbt", "done", 2.65, 18),
    ),
    feeds=(
        FeedRow("schedule", 1, 901, 901, 0, 0, AS_OF - timedelta(hours=1)),
        FeedRow("outcomes", 1, 903, 899, 1, 3, AS_OF - timedelta(hours=13)),
        FeedRow("weather", 1, 72, 69, 3, 0, AS_OF - timedelta(hours=1)),
        FeedRow("planes", 0, 0, 0, 0, 0, AS_OF - timedelta(days=7)),
        FeedRow("airports", 0, 0, 0, 0, 0, AS_OF - timedelta(days=67)),
        FeedRow("airlines", 0, 0, 0, 0, 0, AS_OF - timedelta(days=67)),
    ),
    rejects=(
        RejectRow("outcomes", "required", "tailnum", 1, None),
        RejectRow("weather", "range", "wind_speed", 2, "1048.36058"),
        RejectRow("weather", "range", "pressure", 1, "10127.0"),
    ),
    feature_tables=(
        FeatureRow("carrier_delays", 16),
        FeatureRow("route_delays", 214),
        FeatureRow("origin_weather", 3),
        FeatureRow("tailnum_delays", 2_777),
        FeatureRow("flight_calendar", 901),
    ),
    audits=(
        AuditRow("replay", AS_OF, "done", 6_530, 65_300),
        AuditRow("leaks", AS_OF - timedelta(days=1), "done", 50, 450, 13.0),
    ),
    models=(LATE,),
    calibration=(
        CalibrationBin(0.071, 0.082, 402),
        CalibrationBin(0.112, 0.104, 617),
        CalibrationBin(0.151, 0.163, 702),
        CalibrationBin(0.198, 0.187, 811),
        CalibrationBin(0.246, 0.259, 690),
        CalibrationBin(0.297, 0.281, 511),
        CalibrationBin(0.352, 0.377, 366),
        CalibrationBin(0.423, 0.395, 241),
        CalibrationBin(0.511, 0.547, 117),
        CalibrationBin(0.634, 0.581, 43),
    ),
    realised=tuple(
        NightQuality(night(1 + n), rows, auc, baseline, loss)
        for n, (rows, auc, baseline, loss) in enumerate(
            [
                (958, 0.7012, 0.6721, 0.4411),
                (765, 0.6644, 0.6702, 0.3984),
                (858, 0.6911, 0.6603, 0.4102),
                (970, 0.6803, 0.6542, 0.4405),
                (949, 0.6931, 0.6688, 0.4321),
            ]
        )
    ),
    history=tuple(
        HistoryNight(AS_OF - timedelta(days=13 - n), landed, quarantined, seconds)
        for n, (landed, quarantined, seconds) in enumerate(
            [
                (1922, 1, 17.1), (1986, 0, 17.4), (1971, 2, 17.9), (2017, 0, 18.1), (1993, 1, 17.6),
                (1674, 0, 16.2), (1822, 0, 17.0), (5297, 5, 24.3), (1988, 1, 18.4), (1963, 0, 18.0),
                (2010, 2, 18.3), (2021, 1, 18.9), (1889, 0, 17.8), (1876, 4, 18.8),
            ]
        )
    ),
    watch=(
        WatchRow(
            "features:late_arrival", "drift", "hour", "bad", "hour is 1.20 from training.", 1.2, 0.04, 0.25,
            (0.03, 0.05, None, 0.04, 1.2),
        ),
        WatchRow("model:late_arrival", "quality", "", "unknown", "Cannot be told: no label is known.", past=(None, None)),
        WatchRow("feed:weather", "volume", "rows", "ok", "weather brought 72 records.", 72, 71, 99, (70, 71, 72)),
    ),
    links={"Data Docs": "../data_docs/index.html", "MLflow": "http://localhost:5000"},
)  # fmt: skip


CHALLENGE = Challenge(
    4, "auc", greater_is_better=True,
    nights=(
        ChallengeRow(night(1), 958, 0.7012, 0.7101, ("3", "4")),
        ChallengeRow(night(2), 765, 0.6644, 0.6512, ("3", "4")),
        ChallengeRow(None, 1723, 0.6831, 0.6902, ("3", "4")),
    ),
)  # fmt: skip
CHALLENGED = replace(FULL, models=(replace(LATE, challenge=CHALLENGE),))
TWO = replace(
    FULL,
    stages=(
        StageRow("bronze", "done", 2.1, 11, 1876, 1876),
        StageRow("score", "done", 3.9, 14, 901, 901, model="late_arrival"),
        StageRow("score", "failed", 1.2, 9, error="no inputs", model="arrival_delay"),
    ),
    audits=(AuditRow("replay", AS_OF, "failed", 6_530, 65_300, model="arrival_delay"),),
    models=(replace(LATE, challenge=CHALLENGE, training_page="late_arrival-v3.html"), DELAY),
)


@pytest.fixture(scope="module")
def full() -> Page:
    return Page(render(FULL))


def test_a_challenger_stands_beside_the_champion_night_by_night() -> None:
    found = Page(render(CHALLENGED))["challenge"]
    assert "Version 4 is challenger. On 1 of 2 nights a challenger was ahead of the champion by auc." in found
    for told in ("1 Mar", "958", "0.701", "0.710", "+0.009", "\u22120.013", "All", "1,723", "3 and 4"):
        assert told in found, told
    waits = replace(FULL, models=(replace(LATE, challenge=Challenge(4, "rmse", greater_is_better=False)),))
    assert "No row that both have scored has a known outcome yet." in Page(render(waits))["challenge"]
    assert "challenge" not in Page(render(FULL)).texts


def test_what_a_night_cost_is_told_where_there_are_prices() -> None:
    stages = tuple(replace(stage, cpu_seconds=1800.0) for stage in FULL.stages[:2])
    priced = replace(FULL, stages=stages, prices=Prices(core_hour=2, currency="EUR"))
    told = Page(render(priced))["stages"]
    assert "the night cost about 2.00 EUR, which is 1,066.10 EUR for a million rows landed" in told
    assert "30 min 0 s" in told
    assert "cost" not in Page(render(replace(priced, prices=None)))["stages"]
    assert "cost" not in Page(render(replace(priced, stages=FULL.stages)))["stages"]


def test_ahead_is_below_where_less_is_better() -> None:
    assert replace(CHALLENGE, metric="rmse", greater_is_better=False).ahead == 1


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("verdict", ["amber", "Usable, but look at this first", "weather: 3 of 72 rows quarantined"]),
        ("feeds", ["1,876 rows landed", "outcomes", "903", "899", "2013-03-07 23:00 UTC", "1 h before", "4.2 %"]),
        ("quarantine", ["4 rows quarantined", "wind_speed", "range", "1048.36058", "10127.0", "missing"]),
        ("stages", ["18.8 s", "98 Spark jobs", "silver", "4.74 s", "57,412", "skipped"]),
        ("features", ["5 feature tables", "tailnum_delays", "2,777"]),
        ("audits", ["replay", "65,300", "leaks", "2013-03-07 00:00 UTC", "13 h 0 min", "what they say today"]),
        (
            "watch",
            [
                "3 comparisons",
                "1 bad",
                "0 worth a look, 1 cannot be told yet",
                "hour drift of features late_arrival",
                "1.200",
                "0.250",
                "hour is 1.20 from training.",
                "1 as they should be",
                "weather brought 72 records.",
            ],
        ),
        ("model", ["late_arrival", "version 3", "Gates passed: 2 of 2", "min_auc", "0.687", "0.661", "0.742", "0.460"]),
        ("calibration", ["4,500 rows", "Predicted", "0.581", "95 % interval", "perfect"]),
        ("scores", ["901 rows scored", "score 0.150 to 0.200: 177 rows"]),
        ("realised", ["4 of 5 nights", "0.691", "0.669", "\u22120.006", "+0.031", "0.398"]),
        ("history", ["last 14 nights", "5,297", "24.3 s", "8 Mar: 1,876"]),
    ],
)
def test_render_shows_the_numbers_of_each_section(full: Page, section: str, expected: list[str]) -> None:
    assert [words for words in expected if words not in full[section]] == []


def test_render_puts_the_verdict_before_every_other_section(full: Page) -> None:
    ids = [value for tag, name, value in full.attributes if tag == "section" and name == "id"]
    assert ids == ["verdict", *SECTIONS]


def test_render_of_several_models_shows_each_by_its_name() -> None:
    page = Page(render(TWO))
    ids = [value for tag, name, value in page.attributes if tag == "section" and name == "id"]
    assert ids[7:] == [
        "model-late_arrival", "scores-late_arrival", "challenge-late_arrival", "model-arrival_delay",
        "scores-arrival_delay", "calibration", "realised", "history",
    ]  # fmt: skip
    for section, expected in {
        "": ["late_arrival v3, arrival_delay v1", "1,802", "Model late_arrival", "Model arrival_delay"],
        "stages": ["Failed: score of arrival_delay.", "score of late_arrival", "no inputs"],
        "audits": ["Failed: replay of arrival_delay."],
        "model-late_arrival": ["Model late_arrival", "version 3", "Gates passed: 2 of 2"],
        "scores-late_arrival": ["Scores of this night: late_arrival", "901 rows scored", "0.150 to 0.200: 177 rows"],
        "challenge-late_arrival": ["Champion and challenger: late_arrival", "Version 4 is challenger."],
        "model-arrival_delay": ["Model arrival_delay", "version 1", "Gates not passed: rmse", "38.210", "0.112"],
        "scores-arrival_delay": ["901 rows scored by arrival_delay version 1", "score -8 to 4: 480 rows"],
        "realised": ["4 of 5 nights"],
    }.items():
        assert [words for words in expected if words not in page[section]] == [], section
    assert "outside the bins" not in page["scores-arrival_delay"]
    followed = {value for tag, name, value in page.attributes if tag == "a" and name == "href"}
    assert {"late_arrival-v3.html", "arrival_delay-v1.html"} <= followed


def test_render_of_one_model_names_its_training_among_the_links_and_not_the_model_in_headings() -> None:
    page = Page(render(replace(FULL, models=(replace(LATE, training_page="late_arrival-v3.html"),))))
    assert "See also Data Docs MLflow Training" in page[""]
    assert ("a", "href", "late_arrival-v3.html") in page.attributes
    assert page["model"].startswith(" Model late_arrival , version 3")
    assert page["scores"].startswith(" Scores of this night 901 rows")


def test_render_of_a_model_that_was_never_trained_beside_another() -> None:
    page = Page(render(replace(FULL, models=(LATE, ModelBlock("arrival_delay", None, None)))))
    assert "No model version was in use on this night." in page["model-arrival_delay"]
    assert "Nothing was scored on this night." in page["scores-arrival_delay"]
    assert "by late_arrival v3" in page[""]


def test_render_shows_who_and_when(full: Page) -> None:
    for words in ("Night of 8 March 2013", "2013-03-08 00:00 UTC", "20130308T000000-1f3c", "2026-01-02 03:04 UTC"):
        assert words in full[""]


def test_render_of_an_empty_night_says_what_is_missing() -> None:
    html = render(EMPTY)
    page = Page(html)
    said = {
        "feeds": "No feed is known to this night.",
        "quarantine": "No row was rejected.",
        "stages": "No stage has run.",
        "features": "No feature table was computed.",
        "audits": "No audit has run yet",
        "watch": "Nothing has been watched of this night yet",
        "model": "No model version was in use on this night.",
        "calibration": "No outcomes are known yet for the nights scored.",
        "scores": "Nothing was scored on this night.",
        "realised": "No outcomes are known yet for the nights scored.",
        "history": "This is the first night on record.",
    }
    assert {section: words for section, words in said.items() if words not in page[section]} == {}
    assert 'class="chart"' not in html


def test_render_of_a_night_on_which_nothing_landed() -> None:
    feeds = tuple(FeedRow(feed.source, 0, 0, 0, 0, 0, None) for feed in FULL.feeds)
    page = Page(render(replace(FULL, feeds=feeds, rejects=(), models=(replace(LATE, scores=Scores((), (), 0)),))))
    assert "an empty night" in page["feeds"]
    assert "nothing yet" in page["feeds"]
    assert "Nothing was scored on this night." in page["scores"]


def test_render_points_at_rows_that_are_unaccounted_for() -> None:
    page = Page(render(replace(FULL, feeds=(FeedRow("weather", 1, 72, 68, 3, 0, None),))))
    assert "Rows are unaccounted for in weather" in page["feeds"]
    assert "1 unaccounted" in page["feeds"]


def test_render_shows_a_failed_stage_with_its_error() -> None:
    stage = StageRow("silver", "failed", 1.2, error="ContractError: weather: column 'temp' vanished")
    page = Page(render(replace(FULL, stages=(stage,))))
    assert "Failed: silver." in page["stages"]
    assert "column 'temp' vanished" in page["stages"]


def test_render_shows_a_failed_audit_with_what_differs() -> None:
    audit = AuditRow("leaks", AS_OF, "failed", 50, 450, 0.0, "delays__late_rate_1d: 3 differ")
    page = Page(render(replace(FULL, audits=(audit,))))
    assert "Failed: leaks." in page["audits"]
    assert "delays__late_rate_1d: 3 differ" in page["audits"]


def test_render_shows_a_gate_that_was_not_passed() -> None:
    model = replace(LATE, gates=(GateRow("min_auc", None, "at least 0.6", False, "no holdout AUC"),))
    page = Page(render(replace(FULL, models=(model,))))
    assert "Gates not passed: min_auc." in page["model"]
    assert "no holdout AUC" in page["model"]


def test_render_says_so_where_auc_is_not_defined() -> None:
    nights = (NightQuality(AS_OF, 12, None, None, 0.1), NightQuality(night(9), 3, nan, nan, None))
    page = Page(render(replace(FULL, realised=nights)))
    assert "only one class occurred" in page["realised"]
    assert "nan" not in page["realised"].lower().replace("unknown", "")


def test_render_leaves_no_broken_number_in_any_chart() -> None:
    model = replace(LATE, metrics={"holdout": {"auc": nan}}, scores=Scores((5.0, 5.5), (901,), 901))
    odd = replace(
        FULL,
        models=(model,),
        stages=(StageRow("bronze", "done", None),),
        feature_tables=(FeatureRow("a", 0),),
        calibration=(CalibrationBin(nan, nan, 4), CalibrationBin(0.0, 0.0, 1), CalibrationBin(0.5, 0.5, 0)),
        realised=(NightQuality(AS_OF, 5, 0.7), NightQuality(night(9), 5, nan), NightQuality(night(10), 5, 0.7)),
        history=(HistoryNight(AS_OF, 0, 0, 0.0), HistoryNight(night(9), None, None, nan)),
        watch=(WatchRow("feed:a", "volume", "rows", "ok", "Flat.", 0.0, 0.0, 0.0, (0.0, nan, None, 0.0)),),
    )
    page = Page(render(odd))
    assert [
        a for a in page.attributes if a[0] != "meta" and re.search(r"\b(nan|inf|none)\b", a[2], re.IGNORECASE)
    ] == []


@pytest.mark.parametrize("models", [1, 2])
def test_render_escapes_everything_from_the_data(models: int) -> None:
    evil = "<script>alert('x')</script>\"&"
    model = ModelBlock(
        evil,
        evil,
        AS_OF,
        {evil: {evil: 1.0}},
        (GateRow(evil, 1, evil, True, evil),),
        scores=LATE.scores,
        challenge=Challenge(4, evil, greater_is_better=True, nights=(ChallengeRow(AS_OF, 1, 0.5, 0.5, (evil, evil)),)),
        training_page="javascript:alert(1)",
    )
    html = render(
        replace(
            FULL,
            lakehouse=evil,
            description=evil,
            run_id=evil,
            verdict=Verdict("red", (evil,)),
            rejects=(RejectRow(evil, evil, evil, 1, evil),),
            stages=(StageRow(evil, "failed", 1.0, error=evil),),
            feeds=(FeedRow(evil, 1, 1, 1, 0, 0),),
            feature_tables=(FeatureRow(evil, 1),),
            watch=(WatchRow(evil, evil, evil, "bad", evil), WatchRow(evil, evil, "", "ok", evil)),
            models=(model,) * models,
            links={evil: f"x.html?{evil}", "trap": "javascript:alert(1)"},
        )
    )
    assert "<script" not in html
    assert "javascript:" not in html
    assert "&lt;script&gt;" in html
    Page(html)


def test_render_loads_nothing_from_anywhere(full: Page) -> None:
    html = render(FULL)
    loads = [
        a for a in full.attributes if a[1] in {"src", "srcset", "data", "action"} or (a[0] == "link" and a[1] == "href")
    ]
    assert loads == [("link", "href", "data:,")]
    assert "url(" not in html
    assert "@import" not in html
    assert "<script" not in html
    assert "default-src 'none'" in html
    followed = {value for tag, name, value in full.attributes if tag == "a" and name == "href" and value[0] != "#"}
    assert followed == {"../data_docs/index.html", "http://localhost:5000"}


def test_render_gives_the_same_bytes_twice() -> None:
    assert render(FULL) == render(replace(FULL, realised=FULL.realised[::-1], history=FULL.history[::-1]))


def test_page_has_one_title_and_no_heading_level_is_skipped(full: Page) -> None:
    assert full.headings == [1, 2, *[2] * len(SECTIONS)]


@pytest.mark.parametrize(("shown", "charts"), [(FULL, 6), (TWO, 7)], ids=["one model", "two models"])
def test_every_chart_has_an_alternative_text_every_link_a_target_and_every_id_is_one(
    shown: NightReport, charts: int
) -> None:
    html = render(shown)
    page = Page(html)
    assert html.count('class="chart"') == html.count('role="img" aria-label="') == charts
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    jumps = {value[1:] for tag, name, value in page.attributes if tag == "a" and name == "href" and value[0] == "#"}
    assert jumps - set(ids) == set()


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_are_told_apart_by_everyone(scheme: int) -> None:
    css = (files("assay.report") / "templates" / "style.css").read_text()
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css.split(":root {")[scheme + 1].split("}")[0]))
    words = [(ink, "paper") for ink in ("ink", "soft", "link", "red", "green")] + [("soft", "wash")]
    for tone in ("green", "amber", "red"):
        words += [(tone, f"{tone}-wash"), ("ink", f"{tone}-wash"), ("paper", tone)]
    marks = [(mark, "paper") for mark in ("blue", "orange", "grey")]
    assert [pair for pair in words if _contrast(colour[pair[0]], colour[pair[1]]) < 4.5] == []
    assert [pair for pair in marks if _contrast(colour[pair[0]], colour[pair[1]]) < 3] == []
