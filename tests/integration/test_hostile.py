"""A lakehouse with every defect planted: each record and each file ends in one place, with its reason, on every path."""

import gzip
import io
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import bronze.stage
import silver.stage
from assay.lakehouse import Lakehouse, open_lakehouse

CONF = Path(__file__).parent / "hostile"
NIGHT = datetime(2013, 11, 20, tzinfo=UTC)
SOURCES = ("customers", "orders", "clicks", "prices")


def csv(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def parquet(*rows: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


ORDERS = "id,nr,customer,placed,amount,state,note"
GOOD = csv(
    ORDERS,
    '1,1,1,2013-10-31 10:00,10.50,new,"two\nlines, and a ""quote"""',
    "2,1,1,2013-10-31 11:00,20,paid,=cmd|' /C calc'!A0",
    "3,1,2,2013-10-31 12:00,99999,paid,above the highest: kept and flagged",
    "4,1,9,2013-10-31 12:00,5,new,nobody's",
    "5,1,,2013-10-31 12:00,5,new,of nobody",
)
PRICES = parquet({"article": "a", "price": 1.5}, {"article": "b", "price": -1.0}, {"article": None, "price": 2.0})

FIRST = {
    # a byte order mark, columns in another order, Windows line ends
    "customers/2013-10-01.csv": "\ufeffname,id,country,since,email\r\nAnn,1,US,2013-09-01,a@b\r\nBob,2,CA,NA,\r\n".encode(),
    "orders/2013-11-01.csv": GOOD,
    "orders/2013-11-02.csv": csv(
        f"{ORDERS},colour",  # a column that the contract does not name
        "6,1,1,2013-11-01 10:00,7,new,fine,red",
        "7,1,1,2013-11-01 10:00",  # short
        "8,1,1,2013-11-01 10:00,7,new,long,red,more,and more",
        '9,1,1,2013-11-01 10:00,7,new,"a quote" inside,red',
        "10,1,1,2013-11-01 10:00,7.005,new,a cent that is none,red",
        "11,1,1,2013-11-01 10:00,-1,lost,two reasons,red",
        "12,1,1,2013-11-01 10:00,0,sent,not paid for,red",
        "x,1,1,2013-11-01 10:00,7,new,no number,red",
    ) + b"13,1,1,2013-11-01 10:00,7,new,caf\xe9,red\n" + csv("14,1,1,2013-11-01 10:00,7,new,after it,red"),
    "clicks/2013-11-01.jsonl": csv(
        '{"id": "a", "page": "/", "ms": 10}',
        '{"id": "b", "page": "/x", "ms": 12, "more": {"deep": [1, 2.50]}}',
        '{"id": "c", "page": "/y", "ms": 11}',
        '{"id": "d", "page": "/z", "ms": 13',
        '["not", "an", "object"]',
        '{"id": "e", "id": "f", "page": "/"}',
        '{"id": "g", "page": "\\ud800", "ms": 14}',
        '{"id": "h", "ms": 15}',
        '{"id": "i", "page": "/", "ms": -1}',
        "",
        '{"id": "j", "page": null, "ms": 1e3}',
    ),
    "prices/2013-11-01.parquet": PRICES,
}  # fmt: skip
SECOND = {
    "customers/2013-11-03.csv": csv(
        "id,name,email,country,since",
        "1,Ann,a@b,US,2013-09-01",
        "2,B,no address,ATLANTIS,2099-01-01",  # a refused record: the snapshot closes nothing
    ),
    "customers/2013-11-05.csv": csv("id,name,email,country,since", "1,Ann,a@b,US,2013-09-01"),  # Bob is gone
    "orders/2013-11-03T06-00.csv": GOOD,  # the same bytes
    "orders/2013-11-04.csv.gz": gzip.compress(csv(ORDERS, *["15,1,1,2013-11-03 10:00,7,new,x"] * 900))[:-20],
    "orders/2013-11-05.csv": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    "orders/2013-11-06.csv": b"",
    "orders/2013-11-07.csv": csv(ORDERS),
    "orders/no-time.csv": csv(ORDERS, "16,1,1,2013-11-03 10:00,7,new,x"),
    "orders/2013-11-08.csv": csv(
        ORDERS,
        "1,3,1,2013-11-06 10:00,10.50,sent,the newest",
        "1,2,1,2013-11-06 10:00,10.50,paid,out of date at once",
        "17,1,1,2013-03-10 02:30,7,new,skipped by the clock",
        "18,1,1,2013-11-03 01:30,7,new,shown twice by the clock",
        "19,1,1,2013-11-08 00:06,7,new,from the future",
        "20,1,2,2013-11-07 10:00,7,new,of one who was gone",
    ),
    "orders/2013-11-09.csv": csv(ORDERS, "1,2,1,2013-11-06 10:00,10.50,paid,late and out of date"),
    "orders/2013-12-01.csv": csv(ORDERS, "21,1,1,2013-11-30 10:00,7,new,of another day"),
    "clicks/2013-11-02.jsonl.gz": gzip.compress(
        csv('{"id": "a", "page": "/", "ms": 10}', '{"id": "b", "page": "/other", "ms": 12}')
    ),
    "clicks/2013-11-03.parquet": PRICES[:-9],
    "prices/2013-11-02.parquet": PRICES[: len(PRICES) // 2],
    "prices/2013-11-03.parquet": csv("article,price", "a,1"),
}

FILES = {
    "customers/2013-10-01.csv": "landed", "customers/2013-11-03.csv": "landed", "customers/2013-11-05.csv": "landed",
    "orders/2013-11-01.csv": "landed", "orders/2013-11-02.csv": "landed", "orders/2013-11-07.csv": "landed",
    "orders/2013-11-08.csv": "landed", "orders/2013-11-09.csv": "landed",
    "orders/2013-11-03T06-00.csv": "duplicate", "orders/2013-11-04.csv.gz": "quarantined",
    "orders/2013-11-05.csv": "quarantined", "orders/2013-11-06.csv": "quarantined", "orders/no-time.csv": "quarantined",
    "clicks/2013-11-01.jsonl": "landed", "clicks/2013-11-02.jsonl.gz": "landed",
    "clicks/2013-11-03.parquet": "quarantined",
    "prices/2013-11-01.parquet": "landed", "prices/2013-11-02.parquet": "quarantined",
    "prices/2013-11-03.parquet": "quarantined",
}  # fmt: skip
"""What becomes of each file that was delivered by the night."""

REASONS = {
    ("customers/2013-11-03.csv", 3): ["length:name", "pattern:email", "allowed:country", "not_in_future:since"],
    ("orders/2013-11-02.csv", 3): ["record"],
    ("orders/2013-11-02.csv", 4): ["record"],
    ("orders/2013-11-02.csv", 5): ["record"],
    ("orders/2013-11-02.csv", 6): ["type:amount"],
    ("orders/2013-11-02.csv", 7): ["min:amount", "allowed:state", "paid_for"],
    ("orders/2013-11-02.csv", 8): ["paid_for"],
    ("orders/2013-11-02.csv", 9): ["type:id"],
    ("orders/2013-11-02.csv", 10): ["record"],
    ("orders/2013-11-08.csv", 4): ["gap:placed"],
    ("orders/2013-11-08.csv", 5): ["fold:placed"],
    ("orders/2013-11-08.csv", 6): ["not_in_future:placed"],
    ("clicks/2013-11-01.jsonl", 4): ["record"],
    ("clicks/2013-11-01.jsonl", 5): ["record"],
    ("clicks/2013-11-01.jsonl", 6): ["record"],
    ("clicks/2013-11-01.jsonl", 7): ["record"],
    ("clicks/2013-11-01.jsonl", 8): ["required:page"],
    ("clicks/2013-11-01.jsonl", 9): ["min:ms"],
    ("clicks/2013-11-01.jsonl", 11): ["required:page", "type:ms"],
    ("prices/2013-11-01.parquet", 2): ["min:price"],
    ("prices/2013-11-01.parquet", 3): ["required:article"],
}
"""Why each record in quarantine is there: file and line -> checks."""

ORDER_FATES = [
    (1, "new", "2013-11-01", "2013-11-08", "version", None),
    (1, "paid", "2013-11-08", "2013-11-08", "superseded", None),
    (1, "paid", "2013-11-09", "2013-11-09", "superseded", None),
    (1, "sent", "2013-11-08", None, "version", None),
    (2, "paid", "2013-11-01", None, "version", None),
    (3, "paid", "2013-11-01", None, "version", ["max:amount"]),
    (4, "new", "2013-11-01", None, "version", ["buyer"]),
    (5, "new", "2013-11-01", None, "version", None),
    (6, "new", "2013-11-02", None, "version", None),
    (14, "new", "2013-11-02", None, "version", None),
    (20, "new", "2013-11-08", None, "version", ["buyer"]),
]


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path) -> Lakehouse:
    """The hostile lakehouse, into which nothing has been delivered."""
    shutil.copytree(CONF, tmp_path / "conf" / "hostile")
    (tmp_path / "conf" / "env").mkdir()
    (tmp_path / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    made = open_lakehouse(tmp_path / "conf" / "hostile")
    for source in SOURCES:
        (Path(made.root) / "landing" / source).mkdir(parents=True)
    return made


def deliver(lakehouse: Lakehouse, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (Path(lakehouse.root) / "landing" / name).write_bytes(content)


def night(lakehouse: Lakehouse) -> tuple[Any, Any]:
    return bronze.stage.run(lakehouse, NIGHT), silver.stage.run(lakehouse, NIGHT)


def rows(lakehouse: Lakehouse, table: str, *columns: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()]


def short(path: str) -> str:
    return path.removeprefix("landing/")


def told(lakehouse: Lakehouse) -> dict[str, Any]:
    """All that silver says, but for the batch that a record came with."""
    return {
        source: sorted(
            [tuple(row) for row in lakehouse.tables.read(f"silver.{source}__history").drop("batch").collect()], key=repr
        )
        for source in SOURCES
    }


def test_each_file_and_each_record_of_a_hostile_delivery_ends_in_one_place(lakehouse: Lakehouse) -> None:
    deliver(lakehouse, FIRST | SECOND)
    landed, cleaned = night(lakehouse)

    assert {short(file): status for file, status in rows(lakehouse, "ops.files", "source_file", "status")} == FILES
    reasons = {short(file): why for file, why in rows(lakehouse, "ops.files", "source_file", "reason")}
    assert all(bool(reasons[file]) == (status != "landed") for file, status in FILES.items())
    counts = {name: landed.total(name, "orders") for name in ("seen", "landed", "duplicate", "quarantined", "waiting")}
    assert counts == {"seen": 11, "landed": 5, "duplicate": 1, "quarantined": 4, "waiting": 1}

    for source in SOURCES:
        place = ("source_file", "source_position", "batch")
        there = rows(lakehouse, f"bronze.{source}", *place)
        kept = rows(lakehouse, f"silver.{source}__history", *place)
        refused = (
            rows(lakehouse, f"silver.{source}__quarantine", *place)
            if lakehouse.tables.exists(f"silver.{source}__quarantine") else []
        )  # fmt: skip
        assert sorted(there) == sorted([*kept, *refused])
        assert len(set(there)) == len(there) == cleaned.total("landed", source)
        parts = ("accepted", "unchanged", "superseded", "quarantined")
        twice = cleaned.total("duplicates", source) - sum(cleaned.total(p, source) for p in ("unchanged", "superseded"))
        assert cleaned.total("landed", source) == sum(cleaned.total(part, source) for part in parts) + twice

    why = {
        (short(file), line): checks
        for source in SOURCES
        for file, line, checks in rows(
            lakehouse, f"silver.{source}__quarantine", "source_file", "source_position",
            F.expr("transform(reasons, r -> concat_ws(':', r.check, r.column))"),
        )
    }  # fmt: skip
    assert why == REASONS
    raw = dict(rows(lakehouse, "silver.orders__quarantine", "source_position", "raw"))
    assert raw[3] == "7,1,1,2013-11-01 10:00"
    assert raw[10] == "13,1,1,2013-11-01 10:00,7,new,caf\\xe9,red"

    found = lakehouse.tables.read("silver.orders__history").select(
        "id", "state", F.to_date("valid_from").cast("string"), F.to_date("valid_to").cast("string"), "fate", "_flags"
    )
    assert sorted((tuple(row) for row in found.collect()), key=repr) == sorted(ORDER_FATES, key=repr)
    notes = dict(rows(lakehouse, "silver.orders__history", "id", "note"))
    assert notes[2] == "=cmd|' /C calc'!A0"
    extra = lakehouse.tables.read("bronze.orders").where("extra is not null").select("source_file", "extra").collect()
    assert {(short(row["source_file"]), *row["extra"].items()) for row in extra} == {
        ("orders/2013-11-02.csv", ("colour", "red"))
    }

    before = {name: lakehouse.tables.version(f"silver.{name}__history") for name in SOURCES}
    again = night(lakehouse)
    assert [outcome.targets for outcome in again] == [[], []]
    assert {name: lakehouse.tables.version(f"silver.{name}__history") for name in SOURCES} == before


def test_a_hostile_delivery_in_two_parts_says_the_same(lakehouse: Lakehouse, tmp_path: Path) -> None:
    deliver(lakehouse, FIRST)
    night(lakehouse)
    deliver(lakehouse, SECOND)
    night(lakehouse)
    in_parts = told(lakehouse)
    shutil.rmtree(tmp_path / "warehouse")
    for source in SOURCES:
        (Path(lakehouse.root) / "landing" / source).mkdir(parents=True)
    lakehouse.known.clear()
    deliver(lakehouse, FIRST | SECOND)
    night(lakehouse)
    assert told(lakehouse) == in_parts
