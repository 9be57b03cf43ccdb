"""The feature table that is proposed for events."""

from collections.abc import Callable, Mapping

import pytest
import yaml

from jobs.begin.features import feature_table, table_of
from jobs.begin.source import Proposed

SourceOf = Callable[[Mapping[str, str]], Proposed]


def rows(of: str, days: int = 9, name: str = "trips-2024-01-{:02}.csv") -> dict[str, str]:
    """A file for each day, with six records of three couriers."""
    made = {}
    for d in range(1, days + 1):
        lines = [
            f"{d}-{n},2024-01-{d:02}T{n:02}:00Z,{'abc'[n % 3]},{n * d - 9},{d + n / 4},{n % 2 == 0},{d % 2}\n"
            for n in range(6)
        ]
        made[name.format(d)] = f"trip_id,at,{of},late,km,ok,flag\n" + "".join(lines)
    return made


def test_numbers_are_averaged_and_truth_values_counted_per_entity(source_of: SourceOf) -> None:
    table = table_of(source_of(rows("courier")))
    assert table is not None
    assert table.name == "courier_trips"
    told = feature_table(table)
    assert "decide: is it about courier? It has 3 values in 54 records." in told
    assert yaml.safe_load(told) == {
        "description": "trips of each courier lately. One row per courier and night.",
        "entity": {"courier": ["courier"]},
        "source": "trips",
        "delay": "1d",
        "windows": ["1d", "7d"],
        "features": {
            "trips": {"count": "*", "description": "Records of trips"},
            "late": {"mean": "late", "description": "Mean of late"},
            "km": {"mean": "km", "description": "Mean of km"},
            "ok": {"rate": "ok", "description": "Share of records with ok"},
            "flag": {"mean": "flag", "description": "Mean of flag"},
        },
    }


def test_a_column_like_the_source_gives_the_count_another_name(source_of: SourceOf) -> None:
    table = table_of(source_of(rows("trips")))
    assert table is not None
    assert next(iter(yaml.safe_load(feature_table(table))["features"])) == "trips_2"


@pytest.mark.parametrize(
    "files",
    [
        {"a.csv": "id,name,n\n1,x,5\n2,y,6\n"},
        {"a.csv": "id,at,n\n1,2024-01-01T00:00,5\n2,2024-01-02T00:00,6\n"},
        {"a.csv": "id,at,who\n" + "".join(f"{n},2024-01-01T00:{n}:00,{'ab'[n % 2]}\n" for n in range(10, 30))},
        rows("courier", name="2023-12-{:02}T18-00.csv"),
    ],
    ids=["no event time", "no entity", "no number", "a plan"],
)
def test_what_is_no_event_of_something_with_numbers_has_no_features(source_of: SourceOf, files: dict[str, str]) -> None:
    assert table_of(source_of(files)) is None
