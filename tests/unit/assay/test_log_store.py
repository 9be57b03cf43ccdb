"""Of those who make the same version of a table on a local disk at once, one does."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.java import java_class

WRITERS, VERSIONS = 4, 20


@pytest.fixture
def store(spark: SparkSession) -> Any:
    return java_class(spark, "assay.LinkingLogStore")(spark.sparkContext._jsc.hadoopConfiguration())


def write(spark: SparkSession, store: Any, file: Path, lines: list[str], *, overwrite: bool = False) -> None:
    actions = java_class(spark, "java.util.ArrayList")()
    for line in lines:
        actions.add(line)
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    store.write(java_class(spark, "org.apache.hadoop.fs.Path")(str(file)), actions.iterator(), overwrite, conf)


def test_one_of_many_writers_makes_a_version_and_the_others_are_told(
    spark: SparkSession, store: Any, tmp_path: Path
) -> None:
    together, told = Barrier(WRITERS), list[bool]()

    def race(writer: int) -> list[int]:
        won = []
        for version in range(VERSIONS):
            together.wait()
            try:
                write(spark, store, tmp_path / f"{version:020}.json", [f"by {writer}", "all of it"])
                won.append(version)
            except Exception as error:  # noqa: BLE001  # whatever it is, it has to say this
                told.append("java.nio.file.FileAlreadyExistsException" in str(error))
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(race, range(WRITERS)))
    assert sorted(version for versions in won for version in versions) == list(range(VERSIONS))
    assert told == [True] * (WRITERS - 1) * VERSIONS
    for writer, versions in enumerate(won):
        for version in versions:
            assert (tmp_path / f"{version:020}.json").read_text() == f"by {writer}\nall of it\n"
    assert len(list(tmp_path.iterdir())) == VERSIONS


def test_a_file_may_be_replaced_and_its_old_checksum_goes(spark: SparkSession, store: Any, tmp_path: Path) -> None:
    file, checksum = tmp_path / "_last_checkpoint", tmp_path / "._last_checkpoint.crc"
    file.write_text("old\n")
    checksum.write_bytes(b"crc of the old one")
    write(spark, store, file, ["new"], overwrite=True)
    assert (file.read_text(), checksum.exists()) == ("new\n", False)


def test_tables_on_a_local_disk_are_written_so(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(3).write.format("delta").save(str(tmp_path / "table"))
    written = {path.name for path in (tmp_path / "table" / "_delta_log").iterdir()}
    assert written >= {"00000000000000000000.json", "00000000000000000000.crc"}
    assert ".00000000000000000000.json.crc" not in written  # Hadoop's, of Delta's own way to write
