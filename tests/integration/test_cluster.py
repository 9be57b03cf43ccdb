"""Training by `spark-submit` on a Spark that is a cluster: a Standalone master and a worker on loopback, with two slots."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyspark
import pytest
import yaml
from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse, open_lakehouse
from model.trainings import TRAININGS
from tests.java import QUICK

ROOT = Path(__file__).parents[2]
SPARK = Path(pyspark.__file__).parent
SMALL = {"spark.sql.shuffle.partitions": "2", "spark.databricks.delta.snapshotPartitions": "1", "spark.ui.enabled": "false",
         "spark.driver.extraJavaOptions": QUICK, "spark.executor.extraJavaOptions": QUICK}  # fmt: skip


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster with two slots."""
    folder = tmp_path_factory.mktemp("cluster")
    port, page = _free_port(), _free_port()
    address = f"spark://127.0.0.1:{port}"
    more = {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder),
        "PYSPARK_PYTHON": sys.executable,
        "TZ": "UTC",
    }
    kinds = {
        "Master": ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)],
        "Worker": ["--host", "127.0.0.1", "--cores", "2", "--memory", "2g", "--webui-port", "0", address],
    }
    running = []
    try:
        for kind, arguments in kinds.items():
            command = [str(SPARK / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind.lower()}.{kind}", *arguments]
            with (folder / f"{kind}.log").open("w") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **more}))
        deadline = time.monotonic() + 120
        while _workers(page) != 1:
            assert time.monotonic() < deadline, (folder / "Worker.log").read_text()
            time.sleep(0.5)
        yield address
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _workers(page: int) -> int:
    """How many workers the master's page knows."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/json/", timeout=10) as answer:
            return int(json.load(answer)["aliveworkers"])
    except OSError:
        return 0


@pytest.fixture(scope="module")
def conf_dir(flights: Flights, master: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lakehouse of the flights, with an environment for the cluster."""
    folder = tmp_path_factory.mktemp("clustered")
    shutil.copytree(flights.lakehouse.conf_dir.resolve().parent, folder / "conf")
    shutil.copytree(Path(flights.lakehouse.root), folder / "warehouse" / "flights")
    environment = {"warehouse": "warehouse", "spark": {"master": master}}
    (folder / "conf" / "env" / "cluster.yml").write_text(yaml.safe_dump(environment))
    return folder / "conf" / "flights"


def train(conf_dir: Path, master: str, workers: int) -> "subprocess.CompletedProcess[str]":
    """`spark-submit jobs/train.py` on the cluster, from the root of the repository."""
    path = conf_dir / "models" / "late_arrival.yml"
    model = yaml.safe_load(path.read_text())
    model["xgboost"]["workers"] = workers
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    binaries = Path(sys.executable).parent
    settings = [word for name, value in SMALL.items() for word in ("--conf", f"{name}={value}")]
    command = [str(binaries / "spark-submit"), "--master", master, *settings, "jobs/train.py"]
    return subprocess.run(
        [*command, "--conf-dir", str(conf_dir), "--env", "cluster", "--as-of", "2013-02-14"], cwd=ROOT,
        capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip


def test_two_workers_train_together_on_a_cluster(conf_dir: Path, master: str) -> None:
    done = train(conf_dir, master, 2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 promoted, 2 version" in done.stdout
    newest = open_lakehouse(conf_dir).tables.read(TRAININGS).orderBy(F.desc("trained_at")).limit(1).collect()[0]
    assert (newest["path"], newest["fate"]) == ("spark", "champion")
    assert newest["why"].startswith("2 workers; ")
    assert newest["metrics"]["holdout"]["auc"] > 0.5
