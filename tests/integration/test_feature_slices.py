"""Slices of feature tables: written once, whatever happened to the runs before, and never doubled."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pandas as pd
import pytest

import bronze.stage
import gold.stage
import jobs.backfill
import silver.stage
from assay import ledger, stages
from assay.errors import FeatureError
from assay.known import Target
from assay.lakehouse import Lakehouse, open_lakehouse
from gold.store import feature_store

TABLE = "gold.station_temps"
FEATURES = """
description: What a station measured. One row per station and night.
entity: {station: [station]}
source: readings
windows: [28d]
features:
  readings: {count: "*", description: Readings}
"""
FIRST, SECOND, THIRD, FOURTH = (datetime(2013, 3, day, tzinfo=UTC) for day in (2, 3, 4, 5))
MUCH_LATER = datetime(2013, 5, 2, tzinfo=UTC)


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


class PowerCut(BaseException):
    """Nothing after it runs."""


@pytest.fixture
def lakehouse(new_readings: Callable[[str], Readings]) -> Lakehouse:
    """Two stations' readings in silver, and a feature table of theirs that is built as of the first night."""
    made = new_readings("features")
    folder = made.lakehouse.conf_dir / "features"
    folder.mkdir()
    (folder / "station_temps.yml").write_text(FEATURES)
    opened = open_lakehouse(made.lakehouse.conf_dir)
    made.deliver("2013-03-01.csv", "station,hour,temp\na,1,10.5\na,2,9\nb,1,7\n")
    bronze.stage.run(opened, FIRST)
    silver.stage.run(opened, FIRST)
    gold.stage.run(opened, FIRST)
    return opened


