"""Faults that a process outlives: what is told, and that a rerun gives the tables of an undisturbed run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import bronze.stage
import silver.stage
from assay import tables
from assay.counted import Counted, counted
from assay.errors import TableError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.lease import _gone, _not_given_back, _seen
from assay.tables import Tables

NIGHT, NEXT = datetime(2013, 3, 2, tzinfo=UTC), datetime(2013, 3, 3, tzinfo=UTC)
MORNING = "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n"
CORRECTED = "station,hour,temp\na,1,11.5\nb,1,7\nb,2,70\nb,3\nc,1,5\n"
VOLATILE = {"landed_at", "run_id", "modified_at"}
TABLES = ("bronze.readings", "silver.readings__history", "silver.readings__quarantine", "ops.files")


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def contents(lakehouse: Lakehouse) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables but the ledger, without what tells when and by which run they were written."""
    found = {}
    for name in TABLES:
        table = lakehouse.tables.read(name)
        kept = [column for column in table.columns if column not in VOLATILE]
        found[name] = sorted((tuple(row) for row in table.select(*kept).collect()), key=repr)
    return found


def run_both(lakehouse: Lakehouse, as_of: datetime = NEXT) -> None:
    bronze.stage.run(lakehouse, as_of)
    silver.stage.run(lakehouse, as_of)


@pytest.fixture
def one_night(new_readings: Callable[[str], Readings]) -> Lakehouse:
    """One night done, and the files of the next delivered."""
    made = new_readings("one_night")
    made.deliver("2013-03-01.csv", MORNING)
    run_both(made.lakehouse, NIGHT)
    made.deliver("2013-03-02.csv", CORRECTED)
    return made.lakehouse


def copy_of(lakehouse: Lakehouse, name: str) -> Lakehouse:
    """A lakehouse just like it, in a folder of its own."""
    base = lakehouse.conf_dir.parents[1]
    shutil.copytree(base, base.parent / name, copy_function=shutil.copy2)
    return open_lakehouse(base.parent / name / lakehouse.conf_dir.relative_to(base))


WRITES = ("ops.leases", "bronze.readings", "ops.files", "ops.runs", "silver.readings__history",
          "silver.readings__quarantine", "ops.runs")  # fmt: skip


