"""The sources of dbt: every table of silver with what the contract says of it, and nothing that dbt would render."""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

from assay.config import LakehouseConfig, Source, load_lakehouse
from assay.config.lakehouse import LakehouseFile
from silver.dbt_sources import dbt_sources

ROOT = Path(__file__).parents[3]
HOSTILE = "{{ run_query('drop table x') }} {% raw %} {# a #} {b}"


def rendered(value: Any) -> Any:
    """What dbt makes of a text: it renders all of them."""
    match value:
        case str():
            return Environment(autoescape=False).from_string(value).render()  # noqa: S701  # as dbt does
        case dict():
            return {key: rendered(item) for key, item in value.items()}
        case list():
            return [rendered(item) for item in value]
    return value


def tables(**more: Any) -> dict[str, Any]:
    source = Source.model_validate({
        "name": "readings", "description": HOSTILE, "from": {"files": "landing/*.csv"}, "key": ["station", "day"],
        "columns": {
            "station": {"type": "string", "allowed": ["a", "{{b}}"]},
            "hour": {"type": "hhmm", "required": True, "min": 0, "max": 23, "unit": "minutes", "description": "Hour"},
            "temp": {"type": "double", "max": 60},
            "gust": {"type": "double", "max": 60, "required": True, "on_fail": "flag"},
        },
        "derived": {"day": "to_date(hour)"},
        "checks": {"warm": "temp > 0", "mild": {"holds": "temp < 9", "on_fail": "flag"},
                   "late": "local_timestamp(day, hour) is not null"},
        **more,
    })  # fmt: skip
    file = LakehouseFile(name="tiny", description="")
    text = dbt_sources(LakehouseConfig(file=file, sources={"readings": source}, features={}, models={}))
    return {table["name"]: table for table in rendered(yaml.safe_load(text))["sources"][0]["tables"]}


def test_every_table_of_a_source_is_there_with_its_columns() -> None:
    found = tables()
    assert list(found) == ["readings__history", "readings", "readings__quarantine"]
    assert found["readings__history"]["config"]["meta"] == {"path": "silver/readings__history"}
    assert found["readings"]["config"]["meta"] == {"current_of": "readings__history"}
    assert found["readings"]["description"] == HOSTILE
    assert found["readings"]["columns"] == [
        {"name": "station", "data_type": "string"},
        {"name": "hour", "data_type": "int", "description": "Hour (minutes)", "config": {"meta": {"unit": "minutes"}}},
        {"name": "temp", "data_type": "double"}, {"name": "gust", "data_type": "double"},
        {"name": "day", "description": "Derived: to_date(hour)"},
    ]  # fmt: skip


def test_what_is_certain_is_one_test_and_no_part_of_a_night() -> None:
    assert tables()["readings"]["data_tests"] == [
        {
            "holds": {
                "name": "contract_readings",
                "arguments": {
                    "unique": ["`station`", "`day`"], "not_null": ["`station`", "`hour`", "`day`"],
                    "between": {"`hour`": [0.0, 23.0]},
                    "conditions": {
                        "station is allowed": "`station` in ('a', '{{b}}')", "temp is at most 60": "`temp` <= 60.0D",
                        "warm": "temp > 0",
                    },
                },
                "config": {"tags": ["contract"]},
            }
        }
    ]  # fmt: skip


def test_a_reference_whose_orphans_are_refused_is_a_relationship_with_the_history() -> None:
    found = tables(
        references={
            "known": {"source": "stations", "columns": {"station": "id"}},
            "planned": {"source": "plans", "columns": ["station", "day"]},
            "perhaps": {"source": "plans", "columns": ["station"], "on_fail": "flag"},
        }
    )
    assert found["readings"]["data_tests"][1:] == [
        {
            "relationships": {
                "name": "contract_readings_known",
                "arguments": {
                    "to": "source('silver', 'stations__history')", "column_name": "`station`", "field": "`id`",
                },
                "config": {"tags": ["contract"], "where": "`station` is not null"},
            }
        },
        {
            "relationships": {
                "name": "contract_readings_planned",
                "arguments": {
                    "to": "source('silver', 'plans__history')",
                    "column_name": "named_struct('k1', `station`, 'k2', `day`)",
                    "field": "named_struct('k1', `station`, 'k2', `day`)",
                },
                "config": {"tags": ["contract"], "where": "`station` is not null and `day` is not null"},
            }
        },
    ]  # fmt: skip


def test_the_project_s_sources_are_those_of_the_contracts() -> None:
    written = (ROOT / "dbt_project" / "models" / "silver.yml").read_text(encoding="utf-8")
    told = "write them anew: .venv/bin/assay contract dbt --to dbt_project/models/silver.yml"
    assert written == dbt_sources(load_lakehouse(ROOT / "conf" / "flights")), told
