"""Quarantine that one can work with: look at it, take in what passes now, and hand it on as CSV."""

import csv
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import bronze.stage
import silver.replay
import silver.stage
from assay import stages
from assay.cli import main
from assay.config.version import contract_version
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from silver.history import history_of

NIGHT = datetime(2013, 3, 3, tzinfo=UTC)
LATER = datetime(2013, 3, 5, tzinfo=UTC)
FIRST = "station,hour,temp\na,1,10\na,2,99\n=b,1,-x\nc,1\n"
SECOND = "station,hour,temp\na,2,11\nd,1,70\n"
LEFT_OUT = "contract_temp, which is left out: (`temp` <= 10.0D) IS NOT FALSE"
PLACE = ("source_file", "source_position", "batch")


READINGS = """
description: What a station measured. One row per station and hour.
from: {files: "landing/readings/*", available: file_name, format: csv}
key: [station, hour]
columns:
  station: {type: string, required: true}
  hour: {type: int, min: 0, max: 23}
  temp: {type: double, max: 60}
"""


class PowerCut(BaseException):
    """Nothing after it runs."""


@pytest.fixture(scope="module")
def two_nights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse of readings with two batches, which every test copies."""
    folder = tmp_path_factory.mktemp("readings")
    (folder / "conf" / "env").mkdir(parents=True)
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (folder / "conf" / "tiny" / "sources").mkdir(parents=True)
    (folder / "conf" / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: One source.\n")
    (folder / "conf" / "tiny" / "sources" / "readings.yml").write_text(READINGS)
    clean(open_lakehouse(folder / "conf" / "tiny"))
    return folder


@pytest.fixture
def lakehouse(two_nights: Path, tmp_path: Path) -> Lakehouse:
    """A copy of it."""
    shutil.copytree(two_nights, tmp_path / "copy")
    return open_lakehouse(tmp_path / "copy" / "conf" / "tiny")


def clean(lakehouse: Lakehouse) -> None:
    """Two batches through bronze and silver."""
    landing = Path(lakehouse.root) / "landing" / "readings"
    landing.mkdir(parents=True, exist_ok=True)
    for name, content in (("2013-03-01T00-00.csv", FIRST), ("2013-03-02T00-00.csv", SECOND)):
        (landing / name).write_text(content)
        bronze.stage.run(lakehouse, NIGHT)
    silver.stage.run(lakehouse, NIGHT)


def with_contract(lakehouse: Lakehouse, old: str, new: str) -> Lakehouse:
    """The lakehouse after its contract was edited."""
    path = lakehouse.conf_dir / "sources" / "readings.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return open_lakehouse(lakehouse.conf_dir)


def rows(lakehouse: Lakehouse, table: str, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    found = lakehouse.tables.read(f"silver.readings__{table}").where(where).select(*columns).collect()
    return sorted((tuple(row) for row in found), key=repr)


def history(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return rows(lakehouse, "history", *lakehouse.tables.read("silver.readings__history").columns)


def in_quarantine(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return rows(lakehouse, "quarantine", "batch", "source_position", "reasons.check", where="replayed_at is null")


def account(outcome: Outcome) -> dict[tuple[int | None, str], float]:
    names = ("landed", "accepted", "duplicates", "quarantined", "replayed")
    return {(each.batch, each.metric): each.value for each in outcome.metrics if each.metric in names}


def test_a_row_in_quarantine_says_all_that_is_known_of_it(lakehouse: Lakehouse) -> None:
    at = datetime(2013, 3, 1)  # noqa: DTZ001  # as Spark gives it: UTC
    version = contract_version(lakehouse.config.sources["readings"], "UTC")
    name = "landing/readings/2013-03-01T00-00.csv"
    told = (name, 1, at, NIGHT.replace(tzinfo=None), version, None, None)
    columns = (
        "raw", "source_position", "reasons", "source_file", "batch", "available_at", "as_of", "contract", "replayed_at",
        "replayed_by",
    )  # fmt: skip
    assert rows(lakehouse, "quarantine", *columns, where="batch = 1") == [
        ("c,1", 5, [("record", None, None, "2 fields where the header has 3", "quarantine")], *told),
        ('{"station":"=b","hour":"1","temp":"-x"}', 4,
         [("type", "temp", "-x", "is not of type double", "quarantine")], *told),
        ('{"station":"a","hour":"2","temp":"99"}', 3, [("max", "temp", "99", "is above 60", "quarantine")], *told),
    ]  # fmt: skip
    labels = lakehouse.tables.read("ops.runs").select(F.inline("metrics")).where("metric = 'contract'")
    assert sorted(tuple(row) for row in labels.select("batch", "label", "value").collect()) == [
        (1, version, 1.0), (2, version, 1.0),
    ]  # fmt: skip


def test_a_replay_gives_the_silver_that_the_mended_contract_would_have_given(
    lakehouse: Lakehouse, two_nights: Path, tmp_path: Path
) -> None:
    shutil.copytree(two_nights / "conf", tmp_path / "right" / "conf")
    right = with_contract(open_lakehouse(tmp_path / "right" / "conf" / "tiny"), "max: 60", "max: 100")
    clean(right)
    lakehouse = with_contract(lakehouse, "max: 60", "max: 100")
    outcome = silver.replay.replay(lakehouse, "readings", LATER)
    assert history(lakehouse) == history(right)
    assert in_quarantine(lakehouse) == in_quarantine(right) == [(1, 4, ["type"]), (1, 5, ["record"])]
    assert rows(lakehouse, "history", "temp", "valid_from", "batch", where="station = 'a' and hour = 2") == [
        (11.0, datetime(2013, 3, 2), 2), (99.0, datetime(2013, 3, 1), 1),  # noqa: DTZ001
    ]  # fmt: skip
    assert account(outcome) == {
        (1, "landed"): 4, (1, "accepted"): 2, (1, "duplicates"): 0, (1, "quarantined"): 2, (1, "replayed"): 1,
        (2, "landed"): 2, (2, "accepted"): 2, (2, "duplicates"): 0, (2, "quarantined"): 0, (2, "replayed"): 1,
    }  # fmt: skip
    assert outcome.notes == [
        "readings, batch 1: 1 rows taken in, 2 stay", "readings, batch 2: 1 rows taken in, 0 stay"
    ]  # fmt: skip
    assert rows(lakehouse, "quarantine", "raw", "replayed_by", where="replayed_at is not null") == [
        ('{"station":"a","hour":"2","temp":"99"}', outcome.run_id),
        ('{"station":"d","hour":"1","temp":"70"}', outcome.run_id),
    ]
    before = history(lakehouse), rows(lakehouse, "quarantine", "raw", "replayed_at", "replayed_by", "reasons")
    again = silver.replay.replay(lakehouse, "readings", LATER)
    assert again.notes == ["readings, batch 1: 0 rows taken in, 2 stay"]
    assert before == (history(lakehouse), rows(lakehouse, "quarantine", "raw", "replayed_at", "replayed_by", "reasons"))
    night_after = silver.stage.run(lakehouse, LATER)
    assert (night_after.targets, before[0]) == ([], history(lakehouse))
    stricter = with_contract(lakehouse, "max: 100", "max: 10")
    outcome = silver.replay.replay(stricter, "readings", LATER, batch=1)
    assert outcome.notes == [
        f"{history_of('readings')}: 2 rows of before break the constraint {LEFT_OUT}",
        "readings, batch 1: 0 rows taken in, 2 stay, 1 that were accepted are rejected by the contract as it is now",
    ]
    assert in_quarantine(stricter) == [(1, 3, ["max"]), (1, 4, ["type"]), (1, 5, ["record"])]
    everywhere = [row[:3] for row in [*rows(stricter, "history", *PLACE), *rows(
        stricter, "quarantine", *PLACE, where="replayed_at is null")]]  # fmt: skip
    assert len(everywhere) == len(set(everywhere)) == 6


def test_a_replay_takes_the_batches_it_is_told_to(lakehouse: Lakehouse) -> None:
    lakehouse = with_contract(lakehouse, "max: 60", "max: 100")
    outcome = silver.replay.replay(lakehouse, "readings", LATER, check="max:temp", batch=2)
    assert outcome.notes == ["readings, batch 2: 1 rows taken in, 0 stay"]
    assert in_quarantine(lakehouse) == [(1, 3, ["max"]), (1, 4, ["type"]), (1, 5, ["record"])]
    assert silver.replay.replay(lakehouse, "readings", LATER, check="min").notes == [
        "readings: no such row in quarantine"
    ]


def test_a_replay_that_dies_between_its_writes_is_done_again(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbed = with_contract(lakehouse, "max: 60", "max: 100")
    shutil.copytree(tmp_path / "copy", tmp_path / "undisturbed")
    undisturbed = open_lakehouse(tmp_path / "undisturbed" / "conf" / "tiny")

    def cut(*_: Sequence[Any], **__: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(silver.stage, "write_quarantine", cut)
        patched.setattr(stages, "record", lambda *_: None)  # a dead process writes no ledger either
        with pytest.raises(PowerCut):
            silver.replay.replay(disturbed, "readings", LATER)
    assert len(history(disturbed)) == 3
    assert silver.stage.run(disturbed, LATER).targets == []
    for each in (disturbed, undisturbed):
        silver.replay.replay(each, "readings", LATER)
    assert history(disturbed) == history(undisturbed)
    assert len(history(disturbed)) == 4
    columns = ("raw", "reasons", "as_of", "contract", "batch", "source_position")
    for where in ("replayed_at is null", "replayed_at is not null"):
        told = [rows(each, "quarantine", *columns, where=where) for each in (disturbed, undisturbed)]
        assert told[0] == told[1]
        assert len(told[0]) == 2


def test_a_quarantine_of_before_is_read_and_gains_its_columns(lakehouse: Lakehouse) -> None:
    table = "silver.readings__quarantine"
    old = lakehouse.tables.read(table).drop("contract", "replayed_at", "replayed_by")
    old = old.withColumn(
        "reasons", F.expr("transform(reasons, r -> struct(r.check, r.column, r.value, r.message))")
    )  # fmt: skip
    writer = old.write.format("delta").mode("overwrite").option("overwriteSchema", "true").partitionBy("batch")
    writer.save(lakehouse.tables.path(table))
    lakehouse = with_contract(lakehouse, "max: 60", "max: 100")
    silver.replay.replay(lakehouse, "readings", LATER, batch=2)
    told = rows(lakehouse, "quarantine", "batch", "reasons.severity", "contract", "replayed_at")
    assert [(row[0], row[1], row[2], row[3] is None) for row in told] == [(1, [None], None, True)] * 3 + [
        (2, [None], None, False)
    ]


def test_the_commands_answer(
    lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str], tmp_path: Path, empty_catalog: None
) -> None:
    conf = ["--conf-dir", str(lakehouse.conf_dir)]

    def ask(*words: str) -> str:
        assert main([*words, *conf]) == 0
        return capsys.readouterr().out

    assert ask("quarantine", "ls", "--source", "readings").splitlines() == [
        "source    batch  reason     rows  example                          as_of",
        "--------  -----  ---------  ----  -------------------------------  --------------------",
        "readings      1  max:temp      1  99                               2013-03-03T00:00:00Z",
        "readings      1  record        1  2 fields where the header has 3  2013-03-03T00:00:00Z",
        "readings      1  type:temp     1  -x                               2013-03-03T00:00:00Z",
        "readings      2  max:temp      1  70                               2013-03-03T00:00:00Z",
        "A row with several reasons counts under each of them.",
    ]
    assert json.loads(ask("quarantine", "ls", "--json"))["quarantine"][0]["reason"] == "max:temp"
    shown = ask("quarantine", "show", "readings", "--check", "type:temp").splitlines()
    assert shown[0].startswith(
        "landing/readings/2013-03-01T00-00.csv:4  batch 1, as of 2013-03-03T00:00:00Z, contract "
    )
    assert shown[1:] == [
        "    type:temp: '-x' is not of type double", '    \'{"station":"=b","hour":"1","temp":"-x"}\'', "1 rows",
    ]  # fmt: skip
    told = json.loads(ask("quarantine", "show", "readings", "--limit", "2", "--json"))
    assert ([row["source_position"] for row in told["rows"]], told["more"]) == ([3, 4], True)
    file = tmp_path / "refused.csv"
    assert ask("quarantine", "export", "readings", "--batch", "1", "--to", str(file)) == f"3 rows: {file}\n"
    with file.open(newline="") as lines:
        refused = list(csv.DictReader(lines))
    assert [(row["source_position"], row["checks"], row["raw"]) for row in refused] == [
        ("3", "max:temp", '{"station":"a","hour":"2","temp":"99"}'),
        ("4", "type:temp", '{"station":"=b","hour":"1","temp":"-x"}'),
        ("5", "record", "c,1"),
    ]
    query = "select raw:station, raw:temp from silver.readings__quarantine where raw like '{%b%'"
    query = query.replace("raw:station", "get_json_object(raw, '$.station') as station")
    query = query.replace("raw:temp", "get_json_object(raw, '$.temp') as temp")
    ask("sql", query, "--output", str(file))
    assert file.read_text().splitlines() == ["station,temp", "'=b,'-x"]
    path = lakehouse.conf_dir / "sources" / "readings.yml"
    path.write_text(path.read_text().replace("max: 60", "max: 100"))
    replayed = ask("quarantine", "replay", "readings", "--as-of", "2013-03-05").splitlines()
    assert replayed[0].startswith("replay       2013-03-05 00:00Z  2 replayed, 2 quarantined ")
    assert replayed[1:] == [
        "    readings, batch 1: 1 rows taken in, 2 stay", "    readings, batch 2: 1 rows taken in, 0 stay"
    ]  # fmt: skip
    assert json.loads(ask("quarantine", "ls", "--json"))["quarantine"][0]["reason"] == "record"
    for words, code in (
        (["replay", "readings"], 2),
        (["show", "reading"], 2),
        (["show"], 2),
        (["export", "readings"], 2),
    ):
        assert main(["quarantine", *words, *conf]) == code
    capsys.readouterr()
