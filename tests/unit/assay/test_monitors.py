"""What monitors of feeds and stages say of a night, from what the ledger has of it and of the nights before."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from assay.config.base import Origin
from assay.config.lakehouse import LakehouseFile
from assay.errors import ConfigError
from assay.monitors import EVALUATION, MONITORS, Night, NotToldError, Settings, evaluate, settings_of
from assay.monitors.monitor import Monitor
from assay.monitors.night import Did, Key, did
from assay.monitors.usual import usual_count, usual_seconds
from assay.watch import Finding

AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
DAY = timedelta(days=1)
Stages = Mapping[Key, Did]


@dataclass(frozen=True)
class Told(Night):
    """A night whose ledger is given."""

    told: Mapping[datetime, Stages] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nights(self) -> Any:
        return self.told

    @property
    def volumes(self) -> Any:
        return self.recorded


def source(name: str, **more: Any) -> Any:
    return SimpleNamespace(name=name, **{"freshness": None, "event_time": "at", **more})


def night(this: Stages, before: Iterable[Stages] = (), *sources: Any, **more: Any) -> Told:
    """A night after some others, the last of them the night before."""
    others = list(before)
    told = {AS_OF - (len(others) - n) * DAY: stages for n, stages in enumerate(others)} | {AS_OF: this}
    config = SimpleNamespace(
        sources={each.name: each for each in sources or [source("weather")]}, models={"late": None}
    )
    lakehouse: Any = SimpleNamespace(config=config, name="tiny")
    return Told(lakehouse, AS_OF, 60 * DAY, told, **more)


def silver(**landed: float) -> dict[Key, Did]:
    return {("silver", ""): Did("done", 2.0, {(name, "landed"): rows for name, rows in landed.items()})}


def found(name: str, facts: Night, **settings: Any) -> list[Finding]:
    return list(MONITORS[name].watch(facts, MONITORS[name].settings(**settings)))


# ------------------------------------------------------------------------------------------ volume


def test_a_feed_that_brings_far_less_or_more_than_usual_is_bad() -> None:
    past = [silver(weather=rows) for rows in (70, 72, 71, 69, 72, 70, 71, 72)]
    for rows, status, limit in ((72, "ok", 99.7), (20, "bad", 50.1), (160, "bad", 99.7)):
        [one] = found("volume", night(silver(weather=rows), past))
        assert (one.key, one.value, one.status) == (("feed:weather", "volume", "rows"), rows, status)
        assert (one.expected, one.limit) == pytest.approx((71, limit), rel=0.02)
    [one] = found("volume", night(silver(weather=160), past))
    assert one.why == "weather brought 160 records; 71 are usual by 8 nights before, 50 to 100 pass."


def test_a_feed_that_comes_nightly_is_missed_and_another_is_not() -> None:
    nightly = [silver(weather=70)] * 7
    [one] = found("volume", night(silver(), nightly))
    assert (one.value, one.status, one.expected) == (0, "bad", 70)
    assert one.why == "weather brought nothing; it had on 7 of the 7 nights before."
    [one] = found("volume", night(silver(), [silver(weather=70), *[silver()] * 6]))
    assert (one.status, one.why) == ("ok", "weather brought nothing, and does not nightly.")
    assert found("volume", night({}, nightly))[0].status == "bad"  # silver did not even run


def test_of_too_few_nights_volume_is_unknown_and_nights_without_records_do_not_count() -> None:
    [one] = found("volume", night(silver(weather=70), [silver(weather=70), silver()] * 6))
    assert (one.status, one.value) == ("unknown", 70)
    assert one.why == "weather brought 70 records; too little history, 6 of 7 nights."


def test_volume_is_compared_with_the_same_weekday_where_asked() -> None:
    past = [silver(weather=10 if (AS_OF - n * DAY).weekday() == AS_OF.weekday() else 100) for n in range(56, 0, -1)]
    for rows, alike, any_day in ((10, "ok", "ok"), (100, "bad", "ok")):
        facts = night(silver(weather=rows), past)
        assert found("volume", facts, history="56d", same_weekday=True)[0].status == alike
        assert found("volume", facts, history="56d")[0].status == any_day


def test_of_a_feed_with_a_baseline_volume_is_what_that_has_recorded() -> None:
    recorded = {"weather": {"value": 30.0, "expected": 70.0, "least": 40.0, "most": 110.0, "verdict": "breached"}}
    [one] = found("volume", night(silver(weather=30), recorded=recorded))
    assert (one.value, one.expected, one.limit, one.status) == (30, 70, 40, "bad")
    assert "by its baseline" in one.why


# ------------------------------------------------------------------------------------------ freshness


@pytest.mark.parametrize(
    ("measured", "status"), [({("w", "stale"): 0.0}, "ok"), ({("w", "stale"): 1.0}, "bad"), ({}, "unknown")]
)
def test_freshness_is_what_silver_has_measured(measured: dict[tuple[str, str], float], status: str) -> None:
    asked = source("w", freshness=SimpleNamespace(within=2 * DAY))
    [one] = found("freshness", night({("silver", ""): Did("done", 1.0, measured)}, (), asked, source("other")))
    assert (one.subject, one.status) == ("feed:w", status)
    assert found("freshness", night({}, (), asked))[0].status == "unknown"


# ------------------------------------------------------------------------------------------ stages


def test_a_stage_that_failed_is_bad_by_the_model_whose_run_it_was() -> None:
    facts = night({("silver", ""): Did("done", 1.0), ("score", "late"): Did("failed", 0.0)})
    told = {one.key: (one.status, one.why) for one in found("failed", facts)}
    assert told == {
        ("stage:silver", "failed", ""): ("ok", "The stage silver is done."),
        ("stage:score", "failed", "late"): ("bad", "The stage score of late failed."),
    }


def test_a_stage_that_takes_far_longer_than_usual_is_worth_a_look() -> None:
    past = [{("silver", ""): Did("done", seconds)} for seconds in (5, 6, 5, 6, 5, 6, 5)]
    for seconds, status in ((34.9, "ok"), (35.1, "warn")):  # the floor is 30 seconds above the median
        [one] = found("duration", night({("silver", ""): Did("done", seconds)}, past))
        assert (one.status, one.expected, one.limit) == (status, 5, 35)
    for seconds, status in ((7.9, "ok"), (8.1, "warn")):  # six times half the second greatest distance, of 1
        assert found("duration", night({("silver", ""): Did("done", seconds)}, past), floor=0)[0].status == status
    assert found("duration", night({("silver", ""): Did("done", 9)}, past[:6]))[0].status == "unknown"
    assert found("duration", night({("silver", ""): Did("failed", 900)}, past)) == []


def test_a_stage_that_always_runs_is_missed_and_one_that_seldom_runs_is_not() -> None:
    nightly, seldom = {("features", ""): Did("done", 1.0)}, {("train", "late"): Did("done", 9.0)}
    facts = night({("bronze", ""): Did("done", 1.0)}, [{**nightly, **seldom}, *[nightly] * 5])
    bad = [one for one in found("silence", facts) if one.status == "bad"]
    assert [one.key for one in bad] == [("stage:features", "silence", "")]
    assert bad[0].why == "The stage features did not run; it had on 6 of the 6 nights before."


def test_a_stage_that_wrote_nothing_where_it_always_writes_is_bad() -> None:
    def wrote(a: float, b: float) -> dict[Key, Did]:
        return {("features", ""): Did("done", 1.0, {("a", "rows"): a, ("b", "rows"): b})}

    facts = night(wrote(0, 0), [wrote(10, 0)] * 6)
    told = {one.name: (one.status, one.value) for one in found("silence", facts)}
    assert told == {"a": ("bad", 0), "b": ("ok", 0)}
    lost = night({("features", ""): Did("done", 1.0, {("b", "rows"): 5.0})}, [wrote(10, 0)] * 6)
    assert {one.name: one.status for one in found("silence", lost)} == {"a": "bad", "b": "ok"}
    first = night(wrote(0, 0))
    assert {one.status for one in found("silence", first)} == {"ok"}  # nobody knows better yet


# ------------------------------------------------------------------------------------------ the ledger's runs


def run(stage: str, status: str = "done", seconds: float = 1.0, **metrics: float) -> dict[str, Any]:
    told = [{"target": "weather", "metric": name, "value": value} for name, value in metrics.items()]
    return {"stage": stage, "status": status, "seconds": seconds, "metrics": told}


def test_runs_of_a_night_count_together_and_doing_nothing_again_changes_nothing() -> None:
    both = did([run("silver", "failed", 9.0, landed=10), run("silver", seconds=3.0, landed=5, stale=1)])
    assert both == Did("done", 3.0, {("weather", "landed"): 15, ("weather", "stale"): 1})
    assert did([run("silver", seconds=3.0, landed=5, stale=1), run("silver", seconds=0.1, stale=0)]).numbers == {
        ("weather", "landed"): 5, ("weather", "stale"): 0,
    }  # fmt: skip
    assert did([run("score", rows=50), run("score", seconds=0.1), run("score", rows=50)]).total("rows") == 50


# ------------------------------------------------------------------------------------------ evaluation


def test_a_monitor_that_stops_is_unknown_and_itself_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(facts: Any, settings: Any) -> Iterable[Finding]:
        yield Finding("feed:a", "stops", "", 1.0, "ok", "Good.")
        raise ZeroDivisionError("division by zero")

    def waits(facts: Any, settings: Any) -> Iterable[Finding]:
        raise NotToldError("no label is known")

    monkeypatch.setitem(MONITORS, "stops", Monitor(stops, Settings, "model"))
    monkeypatch.setitem(MONITORS, "waits", Monitor(waits, Settings, "model"))
    made = list(evaluate("model:late", None, {"stops": Settings(), "waits": Settings()}))
    assert [(one.key, one.status) for one in made] == [
        (("feed:a", "stops", ""), "ok"),
        (("model:late", "stops", ""), "unknown"),
        (("stage:watch", EVALUATION, "model:late stops"), "bad"),
        (("model:late", "waits", ""), "unknown"),
    ]
    assert made[1].why == "Cannot be told: the monitor stopped, ZeroDivisionError: division by zero"
    assert made[3].why == "Cannot be told: no label is known."


def lakehouse_file(**watch: Any) -> LakehouseFile:
    lines: dict[tuple[str | int, ...], int] = {("watch", "volum"): 4, ("watch", "volume", "floor"): 5}
    return LakehouseFile(name="tiny", description="One.", watch=watch).located(Origin("lakehouse.yml", lines))


def test_settings_are_the_defaults_but_for_what_a_file_says() -> None:
    file = lakehouse_file(volume={"floor": "20%"}, duration={"enabled": False})
    made = settings_of(file, "watch", file.watch, "lakehouse")
    assert "duration" not in made
    assert (made["volume"].model_dump()["floor"], made["volume"].model_dump()["tolerance"]) == (0.2, 6)
    assert {"freshness", "failed", "silence"} <= set(made)


@pytest.mark.parametrize(
    ("watch", "what"),
    [
        ({"volum": {}}, "There is no monitor 'volum' of a lakehouse."),
        ({"drift": {}}, "There is no monitor 'drift' of a lakehouse."),
        ({"volume": {"flor": 1}}, "did you mean 'floor'?"),
    ],
)
def test_a_monitor_that_there_is_not_or_a_setting_is_refused(watch: dict[str, Any], what: str) -> None:
    file = lakehouse_file(**watch)
    with pytest.raises(ConfigError, match=re.escape(what)):
        settings_of(file, "watch", file.watch, "lakehouse")


def test_what_is_usual() -> None:
    counts = usual_count([100] * 7, 6, 0.4)
    assert (counts.middle, counts.least, counts.most) == pytest.approx((100, 101 / 1.4 - 1, 101 * 1.4 - 1))
    assert usual_seconds([2.0] * 7, 6, 30).most == 32