def test_a_write_whose_answer_is_lost_stops_the_stage_and_is_neither_lost_nor_doubled(
    one_night: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, disturbed = copy_of(one_night, "undisturbed"), copy_of(one_night, "disturbed")
    run_both(undisturbed)
    committed = Tables._committed
    for place, lost in enumerate(WRITES):
        lands_already = place > WRITES.index("ops.runs")  # bronze is done: what fails is silver's

        def losing(tables: Tables, name: str, before: int, given: Any, lost: str = lost) -> Any:
            found = committed(tables, name, before, given)
            if name == lost:
                raise ConnectionError("the answer was lost")
            return found

        if lands_already:
            bronze.stage.run(disturbed, NEXT)
        with monkeypatch.context() as patched:
            patched.setattr(Tables, "_committed", losing)
            with pytest.raises(TableError, match="the answer was lost"):
                (silver.stage.run if lands_already else run_both)(disturbed, NEXT)
    run_both(disturbed)
    assert contents(disturbed) == contents(undisturbed)
    assert all(_gone(row) for row in _not_given_back(_seen(disturbed).rows))


SHORT = {
    "bronze.readings": "corrupt",
    "ops.files": "sha256",
    "ops.runs": "spark_jobs",
    "silver.readings__quarantine": "raw",
}
"""Table -> a column that no table written before it has."""


def test_a_writer_that_writes_a_row_too_few_is_found_out(one_night: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    bronze_done = copy_of(one_night, "bronze_done")
    bronze.stage.run(bronze_done, NEXT)
    for table, column in SHORT.items():

        def dropping(frame: DataFrame, column: str = column) -> Counted:
            given = counted(frame)
            first_of_its_task = F.monotonically_increasing_id() % 2**33 == 0
            return replace(given, rows=given.rows.where(~first_of_its_task)) if column in frame.columns else given

        of_silver = table.startswith("silver")
        lakehouse = copy_of(bronze_done if of_silver else one_night, table)
        with monkeypatch.context() as patched:
            patched.setattr(tables, "counted", dropping)
            with pytest.raises(TableError, match=f"A write to {table} (did not hold the rows|made no new version)"):
                (silver.stage.run if of_silver else bronze.stage.run)(lakehouse, NEXT)


def test_a_merge_that_changes_a_row_too_few_is_found_out(one_night: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    merging = Tables.merging

    def fewer(tables: Tables, name: str, source: Any, condition: str) -> Any:
        return merging(tables, name, source.where("station <> 'c'"), condition)

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "merging", fewer)
        with pytest.raises(TableError, match="A write did not hold the rows that were meant") as caught:
            run_both(one_night)
    assert (caught.value.found, caught.value.expected) == ("3 rows", "4")
    run_both(one_night)
    undisturbed = [("a", 1, 10.5), ("a", 1, 11.5), ("b", 1, 7.0), ("b", 1, 7.0), ("c", 1, 5.0)]
    history = one_night.tables.read("silver.readings__history").select("station", "hour", "temp").collect()
    assert sorted(tuple(row) for row in history) == undisturbed


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of two megabytes."""
    if os.geteuid() != 0:  # in a name space of its own everybody may mount
        command = ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "pytest", "-q", request.node.nodeid]
        subprocess.run(command, check=True, cwd=request.config.rootpath)
        pytest.skip("passed in a process of its own")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_once_there_is_room_the_run_is_finished(one_night: Lakehouse, small_disk: Path) -> None:
    undisturbed = copy_of(one_night, "undisturbed")
    run_both(undisturbed)
    cramped = copy_of(one_night, "cramped")
    shutil.move(cramped.root, small_disk / "tiny")
    Path(cramped.root).symlink_to(small_disk / "tiny")
    for room in (0, 40_000, 90_000):  # for the lease, for the batch, for its files
        with (small_disk / "filler").open("wb") as filler:
            free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
            filler.write(bytes(max(0, free - room)))
        with pytest.raises(TableError, match="There is no room left to write") as caught:
            run_both(cramped)
        assert "No space left on device" in str(caught.value.found)
        (small_disk / "filler").unlink()
    run_both(cramped)
    assert contents(cramped) == contents(undisturbed)
    assert all(_gone(row) for row in _not_given_back(_seen(cramped).rows))


def forget(spark: SparkSession) -> None:
    """Another process knows nothing of what this one has read."""
    jvm: Any = spark._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "gone": lambda _: None,
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "cut at a line": lambda content: content.splitlines(keepends=True)[0],
}


def test_damage_is_told_with_the_table_and_repaired_by_a_copy(one_night: Lakehouse, spark: SparkSession) -> None:
    bronze.stage.run(one_night, NEXT)  # what silver is to read next
    folder = Path(one_night.tables.path("bronze.readings"))
    data = max(folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    log = max((folder / "_delta_log").glob("*.json"))
    for sums in (data.parent / f".{data.name}.crc", log.parent / f".{log.name}.crc", log.with_suffix(".crc")):
        sums.unlink(missing_ok=True)
    for path, damages in ((data, ("gone", "cut", "empty")), (log, tuple(DAMAGE))):
        good = path.read_bytes()
        for damage in damages:
            left = DAMAGE[damage](good)
            path.unlink()
            if left is not None:
                path.write_bytes(left)
            forget(spark)
            with pytest.raises(TableError) as caught:
                silver.stage.run(one_night, NEXT)
            told = str(caught.value)
            assert "bronze.readings" in told or str(folder) in told, damage
            assert "from a copy" in caught.value.do, (damage, told)
            assert len(told.splitlines()) <= 5, told
            path.write_bytes(good)
        forget(spark)
    silver.stage.run(one_night, NEXT)
    assert one_night.tables.read("silver.readings__history").count() == 5
