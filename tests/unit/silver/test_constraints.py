"""Constraints: what a contract makes certain of accepted rows, and nothing that it lets through."""

from typing import Any

from assay.config import Source
from silver.constraints import constraints_of


def contract(columns: dict[str, Any], **more: Any) -> Source:
    return Source.model_validate({
        "name": "readings", "description": "", "from": {"files": "a/*.csv"}, "key": ["id"],
        "columns": {"id": {"type": "int"}, **columns}, **more,
    })  # fmt: skip


def test_what_sends_a_row_to_quarantine_or_stops_the_batch_is_certain() -> None:
    source = contract(
        {
            "Temp": {"type": "double", "required": True, "min": -60, "max": 60.5, "on_fail": {"max": "fail"}},
            "kind": {"type": "string", "allowed": [1, "it's"]},
            "many": {"type": "int", "allowed": [1, 2]},
            "on": {"type": "boolean", "allowed": [True]},
            "code": {"type": "string", "pattern": "a\\d+|it's", "length": {"min": 2, "max": 6}},
            "long": {"type": "string", "length": {"min": 2}, "on_fail": {"pattern": "flag"}, "pattern": "a+"},
            "short": {"type": "string", "length": {"max": 2}},
            "number": {"type": "int", "pattern": "\\d{3}"},
        },
        derived={"day": {"expr": "to_date(Temp)", "required": True}, "other": "1"},
        checks={"warm": "Temp > 0 or kind = 'a'"},
    )
    assert constraints_of(source) == {
        "contract_id": "`id` IS NOT NULL",
        "contract_temp": ("`Temp` IS NOT NULL AND (`Temp` >= -60.0D) IS NOT FALSE AND (`Temp` <= 60.5D) IS NOT FALSE"),
        "contract_kind": "(`kind` IN ('1', 'it\\'s')) IS NOT FALSE",
        "contract_many": "(`many` IN (1, 2)) IS NOT FALSE",
        "contract_on": "(`on` IN (true)) IS NOT FALSE",
        "contract_code": (
            "(char_length(`code`) >= 2) IS NOT FALSE AND (char_length(`code`) <= 6) IS NOT FALSE"
            " AND (`code` RLIKE '\\\\A(?:a\\\\d+|it\\'s)\\\\z') IS NOT FALSE"
        ),
        "contract_long": "(char_length(`long`) >= 2) IS NOT FALSE",
        "contract_short": "(char_length(`short`) <= 2) IS NOT FALSE",
        "contract_day": "`day` IS NOT NULL",
        "contract_rows__warm": "(Temp > 0 or kind = 'a') IS NOT FALSE",
    }


def test_what_is_flagged_is_not_certain_nor_what_only_assay_can_work_out() -> None:
    source = contract(
        {
            "temp": {"type": "double", "required": True, "max": 60, "on_fail": {"type": "flag"}},
            "gust": {"type": "double", "required": True, "min": 0, "on_fail": "flag"},
        },
        checks={
            "warm": {"holds": "temp > 0", "on_fail": "flag"},
            "local": "local_timestamp(to_date('2013-03-01'), id) > timestamp'2013-01-01'",
        },
    )
    assert constraints_of(source) == {
        "contract_id": "`id` IS NOT NULL",
        "contract_temp": "(`temp` <= 60.0D) IS NOT FALSE",
    }
