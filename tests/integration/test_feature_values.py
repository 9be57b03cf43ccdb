"""No feature knows more than its night did: the oracle is a loop in plain Python over the raw files."""

import csv
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
Raw = Mapping[str, str]


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    landing: Path


@dataclass(frozen=True)
class Known:
    """The rows of a feed as a time sees them."""

    rows: Sequence[Raw]
    as_of: datetime

    def within(self, event_time: Callable[[Raw], datetime], days: int, delay: timedelta) -> list[Raw]:
        end = self.as_of - delay
        return [row for row in self.rows if end - days * DAY <= event_time(row) < end]


def known(landing: Path, feed: str, as_of: datetime) -> Known:
    """Rows of the files that were delivered, by the New York time in their names, by a time; oldest file first."""
    rows: list[Raw] = []
    for path in sorted((landing / feed).glob("*.csv")):
        delivered = datetime.strptime(path.stem, "%Y-%m-%dT%H-%M").replace(tzinfo=NEW_YORK)
        if delivered <= as_of:
            with path.open(newline="") as file:
                rows += csv.DictReader(file)
    return Known(rows, as_of)


def departure(row: Raw) -> datetime:
    """The planned departure of an outcome."""
    hours, minutes = divmod(int(row["sched_dep_time"]), 100)
    midnight = datetime.combine(date.fromisoformat(row["flight_date"]), datetime.min.time(), tzinfo=NEW_YORK)
    return (midnight + timedelta(hours=hours, minutes=minutes)).astimezone(UTC)


def observed(row: Raw) -> datetime:
    """The hour of a weather observation."""
    return datetime.fromisoformat(row["time_hour"])


def grouped(rows: Sequence[Raw], keys: Sequence[str]) -> dict[tuple[str, ...], list[Raw]]:
    groups: dict[tuple[str, ...], list[Raw]] = defaultdict(list)
    for row in rows:
        if "NA" not in [row[key] for key in keys]:
            groups[tuple(row[key] for key in keys)].append(row)
    return groups


def whole(rows: Sequence[Raw], column: str) -> list[int]:
    return [int(row[column]) for row in rows if row[column] != "NA"]


def share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


def delays(rows: Sequence[Raw], window: str) -> dict[str, Any]:
    """What all delay tables have in common, of one window."""
    late = [row["arr_delay"] == "NA" or int(row["arr_delay"]) >= 15 for row in rows]
    values = whole(rows, "arr_delay")
    return {
        f"flights_{window}": len(rows),
        f"late_rate_{window}": share(late),
        f"arr_delay_{window}": sum(values) / len(values) if values else None,
    }


def of_carrier(week: Sequence[Raw], month: Sequence[Raw]) -> dict[str, Any]:
    values = whole(week, "arr_delay")
    return {
        "spread_7d": statistics.stdev(values) if len(values) > 1 else None,
        "cancelled_7d": share([row["dep_time"] == "NA" for row in week]),
    }


def of_route(week: Sequence[Raw], month: Sequence[Raw]) -> dict[str, Any]:
    values = whole(week, "arr_delay")
    return {"worst_7d": max(values, default=None), "best_7d": min(values, default=None)}


def of_tail(week: Sequence[Raw], month: Sequence[Raw]) -> dict[str, Any]:
    newest = [row for row in sorted(month, key=departure) if row["arr_delay"] != "NA"]
    return {
        "in_air_7d": sum(whole(week, "air_time")) if whole(week, "air_time") else None,
        "last_late": int(newest[-1]["arr_delay"]) if newest else None,
    }


def nothing_more(week: Sequence[Raw], month: Sequence[Raw]) -> dict[str, Any]:
    return {}


Rows = dict[tuple[str, ...], dict[str, Any]]


def delay_table(
    keys: Sequence[str], more: Callable[[Sequence[Raw], Sequence[Raw]], dict[str, Any]]
) -> Callable[[Path, datetime], Rows]:
    """The oracle of a table over outcomes."""

    def rows(landing: Path, as_of: datetime) -> Rows:
        outcomes = known(landing, "outcomes", as_of)
        day, week, month = (grouped(outcomes.within(departure, days, timedelta(hours=19)), keys) for days in (1, 7, 28))
        return {
            key: {
                **delays(day.get(key, []), "1d"),
                **delays(week.get(key, []), "7d"),
                **delays(month[key], "28d"),
                **more(week.get(key, []), month[key]),
            }
            for key in month
        }

    return rows


