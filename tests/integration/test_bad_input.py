"""Bad files, crashes and rivals: each has its clear error, or its place in a table, and nothing is lost or doubled."""

import gzip
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest
from pyspark.sql import functions as F
from pyspark.sql import types as T

import bronze.stage
import silver.stage
from assay import lease, stages
from assay.errors import BusyError, ContractError, SourceError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.tables import Commit, Tables
from silver import expectations
from tests.leases import held

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
NEXT = datetime(2013, 3, 3, tzinfo=UTC)
MORNING = "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n"
CORRECTED = "station,hour,temp\na,1,11.5\nb,1,7\nb,2,70\n"


class Readings(Protocol):
    """What the fixtures give."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a table, in order."""
    return sorted((tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()), key=repr)


def run_both(lakehouse: Lakehouse, as_of: datetime = NIGHT) -> None:
    bronze.stage.run(lakehouse, as_of)
    silver.stage.run(lakehouse, as_of)


def metrics(lakehouse: Lakehouse, stage: str) -> dict[str, float]:
    """The unlabelled numbers of the only run of a stage."""
    found = lakehouse.tables.read("ops.runs").where(F.col("stage") == stage).select(F.inline("metrics")).collect()
    return {row["metric"]: row["value"] for row in found if not row["label"]}


def test_a_renamed_column_stops_bronze_with_the_column_and_the_nearest_name(readings: Readings) -> None:
    readings.deliver("2013-03-01.csv", "station,hour,temp_c\na,1,10\n")
    with pytest.raises(ContractError) as caught:
        bronze.stage.run(readings.lakehouse, NIGHT)
    assert caught.value.where.startswith("landing/readings/2013-03-01.csv against ")
    assert "sources/readings.yml" in caught.value.where
    assert caught.value.found == "columns station, hour, temp_c"
    assert caught.value.expected == "also temp (did you mean 'temp_c'?)"
    assert rows(readings.lakehouse, "ops.runs", "stage", "status") == [("bronze", "failed")]
    assert not readings.lakehouse.tables.exists("bronze.readings")


def test_a_missing_landing_folder_is_named(readings: Readings) -> None:
    with pytest.raises(SourceError, match="landing folder does not exist") as caught:
        bronze.stage.run(readings.lakehouse, NIGHT)
    assert caught.value.where == f"{readings.lakehouse.root}/landing/readings"


