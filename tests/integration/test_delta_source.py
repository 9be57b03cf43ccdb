"""Another Delta table is landed by version: what was added since, once, whatever was done to the table in between."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from delta.tables import DeltaTable

import bronze.stage
import silver.stage
from assay import changes, stages
from assay.errors import AssayError, ContractError, SourceError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from bronze import delta
from bronze.seen import Seen, seen_files

CONTRACT = """
description: What a station measured. One row per station and hour.
from: {delta: landing/readings}
key: [station, hour]
columns:
  station: {type: string, required: true}
  hour: {type: int, min: 0, max: 23}
  temp: {type: double, max: 60}
"""
COLUMNS = "station string, hour int, temp double, at timestamp, tags array<string>"
AT = datetime(2013, 3, 1, 6, tzinfo=UTC)


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse


@pytest.fixture
def plant(readings: Readings) -> Lakehouse:
    """A lakehouse whose only source is a table with two rows."""
    lakehouse = with_contract(readings.lakehouse.conf_dir, CONTRACT)
    add(lakehouse, ("a", 1, 10.5), ("b", 1, 7.0))
    return lakehouse


def with_contract(conf: Path, text: str) -> Lakehouse:
    (conf / "sources" / "readings.yml").write_text(text)
    return open_lakehouse(conf)


def path_of(lakehouse: Lakehouse) -> str:
    return f"{lakehouse.landing}/landing/readings"


def add(lakehouse: Lakehouse, *rows: tuple[str, int, float | None], mode: str = "append") -> None:
    """A commit with some rows, in one file."""
    full = [(*row, AT, ["x"]) for row in rows]
    lakehouse.spark.createDataFrame(full, COLUMNS).coalesce(1).write.format("delta").mode(mode).save(path_of(lakehouse))


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()), key=repr)


def now() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def look(lakehouse: Lakehouse, seen: Mapping[str, Seen] | None = None) -> tuple[list[Any], Outcome]:
    """What a landing would find, and the run's notes."""
    outcome = Outcome("bronze", now())
    known = seen or seen_files(lakehouse)
    return delta.look(lakehouse, list(lakehouse.config.sources.values()), known, outcome).deliveries, outcome


