"""SIGKILL at every write of bronze and silver, and of a training: a rerun gives the tables of an undisturbed run."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from pyspark.sql import SparkSession

import bronze.stage
import silver.stage
from assay import ledger
from assay.copies import point
from assay.dag import State
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.lease import _gone, _not_given_back, _seen
from assay.ledger import GATES
from jobs.night import steps
from jobs.train import finish_or_train
from model.registry import aliases, connect
from model.roles import PROMOTIONS
from model.trainings import TRAININGS
from model.versions import versions
from tests.faults import night
from tests.java import ENVIRONMENT
from tests.parcels import START, new_parcels, write_training

ROOT = Path(__file__).parents[2]
NIGHT, NEXT = datetime(2013, 3, 2, tzinfo=UTC), datetime(2013, 3, 3, tzinfo=UTC)
MORNING = "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n"
CORRECTED = "station,hour,temp\na,1,11.5\nb,1,7\nb,2,70\nb,3\nc,1,5\n"
VOLATILE = {"landed_at", "run_id", "modified_at", "as_of"}
TABLES = ("bronze.readings", "silver.readings__history", "silver.readings__quarantine", "ops.files")
WAS_CUT_OFF = State("would run", "the training as of 2026-03-08 was cut off")
COMMITS = 11
"""Of a night of one source: two leases taken and given back, batch, files, history, quarantine, results, two ledger rows."""


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


def told(lakehouse: Lakehouse) -> dict[tuple[str, str], float]:
    """What the ledger says was made, whatever run says it: table and key, with the rows that it has."""
    runs = lakehouse.tables.read("ops.runs").orderBy("started_at").collect()
    rows = {
        (m["target"], m["batch"]): m["value"]
        for run in runs
        for m in run["metrics"]
        if (run["stage"], m["metric"]) in (("bronze", "records"), ("silver", "landed"))
    }
    made = [(target["table"], target["key"], target["target"]) for run in runs for target in run["targets"]]
    return {(table, key): rows[target, int(key.removeprefix("batch "))] for table, key, target in made}


def undisturbed_contents(one_night: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a night that nobody kills makes: every bronze row is in exactly one of silver's history and quarantine."""
    lakehouse = cleaned(copy_of(one_night, "undisturbed"))
    place = ["source_file", "source_position", "batch"]
    landed, kept, rejected = (
        [tuple(row) for row in lakehouse.tables.read(name).select(*place).collect()] for name in TABLES[:3]
    )
    assert sorted(kept + rejected) == sorted(landed)
    assert len(set(landed)) == len(landed)
    return contents(lakehouse)


@pytest.fixture
def one_night(new_readings: Callable[[str], Readings]) -> Path:
    """The configuration of a lakehouse with one night done and the files of the next delivered."""
    made = new_readings("one_night")
    made.deliver("2013-03-01.csv", MORNING)
    bronze.stage.run(made.lakehouse, NIGHT)
    silver.stage.run(made.lakehouse, NIGHT)
    made.deliver("2013-03-02.csv", CORRECTED)
    return made.lakehouse.conf_dir


def copy_of(conf_dir: Path, name: str) -> Path:
    """A lakehouse just like it, in a folder of its own."""
    base = conf_dir.parents[1]
    shutil.copytree(base, base.parent / name)
    return base.parent / name / conf_dir.relative_to(base)


def run_and_kill(part: str, as_of: datetime, conf_dir: Path) -> list[Path]:
    """The configurations of the lakehouses that were left behind at each write."""
    command = [sys.executable, str(ROOT / "tests" / "faults" / "night.py"), part, as_of.isoformat(), str(conf_dir)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), **ENVIRONMENT}, start_new_session=True,
        check=False, capture_output=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    base = conf_dir.parents[1]
    left = sorted(base.parent.glob("*_killed_after_*"), key=lambda path: int(path.name.rpartition("_")[2]))
    return [path / conf_dir.relative_to(base) for path in left]


