"""Files whose names are traps are landed like any other, and look like what they are wherever they are told of."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import pytest

import bronze.stage
import silver.stage
from assay.lakehouse import Lakehouse
from jobs.common import show
from jobs.report import page, run_report

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
FOLDER = "landing/readings"
ODD = (
    "2013-03-01\n    all is well.csv",
    "2013-03-01\x1b[31m.csv",
    "2013-03-01 \u202evsc.csv",
    "2013-03-01 a\u2028b\x85c.csv",
    "2013-03-01 caf\u00e9.csv",
    "2013-03-01 cafe\u0301.csv",
    "2013-03-01 Caf\u00e9.CSV",
    "2013-03-01 '; drop table x --.csv",
    "2013-03-01 %2e%2e%2f<script>alert(1)</script>?*&$(touch x).csv".replace("/", "\u2215"),
)


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def test_names_that_are_traps(
    new_readings: Callable[[str], Readings], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    readings = new_readings("odd names")
    for place, name in enumerate(ODD):
        readings.deliver(name, f"station,hour,temp,more\nstation{place},1,10,x\n,2,5,y\n")
    readings.deliver("2013-03-01 broken\nname.csv", b"station,station\n")
    outcomes = [bronze.stage.run(readings.lakehouse, NIGHT), silver.stage.run(readings.lakehouse, NIGHT)]
    show(outcomes, as_json=False)
    told = capsys.readouterr().out.splitlines()
    assert sum("which the contract does not name" in line for line in told) == len(ODD)
    assert not [line for line in told if not line.isprintable() or line.strip().startswith("all is well")]
    assert f"    {FOLDER}/2013-03-01 broken\\nname.csv: quarantined, the header names a column twice: station" in told
    tables = readings.lakehouse.tables
    files = {row["source_file"]: row["status"] for row in tables.read("ops.files").collect()}
    assert files == {f"{FOLDER}/{name}": "landed" for name in ODD} | {
        f"{FOLDER}/2013-03-01 broken\nname.csv": "quarantined"
    }
    history = tables.read("silver.readings__history").collect()
    assert {row["station"]: row["source_file"] for row in history} == {
        f"station{place}": f"{FOLDER}/{name}" for place, name in enumerate(ODD)
    }
    run_report(readings.lakehouse, NIGHT)
    written = page(readings.lakehouse, NIGHT).read_text()
    assert "<script>alert" not in written
