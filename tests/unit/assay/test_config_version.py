"""The version of a contract: equal for contracts that decide alike about rows."""

from typing import Any

import pytest

from assay.config import Source
from assay.config.version import contract_version

COLUMNS: dict[str, dict[str, Any]] = {"id": {"type": "int"}, "temp": {"type": "double", "max": 60, "unit": "°C"}}


def version(time_zone: str = "UTC", **more: Any) -> str:
    given = {
        "name": "readings", "description": "Readings.", "from": {"files": "a/*.csv"}, "key": ["id"], "columns": COLUMNS,
        "derived": {"a": {"expr": "temp + 1", "description": "One more"}, "b": "a + 1"},
        "checks": {"warm": {"holds": "temp > 0", "description": "Warm"}}, **more,
    }  # fmt: skip
    return contract_version(Source.model_validate(given), time_zone)


def test_the_version_is_known() -> None:
    assert version() == "14889b3a1788"


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Other words."}, {"from": {"files": "b/*.csv", "on_new_column": "fail"}}, {"nulls": [""]},
        {"columns": {"temp": {**COLUMNS["temp"], "unit": "°F", "description": "Heat"}, "id": {"type": "int"}}},
        {"checks": {"warm": "temp > 0"}}, {"columns": {**COLUMNS, "id": {"type": "int", "required": False}}},
    ],
)  # fmt: skip
def test_what_decides_about_no_row_changes_nothing(change: dict[str, Any]) -> None:
    assert version(**change) == version()


@pytest.mark.parametrize(
    "change",
    [
        {"from": {"files": "a/*.csv", "available": "file_name"}}, {"nulls": ["", "NA"]}, {"event_time": "a"},
        {"columns": {**COLUMNS, "temp": {"type": "double", "max": 61}}},
        {"columns": {**COLUMNS, "temp": {"type": "double", "max": 60, "on_fail": "flag"}}},
        {"derived": {"b": "a + 1", "a": "temp + 1"}}, {"checks": {"warm": "temp > 1"}}, {"time_zone": "Asia/Tokyo"},
    ],
)  # fmt: skip
def test_what_decides_about_rows_changes_it(change: dict[str, Any]) -> None:
    assert version(**change) != version()
