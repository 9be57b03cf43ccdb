"""When a file became available: its modified time, or the local time in its name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.config.origins import AvailableAfterEvent, AvailableColumn, Files
from assay.files import FileInfo
from bronze.available import available_at

MODIFIED = datetime(2020, 1, 1, tzinfo=UTC)
NEW_YORK = "America/New_York"


def told(name: str, time_zone: str = NEW_YORK) -> datetime | None:
    return available_at(FileInfo(f"landing/x/{name}", 1, MODIFIED), Files(files="x", available="file_name"), time_zone)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2013-03-01T06-00.csv", datetime(2013, 3, 1, 11, tzinfo=UTC)),
        ("2013-07-01T06-00.csv", datetime(2013, 7, 1, 10, tzinfo=UTC)),
        ("2013-02-28T18-00.csv.gz", datetime(2013, 2, 28, 23, tzinfo=UTC)),
        ("2013-03-01T18-00_part-2.csv", datetime(2013, 3, 1, 23, tzinfo=UTC)),
        ("2013-03-01.csv", datetime(2013, 3, 1, 5, tzinfo=UTC)),
        ("2013-03-01_part-2.csv", datetime(2013, 3, 1, 5, tzinfo=UTC)),
    ],
)
def test_available_at_reads_the_local_time_in_the_name(name: str, expected: datetime) -> None:
    assert told(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2013-03-10T01-59.csv", datetime(2013, 3, 10, 6, 59, tzinfo=UTC)),
        ("2013-03-10T02-30.csv", datetime(2013, 3, 10, 7, 30, tzinfo=UTC)),
        ("2013-03-10T03-00.csv", datetime(2013, 3, 10, 7, 0, tzinfo=UTC)),
        ("2013-11-03T00-59.csv", datetime(2013, 11, 3, 4, 59, tzinfo=UTC)),
        ("2013-11-03T01-30.csv", datetime(2013, 11, 3, 5, 30, tzinfo=UTC)),
        ("2013-11-03T02-00.csv", datetime(2013, 11, 3, 7, 0, tzinfo=UTC)),
    ],
    ids=["before the gap", "in the gap", "after the gap", "before the overlap", "first of the overlap", "after it"],
)
def test_available_at_has_a_stated_meaning_where_clocks_change(name: str, expected: datetime) -> None:
    assert told(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "schedule.csv",
        "x2013-03-01.csv",
        "2013-3-1.csv",
        "20130301.csv",
        "2013-02-30.csv",
        "2013-03-011.csv",
        "2013-03-01T24-00.csv",
        "2013-03-01T1800.csv",
        "9999-12-31T23-59.csv",
        "2013-03-01T6-00.csv",
        "2013-03-01T18-000.csv",
        "",
    ],
)
def test_available_at_is_unknown_where_the_name_does_not_say_it(name: str) -> None:
    assert told(name) is None


@pytest.mark.parametrize(
    "available", ["modified", AvailableColumn(column="a"), AvailableAfterEvent(after_event=timedelta(hours=1))]
)
def test_available_at_is_the_modified_time_for_other_contracts(available: object) -> None:
    come_from = Files.model_validate({"files": "x", "available": available})
    assert available_at(FileInfo("x/2013-03-01T06-00.csv", 1, MODIFIED), come_from, NEW_YORK) == MODIFIED


@given(st.integers(0, 35_000_000))
def test_available_at_in_utc_is_the_time_as_written(minutes: int) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    assert told(f"{when:%Y-%m-%dT%H-%M}.csv", "UTC") == when
