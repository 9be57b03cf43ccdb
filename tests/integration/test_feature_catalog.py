"""The catalogue of features on real flights: what the definitions say and what the tables hold."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from assay.config import FeatureTable
from assay.lakehouse import Lakehouse
from gold.catalog import catalog, told
from jobs.catalog import main


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    backfilled: datetime
    nights: tuple[datetime, datetime]


def test_catalog_tells_what_the_tables_hold(flights: Flights) -> None:
    found = {table.name: table for table in catalog(flights.lakehouse)}
    assert list(found) == sorted(flights.lakehouse.config.features)
    table = found["tail_delays"]
    rows = flights.lakehouse.tables.read("gold.tail_delays").collect()
    values = [row["late_rate_7d"] for row in rows]
    feature = next(each for each in table.features if each.name == "late_rate_7d")
    assert [month.rows for month in feature.months] == [len(rows)]
    assert feature.missing == pytest.approx(sum(value is None for value in values) / len(values))
    assert feature.latest is not None
    assert feature.latest.middle in values
    assert feature.used_by == ("late_arrival",)
    first, last = (night.replace(tzinfo=None) for night in (datetime(2013, 2, 1, tzinfo=UTC), flights.nights[1]))
    assert (table.nights, table.first, table.last) == (14, first, last)


def test_catalog_command_lists_every_feature_and_writes_the_page(
    flights: Flights, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--conf-dir", str(flights.lakehouse.conf_dir), "--json"])
    answer = json.loads(capsys.readouterr().out)
    names = {column.name for table in flights.lakehouse.config.features.values() for column in table.output}
    assert {feature["name"] for table in answer["tables"] for feature in table["features"]} == names
    page = Path(answer["page"]).read_text(encoding="utf-8")
    assert all(name in page for name in names)
    main(["--conf-dir", str(flights.lakehouse.conf_dir)])
    assert "tail_delays: one row per" in capsys.readouterr().out


def test_a_feature_is_told_in_words() -> None:
    table = FeatureTable.model_validate({
        "name": "delays", "description": "", "entity": {"carrier": ["carrier"]}, "source": "outcomes",
        "features": {
            "long": {"quantile": "delay", "q": 0.9, "where": "not cancelled", "within": "7d", "description": ""},
            "flights": {"count": "*", "by": {"origin": ["EWR"]}, "within": "lifetime", "description": ""},
            "ratio": {"expression": "long / flights_ewr", "description": ""},
        },
    })  # fmt: skip
    assert [told(table, column) for column in table.output] == [
        "quantile of delay (q = 0.9) where not cancelled, 7d",
        "count of * where origin = EWR, lifetime",
        "long / flights_ewr",
    ]
