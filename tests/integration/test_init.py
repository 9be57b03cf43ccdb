"""`assay init` on files of two days: bronze and silver take in every record of them by what it proposes."""

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import bronze.stage
import silver.stage
from assay.cli import main
from assay.lakehouse import open_lakehouse

AS_OF = datetime(2100, 1, 1, tzinfo=UTC)


def deliver(folder: Path) -> Mapping[str, int]:
    """Files of two days in three formats, with all that is odd about other people's files; the records of each source."""
    folder.mkdir()
    for day in (1, 2):
        lines = [
            f'"{day}-{n}",{"abc"[n % 3]},0{n % 7}1,{"NA" if n == 3 else n * 2.5 - 9},'
            f"{n % 24:02}.0{day}.2024 {n % 24:02}:30,{['true', 'False'][n % 2]},{n}"
            for n in range(1, 21)
        ]
        header = "Order Id,user,Zip,Amount (€),placed at,paid,batch" + (",note\n" if day == 2 else "\n")
        more = ',"a ""b"", c"\n' if day == 2 else "\n"
        (folder / f"Web Orders 2024-02-0{day}.csv").write_text(header + "".join(line + more for line in lines))
        events = [
            {"at": f"2024-02-0{day}T{n:02}:00:00.5+01:00", "who": f"w{n % 4}", "n": n, "in": {"x": [n]}}
            for n in range(20)
        ]
        text = "".join(
            json.dumps(event if n % 2 else {**event, "extra": 10**12 + n}) + "\n" for n, event in enumerate(events)
        )
        (folder / f"events_{day}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
        seen = {"on": [date(2024, 2, day)] * 2, "value": [1e-7, 1e-7], "ok": [True, True]}  # twice the same
        pq.write_table(pa.table(seen), folder / f"2024-02-0{day}-sensors.parquet")
    return {"web_orders": 40, "events": 40, "sensors": 2}


def test_every_record_of_the_files_is_taken_in(spark: SparkSession, tmp_path: Path) -> None:
    records = deliver(tmp_path / "arrived")
    conf = tmp_path / "conf"
    assert main(["init", "shop", "--from", str(tmp_path / "arrived"), "--conf-dir", str(conf / "any")]) == 0
    lakehouse = open_lakehouse(conf / "shop", "shop")
    bronze.stage.run(lakehouse, AS_OF)
    outcome = silver.stage.run(lakehouse, AS_OF)
    found = {
        name: lakehouse.tables.read(f"silver.{name}__history").where("fate = 'version' and valid_to is null").count()
        for name in lakehouse.config.sources
    }
    assert found == records
    assert outcome.total("quarantined") == 0
    assert outcome.total("landed") == sum(records.values()) + 2