def counts(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    """Each row of the feature table: day of the night, station, readings."""
    found = lakehouse.tables.read(TABLE).collect()
    return sorted((row["event_timestamp"].day, row["station"], row["readings_28d"]) for row in found)


def of(*nights: datetime) -> list[tuple[Any, ...]]:
    return [(night.day, station, readings) for night in nights for station, readings in (("a", 2), ("b", 1))]


def operations(lakehouse: Lakehouse) -> list[str]:
    """How each version of the feature table was written, oldest first."""
    history = lakehouse.spark.sql(f"describe history delta.`{lakehouse.tables.path(TABLE)}`").collect()
    modes = {row["version"]: row["operationParameters"]["mode"] for row in history}
    return [modes[version] for version in sorted(modes)]


def test_a_station_without_a_reading_has_none_where_the_night_was_built(lakehouse: Lakehouse) -> None:
    """And nothing is known where it was not: before the first night, and between two."""
    gold.stage.run(lakehouse, THIRD)
    asked = pd.DataFrame({
        "station": ["a", "c", "c", "c", None],
        "event_timestamp": [THIRD, THIRD, SECOND, FIRST - timedelta(seconds=1), THIRD],
    })  # fmt: skip
    found = feature_store(lakehouse).get_historical_features(asked, ["station_temps:readings_28d"]).to_spark_df()
    rows = {
        (row["station"], row["event_timestamp"].replace(tzinfo=UTC)): row["readings_28d"] for row in found.collect()
    }
    assert rows == {
        ("a", THIRD): 2, ("c", THIRD): 0, ("c", SECOND): None, ("c", FIRST - timedelta(seconds=1)): None,
        (None, THIRD): None,
    }  # fmt: skip


def test_what_is_defined_later_is_not_known_of_nights_before(lakehouse: Lakehouse) -> None:
    file = lakehouse.conf_dir / "features" / "station_temps.yml"
    file.write_text(FEATURES + '  warm: {count: "*", where: temp > 8, description: Warm readings}\n')
    changed = open_lakehouse(lakehouse.conf_dir)
    gold.stage.run(changed, SECOND)
    asked = pd.DataFrame({"station": ["c", "c"], "event_timestamp": [FIRST, SECOND]})
    names = ["station_temps:readings_28d", "station_temps:warm_28d"]
    store = feature_store(changed)
    assert told(store, asked, names) == [(FIRST, None, None), (SECOND, 0, 0)]
    assert told(store, asked, names[:1]) == [(FIRST, 0), (SECOND, 0)]


def told(store: Any, asked: pd.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    """The time and the features of each row."""
    rows = store.get_historical_features(asked, names).to_spark_df().drop("station").collect()
    return sorted((row[0].replace(tzinfo=UTC), *row[1:]) for row in rows)


def test_a_new_night_is_added_without_a_search_for_what_it_replaces(lakehouse: Lakehouse) -> None:
    gold.stage.run(lakehouse, SECOND)
    gold.stage.run(lakehouse, FOURTH, [THIRD])
    assert counts(lakehouse) == of(FIRST, SECOND, THIRD, FOURTH)
    assert operations(lakehouse) == ["Overwrite", "Append", "Append"]


def test_a_night_without_an_entity_is_done_with_no_row(lakehouse: Lakehouse) -> None:
    outcome = gold.stage.run(lakehouse, MUCH_LATER)
    assert [(metric.metric, metric.value) for metric in outcome.metrics] == [("rows", 0)]
    assert gold.stage.run(lakehouse, MUCH_LATER).targets == []
    gold.stage.run(lakehouse, SECOND)
    assert counts(lakehouse) == of(FIRST, SECOND)


def test_what_a_dead_run_left_is_replaced_also_after_other_nights(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(gold.stage, "apply", cut)
        patched.setattr(stages, "record", lambda *_: None)  # a dead process writes no ledger either
        with pytest.raises(PowerCut):
            gold.stage.run(lakehouse, SECOND)
    gold.stage.run(lakehouse, THIRD)
    gold.stage.run(lakehouse, SECOND)
    assert counts(lakehouse) == of(FIRST, SECOND, THIRD)
    assert operations(lakehouse) == ["Overwrite", "Append", "Overwrite", "Overwrite"]


def test_every_night_of_a_pass_that_failed_late_is_known_to_the_ledger(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FeatureError("Feast does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(gold.stage, "apply", fail)
        with pytest.raises(FeatureError):
            gold.stage.run(lakehouse, FOURTH, [SECOND, THIRD])
    assert not any(ledger.holds_nothing(lakehouse, TABLE, [night]) for night in (SECOND, THIRD, FOURTH))
    gold.stage.run(lakehouse, THIRD)
    assert counts(lakehouse) == of(FIRST, SECOND, THIRD, FOURTH)
    runs = lakehouse.tables.read(ledger.RUNS).where("stage = 'features'").select("as_of", "status").collect()
    assert sorted((row["as_of"].day, row["status"]) for row in runs) == [
        (2, "done"), (3, "failed"), (4, "done"), (4, "failed"), (5, "failed"),
    ]  # fmt: skip


def test_what_is_known_of_the_ledger_is_what_it_says_after_every_run(lakehouse: Lakehouse) -> None:
    gold.stage.run(lakehouse, SECOND)
    followed = ledger.known(lakehouse, [FIRST, SECOND])
    lakehouse.known.clear()
    assert ledger.known(lakehouse, [FIRST, SECOND]) == followed
    assert followed.writes == {"bronze.readings": 1, "silver.readings__history": 1, TABLE: 2}
    assert followed.newest["silver.readings__history"] == Target("readings", "batch 1", "silver.readings__history", 1)


def test_what_another_process_writes_to_the_ledger_is_seen(lakehouse: Lakehouse) -> None:
    another = open_lakehouse(lakehouse.conf_dir)
    assert ledger.holds_nothing(lakehouse, TABLE, [SECOND])
    gold.stage.run(another, SECOND)
    assert not ledger.holds_nothing(lakehouse, TABLE, [SECOND])
    gold.stage.run(lakehouse, SECOND)
    assert counts(lakehouse) == of(FIRST, SECOND)


def test_nights_that_are_done_are_built_again_only_where_that_is_asked(lakehouse: Lakehouse) -> None:
    gold.stage.run(lakehouse, SECOND)
    tables = lakehouse.tables
    tables.spark.sql(f"delete from delta.`{tables.path('silver.readings__history')}` where station = 'b'")
    assert gold.stage.run(lakehouse, SECOND, [FIRST]).targets == []
    assert counts(lakehouse) == of(FIRST, SECOND)
    first = jobs.backfill.run_backfill(lakehouse, SECOND, SECOND, rewrite=True)[-1]
    assert [target.table for target in first.targets] == [TABLE]
    assert counts(lakehouse) == [*of(FIRST), (SECOND.day, "a", 2)]
    jobs.backfill.run_backfill(lakehouse, FIRST, SECOND, rewrite=True)
    assert counts(lakehouse) == [(FIRST.day, "a", 2), (SECOND.day, "a", 2)]
    assert gold.stage.run(lakehouse, SECOND, [FIRST]).targets == []


def test_a_backfill_that_was_cut_off_goes_on_with_the_pass_that_it_was_in(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.backfill, "NIGHTS_OF_A_PASS", 2)
    build = gold.stage._write

    def cut(*given: Any) -> None:
        *_, outcomes = given
        if FOURTH in [outcome.as_of for outcome in outcomes]:
            raise PowerCut
        build(*given)

    with monkeypatch.context() as patched:
        patched.setattr(gold.stage, "_write", cut)
        with pytest.raises(PowerCut):
            jobs.backfill.run_backfill(lakehouse, FIRST, FOURTH + timedelta(days=1))
    assert counts(lakehouse) == of(FIRST, SECOND)
    done = jobs.backfill.run_backfill(lakehouse, FIRST, FOURTH + timedelta(days=1))
    passes = [outcome for outcome in done if outcome.stage == "features"]
    built = {other.as_of for outcome in passes for other in (outcome, *outcome.others) if other.targets}
    assert built == {THIRD, FOURTH, FOURTH + timedelta(days=1)}
    assert counts(lakehouse) == of(FIRST, SECOND, THIRD, FOURTH, FOURTH + timedelta(days=1))