def new_rows(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    """What a landing would bring."""
    (delivery,), _ = look(lakehouse)
    found = delta.read(lakehouse, [delivery]).select("station", "hour", "temp", "source_file", "source_position")
    return sorted(((*row[:3], row[3].partition("/part-")[0], row[4]) for row in found.collect()), key=repr)


class PowerCut(BaseException):
    """Nothing after it runs."""


def test_what_is_added_is_landed_once_by_version(plant: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    bronze.stage.run(plant, now())
    extra = {"at": "2013-03-01T06:00:00.000000Z", "tags": '["x"]'}
    assert rows(plant, "bronze.readings", "station", "hour", "temp", "extra", "batch") == [
        ("a", "1", "10.5", extra, 1), ("b", "1", "7.0", extra, 1),
    ]  # fmt: skip

    add(plant, ("c", 1, None), ("c", 1, None))
    DeltaTable.forPath(plant.spark, path_of(plant)).optimize().executeCompaction()
    add(plant, ("a", 1, 11.5))
    with monkeypatch.context() as patched:

        def cut(*_: Sequence[Any]) -> None:
            raise PowerCut

        patched.setattr(bronze.stage, "_record_files", cut)
        patched.setattr(stages, "record", lambda *_: None)
        with pytest.raises(PowerCut):
            bronze.stage.run(plant, now())
    add(plant, ("d", 1, 5.0))
    bronze.stage.run(plant, now())
    quiet = bronze.stage.run(plant, now())
    assert quiet.notes == ["readings: no new row"]

    found = rows(plant, "bronze.readings", "source_file", "source_position", "station", "temp", "batch")
    assert [(file.partition("/part-")[0], *rest) for file, *rest in found] == [
        ("landing/readings@0000000000", 1, "a", "10.5", 1),
        ("landing/readings@0000000000", 2, "b", "7.0", 1),
        ("landing/readings@0000000001", 1, "c", None, 2),
        ("landing/readings@0000000001", 2, "c", None, 2),
        ("landing/readings@0000000003", 1, "a", "11.5", 2),
        ("landing/readings@0000000004", 1, "d", "5.0", 2),
    ]
    table = changes.state_of(plant.spark, path_of(plant))
    assert table is not None
    assert rows(plant, "ops.files", "source_file", "batch", "records", "read_to") == [
        ("landing/readings", 1, 2, f'{{"table": "{table.id}", "version": 0}}'),
        ("landing/readings", 2, 4, f'{{"table": "{table.id}", "version": 4}}'),
    ]
    committed = {commit.version: commit.at for commit in changes.commits(plant.spark, path_of(plant), 9)}
    times = plant.tables.read("bronze.readings").select("source_file", "available_at").distinct().collect()
    assert {int(row[0].split("@")[1][:10]): row[1].replace(tzinfo=UTC) for row in times} == {
        version: committed[version] for version in (0, 1, 3, 4)
    }
    silver.stage.run(plant, now())
    assert rows(plant, "silver.readings__history", "station", "temp", "fate") == [
        ("a", 10.5, "version"), ("a", 11.5, "version"), ("b", 7.0, "version"), ("c", None, "duplicate"),
        ("c", None, "version"), ("d", 5.0, "version"),
    ]  # fmt: skip


def test_a_version_that_was_committed_after_the_as_of_waits(plant: Lakehouse) -> None:
    early = bronze.stage.run(plant, AT)
    assert early.notes == ["readings: no new row, version 0 was committed after the as_of"]
    numbers = {metric.metric: metric.value for metric in early.metrics}
    assert (numbers["seen"], numbers["landed"], numbers["waiting"]) == (1, 0, 1)
    assert not plant.tables.exists("ops.files")


def test_rows_that_were_removed_or_rewritten(plant: Lakehouse) -> None:
    bronze.stage.run(plant, now())
    table = DeltaTable.forPath(plant.spark, path_of(plant))
    add(plant, ("c", 1, 3.0))
    table.update("station = 'a'", {"temp": "12"})
    with pytest.raises(ContractError, match="has lost rows, or had them rewritten, and does not say which") as caught:
        look(plant)
    assert caught.value.found == "version 2: UPDATE"
    assert "sources/readings.yml:3" in caught.value.where

    compared = with_contract(
        plant.conf_dir, CONTRACT.replace("landing/readings", "landing/readings, on_changed: version")
    )
    assert new_rows(compared) == [
        ("a", "1", "12.0", "landing/readings@0000000002", 1), ("c", "1", "3.0", "landing/readings@0000000002", 2),
    ]  # fmt: skip
    outcome = bronze.stage.run(compared, now())
    note = "landing/readings: rows were removed or rewritten in version 2; what was landed of them stays"
    assert note in outcome.notes

    plant.spark.sql(f"ALTER TABLE delta.`{path_of(plant)}` SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    bronze.stage.run(plant, now())
    table.update("station = 'b'", {"temp": "8"})
    add(plant, ("d", 1, 5.0))
    table.delete("station = 'a'")
    with pytest.raises(ContractError, match="and does not say which"):
        look(plant)  # the feed was turned on after the version landed last
    bronze.stage.run(compared, now())
    table.update("station = 'b'", {"temp": "9"})
    add(plant, ("e", 1, 5.0))
    table.delete("station = 'd'")
    assert new_rows(plant) == [
        ("b", "1", "9.0", "landing/readings@0000000007", 1), ("e", "1", "5.0", "landing/readings@0000000008", 1),
    ]  # fmt: skip


def test_a_table_that_is_gone_another_or_vacuumed_is_told(plant: Lakehouse) -> None:
    bronze.stage.run(plant, now())
    add(plant, ("c", 1, 3.0))
    data = sorted(Path(path_of(plant)).glob("*.parquet"), key=lambda file: file.stat().st_mtime)
    data[-1].rename(data[-1].with_suffix(".gone"))
    with pytest.raises(SourceError, match="no longer has what was added to it"):
        bronze.stage.run(plant, now())
    shutil.rmtree(path_of(plant))
    with pytest.raises(SourceError, match="The table of source readings does not exist"):
        look(plant)
    add(plant, ("c", 1, 3.0))
    with pytest.raises(SourceError, match="The table of source readings was replaced by another") as caught:
        look(plant)
    assert "version 0" in str(caught.value.found)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("temp: {", "warmth: {", "columns station, hour, temp, at, tags"),
        ("hour: {type: int, min: 0, max: 23}", "hour: {type: date}", "hour integer"),
        ("readings}", "readings, on_new_column: fail}", "at, tags"),
    ],
)
def test_columns_are_those_of_the_contract(plant: Lakehouse, old: str, new: str, found: str) -> None:
    with pytest.raises(AssayError) as caught:
        look(
            with_contract(plant.conf_dir, CONTRACT.replace(old, new)),
            {"readings": Seen(frozenset(), frozenset(), {}, 0)},
        )
    assert isinstance(caught.value, ContractError)
    assert caught.value.found == found
