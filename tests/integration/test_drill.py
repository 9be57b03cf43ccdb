"""`assay drill`: a fault that is planted in a copy is told as held or not, and the lakehouse itself stays as it was."""

import gzip
import hashlib
import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from pyspark.sql import SparkSession

from assay.alerts import record
from assay.catalog import ask
from assay.cli import main
from assay.copies import copy_of
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.lease import LEASES, lease
from jobs.nightly import run_night
from model.registry import CHAMPION, aliases

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
EVENING = datetime(2013, 3, 1, 23, tzinfo=UTC).timestamp()
"""When files were delivered."""
LINES = "".join(f"s{n},{n % 24},{n}.5\n" for n in range(40))
BARE = b"station\n" + b"".join(b"s%d\n" % n for n in range(40))
CONTRACT = """
description: What was measured. One row per station.
from: {files: "landing/NAME/*", format: csv}
key: [station]
"""
COLUMNS = """
columns: {station: {type: string, required: true}, hour: {type: int}, temp: {type: double}}
"""
OF_BARE = """
columns: {station: {type: string}}
history: snapshot
"""


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


def contents(lakehouse: Lakehouse) -> dict[str, str]:
    """Every file of a lakehouse, but for its leases, with its hash."""
    root = Path(lakehouse.root)
    leases = root.joinpath(*LEASES.split("."))
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_relative_to(leases)]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def drilled(lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a drill and what it told; the lakehouse is as it was."""
    before = contents(lakehouse)
    capsys.readouterr()
    code = main(["drill", *words, "--conf-dir", str(lakehouse.conf_dir), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[0])
    assert contents(lakehouse) == before
    return code, told


def rows(lakehouse: Lakehouse, query: str) -> list[list[Any]]:
    return [list(row) for row in ask(lakehouse, query).rows]


@pytest.fixture(scope="module")
def three(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """A file of text, one that is packed, and one whose lines are each a whole record; their night is complete."""
    folder = tmp_path_factory.mktemp("three")
    for name in ("env", "tiny/sources"):
        (folder / "conf" / name).mkdir(parents=True)
    (folder / "conf/env/local.yml").write_text("warehouse: warehouse\n")
    (folder / "conf/tiny/lakehouse.yml").write_text("name: tiny\ndescription: Three sources.\n")
    content = f"station,hour,temp\n{LINES}".encode()
    packed = gzip.compress(content, mtime=0)
    for name, ending, file in (("plain", "csv", content), ("packed", "csv.gz", packed), ("bare", "csv", BARE)):
        contract = CONTRACT.replace("NAME", name) + (OF_BARE if name == "bare" else COLUMNS)
        (folder / f"conf/tiny/sources/{name}.yml").write_text(contract)
        path = folder / f"warehouse/tiny/landing/{name}/2013-03-01T23-00.{ending}"
        path.parent.mkdir(parents=True)
        path.write_bytes(file)
        os.utime(path, (EVENING, EVENING))
    lakehouse = open_lakehouse(folder / "conf/tiny")
    run_night(lakehouse, NIGHT)
    return lakehouse


def test_a_file_that_is_cut_off_in_a_line_is_held_and_can_be_put_right_in_the_copy(
    three: Lakehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = drilled(three, capsys, "bad-file", "--source", "plain")
    assert (code, told["held"], told["as_of"][:10]) == (0, True, "2013-03-02")
    name = "landing/plain/2013-03-01T23-00.csv"
    assert told["planted"] == f"{name} of plain is delivered again, cut off within line 23 of 41"
    assert told["found"] == [
        "1 rows of plain are in quarantine with their reasons", "silver.plain has every record that it had",
    ]  # fmt: skip
    copy = open_lakehouse(told["conf_dir"])
    assert Path(told["page"]).is_relative_to(copy.root)
    assert rows(copy, "select raw from silver.plain__quarantine") == [["s"]]
    whole = Path(copy.landing) / name
    whole.write_text(f"station,hour,temp\n{LINES}s99,1,1.0\n")
    os.utime(whole, (EVENING + 10, EVENING + 10))
    assert main(["nightly", "--as-of", "2013-03-02", "--conf-dir", told["conf_dir"]]) == 0
    assert rows(copy, "select count(*) from silver.plain") == [[41]]


def test_a_file_that_cannot_be_unpacked_is_held_whole(three: Lakehouse, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = drilled(three, capsys, "bad-file", "--source", "packed")
    assert (code, told["held"]) == (0, True)
    assert "the file is in quarantine whole, and no row of it landed" in told["found"]


def test_half_a_snapshot_that_takes_records_away_is_told_as_harm(
    three: Lakehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = drilled(three, capsys, "bad-file", "--source", "bare")
    assert (code, told["held"]) == (11, False)
    assert told["found"] == [
        "19 records of bare are gone: its history is snapshot, and what a file no longer has is over",
        "nothing of it was noticed",
    ]


def test_a_fault_that_cannot_be_planted_says_why(
    three: Lakehouse, readings: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drill", "bad-file", "--conf-dir", str(readings.lakehouse.conf_dir)]) == 2
    assert "There is no lakehouse to copy yet." in capsys.readouterr().err
    words = ["--conf-dir", str(three.conf_dir)]
    assert main(["drill", "drift", *words]) == 2
    assert "This lakehouse has no model." in capsys.readouterr().err
    assert main(["drill", "bad-file", "--source", "plan", *words]) == 2
    assert "did you mean 'plain'?" in capsys.readouterr().err
    with lease(three, ["drill bad-file"]):
        assert main(["drill", "bad-file", *words]) == 75
    capsys.readouterr()


@pytest.mark.parametrize(
    "setting", ["mlflow: {tracking_uri: 'http://127.0.0.1:5000'}", "landing: s3a://bucket/landing"]
)
def test_a_lakehouse_that_is_elsewhere_is_not_copied(setting: str, readings: Readings, tmp_path: Path) -> None:
    env = readings.lakehouse.conf_dir.parent / "env" / "local.yml"
    env.write_text(f"warehouse: warehouse\n{setting}\n")
    Path(readings.lakehouse.root).mkdir(parents=True, exist_ok=True)
    with pytest.raises(ConfigError, match="on a disk of this machine") as raised:
        copy_of(open_lakehouse(readings.lakehouse.conf_dir), tmp_path / "copy")
    assert raised.value.where.startswith(f"{env}:2, key ")
    assert not (tmp_path / "copy").exists()


def test_an_input_that_drifts_is_noticed_and_told_to_nobody_but_the_copy(
    flights: Flights, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse, (_, last) = flights.lakehouse, flights.nights
    code, told = drilled(lakehouse, capsys, "drift", "--input", "hour")
    assert (code, told["held"]) == (0, True)
    assert told["planted"] == "hour is 10 times what it was, in all rows of gold.late_arrival_inputs"
    assert told["found"][0].startswith("hour is ")
    assert told["found"][-1] == "the policy, on the night after: not due, nothing that was watched asks for it"
    [alert] = [text for text in told["alerts"] if "drift hour" in text]
    assert alert.startswith("opened (bad): features:late_arrival: drift hour: hour is ")
    assert record.incidents(lakehouse) == {}
    copy = open_lakehouse(told["conf_dir"])
    asked = f"select round(avg(hour), 3) from gold.late_arrival_inputs where as_of = '{last:%Y-%m-%d}'"
    assert rows(copy, asked)[0][0] == pytest.approx(10 * rows(lakehouse, asked)[0][0], rel=1e-3)


def test_a_training_that_its_gates_refuse_leaves_both_lakehouses_champion(
    flights: Flights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = copy_of(flights.lakehouse, tmp_path / "strict")
    path = strict.conf_dir / "models" / "late_arrival.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"gates": {"auc": {"min": 0.99}}}))
    strict = open_lakehouse(strict.conf_dir)
    model = strict.config.models["late_arrival"]
    before = aliases(strict, model)
    code, told = drilled(strict, capsys, "gate")
    assert (code, told["held"]) == (0, True)
    assert "it did not pass auc." in told["found"][0]
    assert told["found"][-1] == f"version {before[CHAMPION]} goes on scoring"
    assert any("The gate auc of late_arrival failed" in text for text in told["alerts"])
    page = Path(told["page"]).read_text()
    assert f"did not pass auc; version {before[CHAMPION]} goes on." in page
    assert "Gates that version 2 did not pass" in page
    copy = open_lakehouse(told["conf_dir"])
    with closing(sqlite3.connect(Path(copy.root) / "mlflow" / "mlflow.db")) as database:
        places = [place for (place,) in database.execute("SELECT artifact_uri FROM runs")]
    assert len(places) == 2
    assert all(f"{copy.root}/mlflow/" in place for place in places)
    assert main(["models", "--conf-dir", told["conf_dir"]]) == 0
    assert "failed: auc" in capsys.readouterr().out


def test_gates_that_let_too_simple_a_model_pass_are_told(flights: Flights, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = drilled(flights.lakehouse, capsys, "gate")
    assert (code, told["held"]) == (11, False)
    assert told["found"][-1] == "version 2 is champion now: the gates are too wide"
    assert aliases(flights.lakehouse, flights.lakehouse.config.models["late_arrival"])[CHAMPION] == 1