def late_table(keys: Sequence[str], days: int, *names: str) -> Callable[[Path, datetime], Rows]:
    """The oracle of a table over outcomes with one window."""

    def rows(landing: Path, as_of: datetime) -> Rows:
        past = known(landing, "outcomes", as_of).within(departure, days, timedelta(hours=19))
        window = f"{days}d"
        wanted = [f"{name}_{window}" for name in names]
        groups = grouped([{**row, "dep_hour": str(int(row["sched_dep_time"]) // 100)} for row in past], keys)
        return {key: {name: delays(group, window)[name] for name in wanted} for key, group in groups.items()}

    return rows


def weather_table(landing: Path, as_of: datetime) -> Rows:
    """The oracle of `origin_weather`: an observation with an impossible wind counts for nothing."""
    past = known(landing, "weather", as_of).within(observed, 1, timedelta(0))
    possible = [row for row in past if row["wind_speed"] == "NA" or float(row["wind_speed"]) <= 200]
    rows: Rows = {}
    for key, hours in grouped(possible, ["origin"]).items():
        hours.sort(key=observed)
        pressures = [float(row["pressure"]) for row in hours if row["pressure"] != "NA"]
        rain = [Decimal(row["precip"]) for row in hours if row["precip"] != "NA"]
        last = {
            name: next((float(row[name]) for row in reversed(hours) if row[name] != "NA"), None)
            for name in ("temp", "humid", "wind_speed", "visib", "pressure")
        }
        rows[key] = {
            **last, "pressure_min": min(pressures, default=None), "precip": float(sum(rain)) if rain else None
        }  # fmt: skip
    return rows


def plane_table(landing: Path, as_of: datetime) -> Rows:
    """The oracle of `plane_facts`: what the newest register says."""
    return {
        (row["tailnum"],): {name: None if row[name] == "NA" else int(row[name]) for name in ("year", "seats")}
        for row in known(landing, "planes", as_of).rows
    }


ORACLES: dict[str, Callable[[Path, datetime], Rows]] = {
    "carrier_hour_delays": late_table(["carrier", "dep_hour"], 56, "late_rate"),
    "carrier_origin_hour_delays": late_table(["carrier", "origin", "dep_hour"], 56, "late_rate"),
    "dest_hour_delays": late_table(["dest", "dep_hour"], 56, "late_rate"),
    "flight_delays": late_table(["carrier", "flight", "origin"], 28, "late_rate", "arr_delay"),
    "carrier_delays": delay_table(["carrier"], of_carrier),
    "dest_delays": delay_table(["dest"], nothing_more),
    "origin_delays": delay_table(["origin"], nothing_more),
    "route_delays": delay_table(["origin", "dest"], of_route),
    "tail_delays": delay_table(["tailnum"], of_tail),
    "origin_weather": weather_table,
    "plane_facts": plane_table,
}


def rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """A spread is a root of sums: equal to nine digits. All else is equal as it stands."""
    return {
        name: float(f"{value:.9g}") if name.startswith("spread") and value is not None else value
        for name, value in row.items()
    }


@pytest.mark.parametrize("table", ORACLES)
@pytest.mark.parametrize("night", [datetime(2013, 2, 5, tzinfo=UTC), datetime(2013, 2, 14, tzinfo=UTC)], ids=str)
def test_features_are_what_a_plain_loop_over_the_files_delivered_by_then_gives(
    flights: Flights, table: str, night: datetime
) -> None:
    definition = flights.lakehouse.config.features[table]
    names = [column.name for column in definition.output]
    found = {
        tuple(str(row[key]) for key in definition.keys): rounded({name: row[name] for name in names})
        for row in flights.lakehouse.tables.read(f"gold.{table}").where(F.col("event_timestamp") == night).collect()
    }
    expected = {key: rounded(row) for key, row in ORACLES[table](flights.landing, night).items()}
    assert len(expected) >= 3
    assert found == expected


def test_every_feature_table_has_its_oracle(flights: Flights) -> None:
    assert set(ORACLES) == set(flights.lakehouse.config.features)
