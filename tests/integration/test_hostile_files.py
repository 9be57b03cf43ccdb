"""Files that mean harm: their records go to quarantine with their text, and every file is accounted for."""

import io
from datetime import UTC, datetime
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

import bronze.stage
import silver.stage
from assay.config.origins import Files
from assay.errors import ContractError, TableError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from bronze import files
from bronze.delivery import KINDS
from bronze.seen import seen_files

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def of_any_format(readings: Readings) -> Lakehouse:
    """The same lakehouse; a file's name says its format."""
    path = readings.lakehouse.conf_dir / "sources" / "readings.yml"
    path.write_text(path.read_text().replace(", format: csv", ""))
    return open_lakehouse(readings.lakehouse.conf_dir)


def test_hostile_records_are_quarantined_with_their_text_and_all_files_accounted_for(readings: Readings) -> None:
    lakehouse = of_any_format(readings)
    long, too_long = "x" * 50_000_000, "x" * 17_000_000
    readings.deliver("2013-03-01.csv", f'station,hour,temp\na,1,"{long}"\nb,1,7\nc\0,1,8\n"d\ne",1,9\n"f,1,9\n')
    readings.deliver("2013-03-01T01-00.jsonl", f'{{"station": "g", "hour": 1}}\n{{"station": "{too_long}"}}\n')
    readings.deliver("2013-03-01T02-00.csv", b"PK\x03\x04\0\0")
    readings.deliver("2013-03-01T03-00.json", f'{{"station": "g", "hour": 1}}\n{{"station": "{too_long}"}}\n')
    readings.deliver("2013-03-09.csv", "station,hour,temp\n")
    outcome = bronze.stage.run(lakehouse, NIGHT)
    assert {metric.metric: metric.value for metric in outcome.metrics} == {
        "seen": 5, "landed": 2, "duplicate": 1, "quarantined": 1, "waiting": 1,
        "files": 2, "parsed": 7, "records": 7, "corrupt": 4,
    }  # fmt: skip
    silver.stage.run(lakehouse, NIGHT)
    rejected = lakehouse.tables.read("silver.readings__quarantine").select(
        "source_file", "source_position", F.length("raw"), F.substring("raw", 1, 9), F.col("reasons.message")[0]
    )
    kept_whole = lakehouse.tables.read("bronze.readings").where("length(raw) > 100").select(F.length("raw"))
    assert sorted(row[0] for row in kept_whole.collect()) == [17_000_015, 50_000_006]
    csv, jsonl = "landing/readings/2013-03-01.csv", "landing/readings/2013-03-01T01-00.jsonl"
    assert sorted(tuple(row) for row in rejected.collect()) == [
        (csv, 2, 1_000_000, 'a,1,"xxxx', "longer than 16,000,000 characters"),
        (csv, 4, 9, "c\\x00,1,8", "has a NUL byte"),
        (csv, 7, 6, '"f,1,9', "not CSV: unexpected end of data"),
        (jsonl, 2, 1_000_000, '{"station', "longer than 16,000,000 characters"),
    ]
    kept = lakehouse.tables.read("silver.readings__history").select("station", "temp")
    assert sorted(tuple(row) for row in kept.collect()) == [("b", 7.0), ("d\ne", 9.0), ("g", None)]


@pytest.mark.parametrize("optional", ["false", "true"])
def test_a_parquet_column_of_another_type_stops_bronze_with_the_difference(readings: Readings, optional: str) -> None:
    content = io.BytesIO()
    columns: dict[str, Any] = {"station": [1], "hour": [[1, 2]], "temp": pa.array([1], pa.int8())}
    pq.write_table(pa.table(columns), content)
    lakehouse = of_any_format(readings)
    readings.deliver("2013-03-01.parquet", content.getvalue())
    contract = lakehouse.conf_dir / "sources" / "readings.yml"
    contract.write_text(contract.read_text().replace("max: 23", f"max: 23, optional: {optional}"))
    lakehouse = open_lakehouse(lakehouse.conf_dir)
    source = lakehouse.config.sources["readings"]

    def look() -> list[str]:
        outcome = Outcome("bronze", NIGHT)
        return [file.status for file in files.look(lakehouse, [source], seen_files(lakehouse), outcome).deliveries]

    if optional == "true":
        assert look() == ["landed"]
        return
    with pytest.raises(ContractError, match="has a column of another type than the contract's") as caught:
        look()
    assert (caught.value.found, caught.value.expected) == ("hour nested", "hour that is read as int")


def test_two_rows_in_one_place_stop_bronze(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    readings.deliver("2013-03-01.csv", "station,hour,temp\na,1,10\nb,1,11\n")
    kind = KINDS[Files]

    def doubled(*given: Any) -> Any:
        return files.read(*given).withColumn("source_position", F.lit(2).cast("bigint"))

    registry: Any = KINDS
    monkeypatch.setitem(registry, Files, type(kind)(kind.look, doubled, kind.changed))
    with pytest.raises(TableError, match="each in its own place") as caught:
        bronze.stage.run(readings.lakehouse, NIGHT)
    assert caught.value.found == "2 rows in 1 places"