def test_a_truncated_gzip_is_quarantined_whole(readings: Readings) -> None:
    packed = gzip.compress(("station,hour,temp\n" + "".join(f"s{n},{n % 24},{n / 7}\n" for n in range(999))).encode())
    readings.deliver("2013-03-01.csv.gz", packed[: len(packed) // 2])
    outcome = bronze.stage.run(readings.lakehouse, NIGHT)
    assert rows(readings.lakehouse, "ops.files", "source_file", "status", "batch", "records") == [
        ("landing/readings/2013-03-01.csv.gz", "quarantined", None, 0)
    ]
    assert not readings.lakehouse.tables.exists("bronze.readings")
    assert [note for note in outcome.notes if "2013-03-01.csv.gz: quarantined" in note]


def test_a_corrupt_line_is_kept_in_bronze_and_quarantined_by_silver(readings: Readings) -> None:
    readings.deliver("2013-03-01.csv", "station,hour,temp\na,1,10\nb,2\nc,3,9\n")
    run_both(readings.lakehouse)
    why = "2 fields where the header has 3"
    assert rows(readings.lakehouse, "bronze.readings", "source_position", "station", "corrupt", "raw") == [
        (2, "a", None, None), (3, None, why, "b,2"), (4, "c", None, None)
    ]  # fmt: skip
    assert rows(readings.lakehouse, "silver.readings__quarantine", "source_position", "raw", "reasons.message") == [
        (3, "b,2", [why])
    ]
    assert rows(readings.lakehouse, "silver.readings__history", "station", "hour", "temp") == [
        ("a", 1, 10.0), ("c", 3, 9.0)
    ]  # fmt: skip


def test_an_empty_day_is_done_without_rows(readings: Readings) -> None:
    readings.deliver("2013-03-01.csv", "station,hour,temp\n")
    run_both(readings.lakehouse)
    assert rows(readings.lakehouse, "ops.runs", "stage", "status") == [("bronze", "done"), ("silver", "done")]
    assert rows(readings.lakehouse, "ops.files", "status", "records", "batch") == [("landed", 0, 1)]
    none = dict.fromkeys(("landed", "accepted", "quarantined", "duplicates", "unchanged", "superseded", "flagged"), 0)
    assert metrics(readings.lakehouse, "silver") == none
    assert rows(readings.lakehouse, "silver.readings__history", "station") == []


def test_the_same_file_under_another_name_is_a_duplicate(readings: Readings) -> None:
    readings.deliver("2013-03-01.csv", MORNING)
    bronze.stage.run(readings.lakehouse, NIGHT)
    readings.deliver("2013-03-02.csv", MORNING)
    bronze.stage.run(readings.lakehouse, NEXT)
    assert rows(readings.lakehouse, "ops.files", "source_file", "status", "batch") == [
        ("landing/readings/2013-03-01.csv", "landed", 1),
        ("landing/readings/2013-03-02.csv", "duplicate", None),
    ]
    assert len(rows(readings.lakehouse, "bronze.readings", "station")) == 3


def with_contract(readings: Readings, old: str, new: str) -> Lakehouse:
    """The same lakehouse after its contract was edited."""
    path = readings.lakehouse.conf_dir / "sources" / "readings.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return open_lakehouse(readings.lakehouse.conf_dir)


def test_a_batch_that_breaks_its_contract_stops_before_silver_and_is_cleaned_once_the_contract_lets_it(
    readings: Readings,
) -> None:
    readings.deliver("2013-03-01.csv", MORNING)
    strict = with_contract(readings, "max: 60}", "max: 60, on_fail: {at_most: 10%}}")
    with pytest.raises(
        ContractError, match="Batch 1 of source readings breaks its contract: temp is above 60"
    ) as caught:
        run_both(strict)
    assert caught.value.found == "1 of 3 rows (33.33%), such as '99'"
    assert f"{strict.conf_dir}/sources/readings.yml:" in caught.value.where
    assert "columns.temp.on_fail" in caught.value.where
    assert not strict.tables.exists("silver.readings__history")
    assert not strict.tables.exists("silver.readings__quarantine")
    lenient = with_contract(readings, "{at_most: 10%}}", "flag}\nchecks:\n  cold: temp < 12")
    run_both(lenient)
    assert rows(lenient, "silver.readings__history", "station", "temp", "_flags") == [
        ("a", 10.5, None),
        ("b", 7.0, None),
    ]
    readings.deliver("2013-03-02.csv", "station,hour,temp\nc,1,\n")
    later = with_contract(readings, "temp < 12", "{holds: temp < 5, on_fail: flag}")
    readings.deliver("2013-03-02b.csv", "station,hour,temp\nd,1,70\n")
    run_both(later, NEXT)
    assert rows(later, "silver.readings__history", "station", "temp", "_flags")[2:] == [
        ("c", None, None), ("d", 70.0, ["max:temp", "cold"]),
    ]  # fmt: skip
    labels = (
        later.tables.read("ops.runs")
        .select(F.inline("metrics"))
        .where("label <> '' and metric <> 'contract'")
        .select("metric", "label")
    )
    assert sorted(tuple(row) for row in labels.collect()) == [
        ("flagged", "cold"), ("flagged", "max:temp"), ("flagged", "max:temp"), ("rejected", "cold"), ("stopped", "max:temp"),
    ]  # fmt: skip


def hold(lakehouse: Lakehouse, stage: str, pid: int) -> None:
    """Another process takes the lease of a stage."""
    schema = "stage string, holder string, host string, pid bigint, taken_at timestamp"
    row = (stage, "another", socket.gethostname(), pid, datetime.now(UTC))
    lakehouse.tables.create(lease.LEASES, T.StructType.fromDDL(schema), partition_by=["holder"])
    frame = lakehouse.spark.createDataFrame([row], schema)
    lakehouse.tables.append(lease.LEASES, frame)


def just_before_the_commit(monkeypatch: pytest.MonkeyPatch, another_acts: Callable[[], None]) -> None:
    """Something happens between the look at the leases and the attempt to take some; only the first time."""
    append = Tables.append

    def overtaken(tables: Tables, *given: Any, **named: Any) -> Commit:
        monkeypatch.setattr(Tables, "append", append)
        another_acts()
        return append(tables, *given, **named)

    monkeypatch.setattr(Tables, "append", overtaken)


def test_two_runs_at_once_one_stops(readings: Readings) -> None:
    readings.deliver("2013-03-01.csv", MORNING)
    hold(readings.lakehouse, "bronze", os.getppid())
    with pytest.raises(BusyError, match=f"process {os.getppid()} on "):
        bronze.stage.run(readings.lakehouse, NIGHT)
    assert not readings.lakehouse.tables.exists("bronze.readings")
    assert held(readings.lakehouse) == [("bronze", "another")]


def test_the_lease_of_a_dead_process_is_taken_over_and_given_back(readings: Readings) -> None:
    readings.deliver("2013-03-01.csv", MORNING)
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    hold(readings.lakehouse, "bronze", dead.pid)
    assert bronze.stage.run(readings.lakehouse, NIGHT).status == "done"
    assert held(readings.lakehouse) == [("bronze", "another")]  # dead, and in nobody's way


def test_rows_of_those_that_hold_nothing_are_cleared_away_now_and_then(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(readings.lakehouse, "train", os.getppid())
    monkeypatch.setattr(lease, "_MOST_SPENT", 2)
    for _ in range(4):
        with lease.lease(readings.lakehouse, ["bronze"]):
            pass
    assert held(readings.lakehouse) == [("train", "another")]
    assert len(rows(readings.lakehouse, lease.LEASES, "holder")) == 1 + 2  # of who holds one, and of the fourth


def test_of_two_that_take_a_lease_one_after_a_third_gave_it_back_the_first_gets_it(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakehouse = readings.lakehouse
    with lease.lease(lakehouse, ["silver"]):
        pass

    def give_back_and_take() -> None:
        other = open_lakehouse(lakehouse.conf_dir)
        with lease.lease(other, ["silver"]):
            pass
        hold(lakehouse, "bronze", os.getppid())

    just_before_the_commit(monkeypatch, give_back_and_take)
    with pytest.raises(BusyError, match=f"process {os.getppid()} on "), lease.lease(lakehouse, ["bronze"]):
        pass
    assert held(lakehouse) == [("bronze", "another")]


def test_of_two_that_take_a_lease_at_the_same_moment_one_gets_it(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    just_before_the_commit(monkeypatch, lambda: hold(readings.lakehouse, "bronze", os.getppid()))
    with pytest.raises(BusyError, match=f"process {os.getppid()} on "):
        bronze.stage.run(readings.lakehouse, NIGHT)
    assert held(readings.lakehouse) == [("bronze", "another")]


def test_a_lease_of_other_stages_is_no_hindrance(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    readings.deliver("2013-03-01.csv", MORNING)
    just_before_the_commit(monkeypatch, lambda: hold(readings.lakehouse, "train", os.getppid()))
    assert bronze.stage.run(readings.lakehouse, NIGHT).status == "done"
    assert held(readings.lakehouse) == [("train", "another")]


class PowerCut(BaseException):
    """Nothing after it runs."""


def contents(lakehouse: Lakehouse) -> dict[str, list[tuple[Any, ...]]]:
    """All tables but the ledger's, without the columns that tell when and by which run a row was written."""
    told = ("landed_at", "run_id", "modified_at")
    names = ["bronze.readings", "silver.readings__history", "silver.readings__quarantine", "ops.files"]
    columns = {name: [c for c in lakehouse.tables.read(name).columns if c not in told] for name in names}
    return {name: rows(lakehouse, name, *columns[name]) for name in names}


CRASHES = (
    (bronze.stage, "_record_files"),  # the batch is written, its files are not recorded
    (silver.stage, "write_quarantine"),  # the history is written, the quarantine is not
    (expectations, "publish"),  # all tables are written, the results are not published
)


def test_a_crash_in_each_place_then_a_rerun_gives_the_tables_of_an_undisturbed_run(
    new_readings: Callable[[str], Readings], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, disturbed = new_readings("undisturbed"), new_readings("disturbed")
    for made in (undisturbed, disturbed):
        made.deliver("2013-03-01.csv", MORNING)
        run_both(made.lakehouse)
        made.deliver("2013-03-02.csv", CORRECTED)
    run_both(undisturbed.lakehouse, NEXT)

    def cut(*_: Sequence[Any]) -> None:
        raise PowerCut

    for module, function in CRASHES:
        with monkeypatch.context() as patched:
            patched.setattr(module, function, cut)
            patched.setattr(stages, "record", lambda *_: None)  # a dead process writes no ledger either
            with pytest.raises(PowerCut):
                run_both(disturbed.lakehouse, NEXT)
    run_both(disturbed.lakehouse, NEXT)
    assert contents(disturbed.lakehouse) == contents(undisturbed.lakehouse)
    assert rows(disturbed.lakehouse, "silver.readings__history", "station", "temp", "fate", "batch") == [
        ("a", 10.5, "version", 1), ("a", 11.5, "version", 2), ("b", 7.0, "unchanged", 2), ("b", 7.0, "version", 1)
    ]  # fmt: skip


def test_what_a_dead_run_closed_is_open_again_when_the_contract_now_rejects_the_record(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings.deliver("2013-03-01.csv", MORNING)
    run_both(readings.lakehouse)
    readings.deliver("2013-03-02.csv", "station,hour,temp\na,1,55\n")
    with monkeypatch.context() as patched:

        def cut(*_: Sequence[Any]) -> None:
            raise PowerCut

        patched.setattr(expectations, "publish", cut)
        patched.setattr(stages, "record", lambda *_: None)
        with pytest.raises(PowerCut):
            run_both(readings.lakehouse, NEXT)
    stricter = with_contract(readings, "max: 60}", "max: 50}")
    run_both(stricter, NEXT)
    assert rows(stricter, "silver.readings__history", "station", "temp", "valid_to", "batch") == [
        ("a", 10.5, None, 1), ("b", 7.0, None, 1),
    ]  # fmt: skip
    assert rows(stricter, "silver.readings__quarantine", "batch") == [(1,), (2,)]