def cleaned(conf_dir: Path) -> Lakehouse:
    lakehouse = open_lakehouse(conf_dir)
    night.clean(lakehouse, NEXT)
    return lakehouse


def test_a_night_killed_after_any_commit_is_finished_by_the_next_run(one_night: Path) -> None:
    undisturbed = undisturbed_contents(one_night)
    killed = run_and_kill("clean", NEXT, one_night)
    assert len(killed) == COMMITS + 1
    whole = open_lakehouse(killed.pop())
    assert contents(whole) == undisturbed
    for commit, conf_dir in enumerate(killed):
        lakehouse = cleaned(conf_dir)
        assert contents(lakehouse) == undisturbed, f"killed after commit {commit}"
        assert told(lakehouse) == told(whole), f"killed after commit {commit}"
        assert all(_gone(row) for row in _not_given_back(_seen(lakehouse).rows))


def trained(lakehouse: Lakehouse) -> dict[str, Any]:
    """What is on record of a model's trainings, without what tells when and by which run; and who has which role."""
    runs = [(run["run_id"], target) for run in ledger.runs(lakehouse).collect() for target in run["targets"]]
    told = {target["version"]: run_id for run_id, target in runs if target["table"] == "models:/late"}
    trainings, gates, promotions = (
        lakehouse.tables.read(name).orderBy(*order).collect()
        for name, order in ((TRAININGS, ["version"]), (GATES, ["model_version", "gate"]), (PROMOTIONS, ["at"]))
    )
    assert [told[row["version"]] for row in trainings] == [row["run_id"] for row in trainings]
    assert [told[row["model_version"]] for row in gates] == [row["run_id"] for row in gates]
    assert [told[row["to_version"]] for row in promotions] == [row["run_id"] for row in promotions]
    late = lakehouse.config.models["late"]
    registered = versions(lakehouse, late)
    assert {connect(lakehouse).get_run(one.mlflow_run).info.status for one in registered} == {"FINISHED"}
    return {
        "trainings": [
            (row["version"], row["as_of"], row["fate"], row["trees_sha256"], row["metrics"]) for row in trainings
        ],
        "gates": [(row["model_version"], row["as_of"], row["gate"], row["value"], row["why"]) for row in gates],
        "promotions": [(row["action"], row["role"], row["from_version"], row["to_version"]) for row in promotions],
        "roles": aliases(lakehouse, late),
        "versions": [one.version for one in registered],
        "told": sorted(told),
        "pages": sorted(path.name for path in lakehouse.folder("reports").glob("late-v*")),
    }


def test_a_training_killed_after_any_write_is_finished_by_the_next_run(spark: SparkSession, tmp_path: Path) -> None:
    shop = new_parcels(tmp_path / "shop").edited("{auc: {min: 0.5}}", "{auc: {min: 0.5}, champion: {margin: 0.5}}")
    write_training(shop, START)
    night.train(shop.lakehouse, START)
    later = START + timedelta(days=7)
    write_training(shop, later, seed=2)
    killed = run_and_kill("train", later, shop.lakehouse.conf_dir)
    whole = trained(shop.lakehouse)
    assert whole["told"] == whole["versions"][::-1] == [1, 2]
    assert whole["roles"] == {"champion": 2, "previous": 1}
    cut_off = []
    for write, conf_dir in enumerate(killed):
        lakehouse = open_lakehouse(conf_dir)
        point(Path(lakehouse.root) / "mlflow" / "mlflow.db", shop.lakehouse.root, lakehouse.root)
        late = lakehouse.config.models["late"]
        if finished := steps.train_state(lakehouse, late, later) == WAS_CUT_OFF:
            (outcome,) = finish_or_train(lakehouse, late, later)  # as `assay train` does
            assert any("registered by a run that was cut off" in note for note in outcome.notes)
        else:
            night.train(lakehouse, later)
        cut_off.append(finished)
        assert trained(lakehouse) == whole, f"killed after write {write}"
    assert cut_off == [False] + [True] * 9, "all of these writes but the first are between registration and ledger"
