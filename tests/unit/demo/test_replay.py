from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from assay.config.load import read_document
from assay.config.origins import Files
from assay.config.source import Source
from assay.errors import ConfigError, SourceError
from demo import replay as module
from demo.replay import RECORD, ReplaySummary, main, planned_tails, record_folder, replay

CONTRACTS = Path(__file__).parents[3] / "conf" / "flights" / "sources"
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
FEEDS = ("schedule", "weather", "outcomes", "planes", "airports", "airlines")
KNOWN_AFTERWARDS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "year", "hour", "time_hour"}
KEY = ["carrier", "flight", "origin", "flight_date"]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def feed_of(landing: Path, feed: str) -> pd.DataFrame:
    """Every record of a feed, with the delivery `at` (an instant) that its file's name gives."""
    frames = [read(path).assign(at=delivered_at(path)) for path in sorted((landing / feed).iterdir())]
    return pd.concat(frames, ignore_index=True)


def delivered_at(path: Path) -> pd.Timestamp:
    return pd.Timestamp(datetime.strptime(path.name, "%Y-%m-%dT%H-%M.csv").replace(tzinfo=NEW_YORK))


def snapshot(landing: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in landing.rglob("*") if path.is_file()]
    return {str(path.relative_to(landing)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def same_rows(found: pd.DataFrame, expected: pd.DataFrame, columns: list[str]) -> None:
    left, right = (frame[columns].sort_values(columns, ignore_index=True) for frame in (found, expected))
    pd.testing.assert_frame_equal(left, right)


def flight(day: int, number: str, tail: str, *, dest: str = "IAH", carrier: str = "UA") -> dict[str, str]:
    planned = {"carrier": carrier, "flight": number, "tailnum": tail, "origin": "EWR", "dest": dest}
    return planned | {"flight_date": f"2013-01-{day:02}"}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReplaySummary]:
    landing = tmp_path_factory.mktemp("replay") / "landing"
    return landing, replay(landing, *RECORD)


@pytest.fixture(scope="module")
def schedule(year: tuple[Path, ReplaySummary]) -> pd.DataFrame:
    return feed_of(year[0], "schedule")


@pytest.fixture(scope="module")
def outcomes(year: tuple[Path, ReplaySummary]) -> pd.DataFrame:
    return feed_of(year[0], "outcomes")


@pytest.fixture(scope="module")
def weather(year: tuple[Path, ReplaySummary]) -> pd.DataFrame:
    return feed_of(year[0], "weather")


@pytest.fixture(scope="module")
def record() -> pd.DataFrame:
    flights = read(record_folder() / "flights.csv.zip")
    flight_date = flights["year"] + "-" + flights["month"].str.zfill(2) + "-" + flights["day"].str.zfill(2)
    return flights.assign(flight_date=flight_date, cancelled=flights["dep_time"] == "NA")


# ------------------------------------------------------------------------------------- every record, once


def test_replay_delivers_every_flight_in_exactly_one_file_of_each_feed(
    schedule: pd.DataFrame, outcomes: pd.DataFrame, record: pd.DataFrame, year: tuple[Path, ReplaySummary]
) -> None:
    assert len(record) == 336_776
    assert not record.duplicated(KEY).any()
    for name, feed in (("schedule", schedule), ("outcomes", outcomes)):
        same_rows(feed, record, KEY)
        assert year[1].feeds[name].records == len(record)


def test_outcomes_are_the_record_value_by_value(outcomes: pd.DataFrame, record: pd.DataFrame) -> None:
    assert list(outcomes.columns) == [*module.OUTCOMES, "at"]
    same_rows(outcomes, record, list(module.OUTCOMES))


def test_schedule_is_the_plan_of_the_record_and_nothing_else(schedule: pd.DataFrame, record: pd.DataFrame) -> None:
    assert list(schedule.columns) == [*module.SCHEDULE, "at"]
    assert not KNOWN_AFTERWARDS & set(schedule.columns)
    same_rows(schedule, record, [name for name in module.SCHEDULE if name != "tailnum"])


def test_weather_is_the_record_value_by_value_each_hour_once(weather: pd.DataFrame) -> None:
    everything = read(record_folder() / "weather.csv")
    assert list(weather.columns) == [*everything.columns, "at"]
    assert not weather.duplicated(["origin", "time_hour"]).any()
    same_rows(weather, everything, list(everything.columns))


@pytest.mark.parametrize("feed", ["planes", "airports", "airlines"])
def test_snapshots_are_the_files_of_the_record(year: tuple[Path, ReplaySummary], feed: str) -> None:
    source = record_folder() / f"{feed}.csv"
    delivered = list((year[0] / feed).iterdir())
    assert {path.read_bytes() for path in delivered} == {source.read_bytes()}
    assert year[1].feeds[feed].records == len(read(source)) * len(delivered)


# --------------------------------------------------------------------------------------------- no leaks


def test_schedule_names_a_plane_for_every_flight_whatever_became_of_it(
    schedule: pd.DataFrame, outcomes: pd.DataFrame, record: pd.DataFrame
) -> None:
    gaps = record[record["tailnum"] == "NA"]
    assert len(gaps) == 2_512
    assert gaps["cancelled"].all(), "the trap: a gap in the record is a cancellation"
    missing = ~schedule["tailnum"].str.fullmatch("N[0-9A-Z]{1,5}|D942DN")
    known = schedule[KEY].assign(missing=missing).merge(record[[*KEY, "cancelled"]], on=KEY)
    assert known.groupby("cancelled")["missing"].mean().to_dict() == {False: 0.0, True: 0.0}
    same_rows(outcomes[outcomes["tailnum"] == "NA"], gaps, KEY)


def test_schedule_keeps_every_tail_number_of_the_record(schedule: pd.DataFrame, record: pd.DataFrame) -> None:
    both = record[record["tailnum"] != "NA"].merge(schedule, on=KEY, suffixes=("", "_planned"))
    assert (both["tailnum"] == both["tailnum_planned"]).all()


def test_files_are_in_planned_order(schedule: pd.DataFrame, outcomes: pd.DataFrame) -> None:
    for feed in (schedule, outcomes):
        numbers = feed.assign(sched_dep_time=feed["sched_dep_time"].astype(int))
        ordered = numbers.sort_values(["at", "sched_dep_time", "carrier", "flight", "origin"])
        assert ordered.index.is_monotonic_increasing


def test_planned_order_does_not_tell_the_cancelled_flights(schedule: pd.DataFrame, record: pd.DataFrame) -> None:
    assert record.groupby("flight_date")["cancelled"].last().sum() > 300, "the trap: the record ends days with them"
    known = schedule[KEY].merge(record[[*KEY, "cancelled"]], on=KEY, how="left")
    assert known.groupby("flight_date")["cancelled"].last().sum() < 20


def test_no_flight_lands_after_the_first_night_that_sees_its_outcome(outcomes: pd.DataFrame) -> None:
    flown = outcomes[outcomes["dep_time"] != "NA"]
    clock = flown["sched_dep_time"].astype(int)
    midnight = pd.to_datetime(flown["flight_date"])
    planned = (midnight + pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min")).dt.tz_localize(NEW_YORK)
    in_the_air = pd.to_numeric(flown["air_time"], errors="coerce").fillna(0)
    landed = planned + pd.to_timedelta(flown["dep_delay"].astype(int) + in_the_air, unit="min")
    assert (landed > flown["at"]).sum() == 60
    assert (landed <= (midnight + 2 * DAY).dt.tz_localize(UTC)).all()


def test_planned_tails_takes_the_last_of_the_flight_then_route_then_carrier() -> None:
    gaps = planned_tails(
        [
            flight(1, "10", "N1"),
            flight(1, "20", "N2", dest="ORD"),
            flight(1, "20", "N9", carrier="AA"),
            flight(2, "10", "N3"),
            flight(2, "30", "N4", dest="BOS"),
            flight(3, "10", "NA"),
            flight(3, "40", "NA", dest="ORD"),
            flight(3, "50", "NA", dest="MIA"),
        ]
    )
    assert {number: tail for (_, number, _, _), tail in gaps.items()} == {"10": "N3", "40": "N2", "50": "N4"}


def test_planned_tails_sees_earlier_dates_alone() -> None:
    flights = [flight(1, "10", "N1"), flight(2, "10", "NA"), flight(2, "11", "N2"), flight(3, "10", "N3")]
    assert planned_tails(flights) == {("UA", "10", "EWR", "2013-01-02"): "N1"}


def test_planned_tails_refuses_to_leave_a_gap() -> None:
    with pytest.raises(SourceError, match=r"UA 10 EWR 2013-01-01"):
        planned_tails([flight(1, "10", "NA"), flight(1, "11", "N1"), flight(2, "10", "N2")])


# ------------------------------------------------------------------------------------- delivery times


def test_schedule_is_delivered_the_evening_before_and_before_the_night(schedule: pd.DataFrame) -> None:
    assert schedule["at"].nunique() == 365
    day = pd.to_datetime(schedule["flight_date"])
    assert (schedule["at"] == (day - DAY + timedelta(hours=18)).dt.tz_localize(NEW_YORK)).all()
    assert (schedule["at"] < day.dt.tz_localize(UTC)).all()


def test_outcomes_are_delivered_the_morning_after(outcomes: pd.DataFrame) -> None:
    assert outcomes["at"].nunique() == 365
    day = pd.to_datetime(outcomes["flight_date"])
    assert (outcomes["at"] == (day + DAY + timedelta(hours=6)).dt.tz_localize(NEW_YORK)).all()


def test_weather_is_delivered_at_six_with_the_hours_since_the_last_delivery(weather: pd.DataFrame) -> None:
    evening = weather["at"].dt.tz_localize(None)
    assert (evening.dt.strftime("%H:%M") == "18:00").all()
    hour = pd.to_datetime(weather["time_hour"])
    assert (hour < weather["at"]).all()
    assert (hour >= (evening - DAY).dt.tz_localize(NEW_YORK)).all()


@pytest.mark.parametrize(
    ("day", "local"),
    [
        ("2013-03-10", [*range(18, 24), 0, 1, *range(3, 18)]),
        ("2013-03-11", [*range(18, 24), *range(18)]),
        ("2013-11-02", [*range(18, 24), *range(18)]),
        ("2013-11-03", [18, 19, 1, 1, *range(2, 18)]),  # nothing was observed from 20:00 to 00:00
        ("2013-11-04", [*range(18, 24), *range(10), *range(11, 18)]),  # nor at 10:00
    ],
)
def test_weather_of_a_day_follows_the_clock_on_the_wall(weather: pd.DataFrame, day: str, local: list[int]) -> None:
    observed = weather[(weather["at"] == pd.Timestamp(f"{day} 18:00", tz=NEW_YORK)) & (weather["origin"] == "LGA")]
    assert observed["hour"].astype(int).tolist() == local
    assert observed["time_hour"].is_monotonic_increasing
    assert observed["time_hour"].is_unique


def test_snapshots_are_there_for_the_first_night(year: tuple[Path, ReplaySummary]) -> None:
    eves = {f"{date(2013, month, 1) - DAY}T18-00.csv" for month in range(1, 13)}
    assert {path.name for path in (year[0] / "planes").iterdir()} == eves
    for feed in ("airports", "airlines"):
        assert [path.name for path in (year[0] / feed).iterdir()] == ["2012-12-31T18-00.csv"]


def test_replay_of_one_date_brings_what_its_night_needs_and_its_outcome(tmp_path: Path) -> None:
    replay(tmp_path, date(2013, 3, 15), date(2013, 3, 15))
    assert sorted(snapshot(tmp_path)) == [
        "airlines/2012-12-31T18-00.csv",
        "airports/2012-12-31T18-00.csv",
        "outcomes/2013-03-16T06-00.csv",
        "planes/2013-02-28T18-00.csv",
        "schedule/2013-03-14T18-00.csv",
        "weather/2013-03-14T18-00.csv",
        "weather/2013-03-15T18-00.csv",
    ]


# -------------------------------------------------------------------------------------- again and again


def test_replay_again_changes_nothing(tmp_path: Path) -> None:
    first, last = date(2013, 1, 1), date(2013, 1, 3)
    replay(tmp_path, first, last)
    before = snapshot(tmp_path)
    again = replay(tmp_path, first, last)
    assert snapshot(tmp_path) == before
    assert {feed: done.written for feed, done in again.feeds.items()} == dict.fromkeys(FEEDS, 0)


def test_replay_of_later_dates_adds_files_and_equals_one_replay_of_all(
    tmp_path: Path, year: tuple[Path, ReplaySummary]
) -> None:
    replay(tmp_path, date(2013, 1, 29), date(2013, 1, 30))
    before = snapshot(tmp_path)
    later = replay(tmp_path, date(2013, 1, 31), date(2013, 2, 2))
    after = snapshot(tmp_path)
    assert {name: after[name] for name in before} == before
    assert later.feeds["schedule"].written == 3
    whole = snapshot(year[0])
    assert all(content == whole[name][1] for name, (_, content) in after.items())


def test_replay_repairs_a_file_cut_short(tmp_path: Path) -> None:
    replay(tmp_path, date(2013, 1, 1), date(2013, 1, 1))
    path = tmp_path / "outcomes" / "2013-01-02T06-00.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert replay(tmp_path, date(2013, 1, 1), date(2013, 1, 1)).feeds["outcomes"].written == 1
    assert path.read_bytes() == whole


def test_replay_that_dies_before_the_rename_leaves_no_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        replay(tmp_path, date(2013, 1, 1), date(2013, 1, 1))
    assert snapshot(tmp_path)
    assert not list(tmp_path.rglob("*.csv"))


# -------------------------------------------------------------------------------- contract, errors, CLI


@pytest.mark.parametrize("feed", FEEDS)
def test_every_feed_has_the_columns_of_its_contract(year: tuple[Path, ReplaySummary], feed: str) -> None:
    contract = read_document(CONTRACTS / f"{feed}.yml", Source, name=feed)
    path = next((year[0] / feed).iterdir())
    undeclared = {"year", "month", "day", "hour"} if feed == "weather" else set()
    assert set(read(path).columns) == set(contract.raw_names.values()) | undeclared
    assert isinstance(contract.come_from, Files)
    assert path.match(contract.come_from.files)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2013, 1, 2), date(2013, 1, 1)),
        (date(2012, 12, 31), date(2013, 1, 1)),
        (date(2013, 12, 31), date(2014, 1, 1)),
    ],
)
def test_replay_refuses_dates_outside_the_record(tmp_path: Path, first: date, last: date) -> None:
    with pytest.raises(ConfigError, match="within 2013-01-01 to 2013-12-31"):
        replay(tmp_path, first, last)
    assert not list(tmp_path.iterdir())


def test_replay_without_the_record_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match="demo extra"):
        replay(tmp_path, *RECORD)


def test_main_prints_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--landing", str(tmp_path), "--from", "2013-01-01", "--to", "2013-01-02"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["schedule", "2", "written", "0", "unchanged", "1785", "records"]
    assert len(lines) == len(FEEDS)


def test_main_exits_with_the_errors_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--landing", str(tmp_path), "--from", "2014-01-01", "--to", "2014-01-02"])
    assert exit_.value.code == ConfigError.exit_code
    assert "found:    2014-01-01 to 2014-01-02" in capsys.readouterr().err
