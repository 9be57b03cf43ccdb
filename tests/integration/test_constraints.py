"""Constraints of the contract on silver: there from the first row, changed with the contract, and free in other nights."""

from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

import bronze.stage
import silver.stage
from assay.constraints import add_missing, drop_stale, properties_of
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.session import jobs_so_far
from silver.constraints import PREFIX, constraints_of

NIGHT = datetime(2013, 3, 9, tzinfo=UTC)
HISTORY = "silver.readings__history"


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def night(readings: Readings, lakehouse: Lakehouse, day: int, content: str) -> Outcome:
    readings.deliver(f"2013-03-{day:02}.csv", content)
    bronze.stage.run(lakehouse, NIGHT)
    return silver.stage.run(lakehouse, NIGHT)


def with_contract(lakehouse: Lakehouse, old: str, new: str) -> Lakehouse:
    path = lakehouse.conf_dir / "sources" / "readings.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return open_lakehouse(lakehouse.conf_dir)


def constraints(lakehouse: Lakehouse) -> dict[str, str]:
    start = "delta.constraints."
    found = properties_of(lakehouse.tables, HISTORY)
    return {
        key.removeprefix(start): value.replace("( ", "(").replace(" )", ")")
        for key, value in found.items()
        if key.startswith(start)
    }


def operations(lakehouse: Lakehouse) -> list[str]:
    told = lakehouse.spark.sql(f"describe history delta.`{lakehouse.tables.path(HISTORY)}`").orderBy("version")
    return [row["operation"] for row in told.select("operation").collect()]


def test_the_constraints_are_those_of_the_contract(readings: Readings) -> None:
    first = night(readings, readings.lakehouse, 1, "station,hour,temp\na,1,50\nb,2,\nc,3,99\n")
    station, hour = "`station` IS NOT NULL", "`hour` IS NOT NULL"
    hours = f"{hour} AND (`hour` >= 0.0D) IS NOT FALSE AND (`hour` <= 23.0D) IS NOT FALSE"
    assert first.notes == []
    assert constraints(readings.lakehouse) == {
        "contract_station": station, "contract_hour": hours, "contract_temp": "(`temp` <= 60.0D) IS NOT FALSE",
    }  # fmt: skip
    tables = readings.lakehouse.tables
    for change in ("temp = 70D", "station = NULL"):
        with pytest.raises(Exception, match="DELTA_VIOLATE_CONSTRAINT"):
            tables.spark.sql(f"update delta.`{tables.path(HISTORY)}` set {change}")
    quiet = with_contract(readings.lakehouse, "max: 60}", "max: 60, description: Heat}")
    night(readings, quiet, 2, "station,hour,temp\na,2,5\n")
    assert operations(quiet) == ["CREATE TABLE", "WRITE", "WRITE"]
    certain, jobs = constraints_of(quiet.config.sources["readings"]), jobs_so_far(tables.spark)
    drop_stale(tables, HISTORY, PREFIX, certain)
    assert add_missing(tables, HISTORY, PREFIX, certain, ["station"]) == []
    assert jobs_so_far(tables.spark) == jobs

    checks = "  gust: {type: double, required: true, optional: true}\nchecks:\n  mild: temp > 5\n  fine: hour < 24\n"
    other = with_contract(quiet, "max: 60, description: Heat}\n", "max: 120}\n" + checks)
    changed = night(readings, other, 4, "station,hour,temp,gust\na,4,99,1\n")
    left_out = "of before break the constraint contract_"
    assert changed.notes == [
        f"{HISTORY}: 3 rows {left_out}gust, which is left out: `gust` IS NOT NULL",
        f"{HISTORY}: 1 rows {left_out}rows__mild, which is left out: (temp > 5) IS NOT FALSE",
    ]
    wanted: dict[str, Any] = {
        "contract_station": station, "contract_hour": hours, "contract_temp": "(`temp` <= 120.0D) IS NOT FALSE",
        "contract_rows__fine": "(hour < 24) IS NOT FALSE",
    }  # fmt: skip
    assert constraints(other) == wanted
    made = operations(other)
    assert made[3:] == ["DROP CONSTRAINT", "WRITE", "ADD CONSTRAINT", "ADD CONSTRAINT", "SET TBLPROPERTIES"]
    assert night(readings, other, 5, "station,hour,temp,gust\na,5,99,1\n").notes == []
    assert operations(other) == [*made, "WRITE"]


def test_delta_keeps_to_lengths_and_patterns(readings: Readings) -> None:
    pattern = r"it's \d\\|[a-z]+"
    text = f'length: {{min: 1, max: 7}}, pattern: "{pattern.replace(chr(92), chr(92) * 2)}"}}'
    lakehouse = with_contract(
        readings.lakehouse, "station: {type: string, required: true}", "station: {type: string, " + text
    )
    assert lakehouse.config.sources["readings"].columns["station"].pattern == pattern
    outcome = night(readings, lakehouse, 1, "station,hour,temp\nit's 1\\,1,50\nabc,2,\nabcdefgh,1,1\nA,1,1\n")
    assert outcome.notes == []
    history = lakehouse.tables.read(HISTORY)
    assert sorted(row["station"] for row in history.collect()) == ["abc", "it's 1\\"]
    for station in ("A", "abcdefgh", ""):
        with pytest.raises(Exception, match="DELTA_VIOLATE_CONSTRAINT"):
            lakehouse.tables.spark.sql(f"update delta.`{lakehouse.tables.path(HISTORY)}` set station = '{station}'")
