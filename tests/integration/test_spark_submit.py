"""Every file in `jobs/` runs by plain `spark-submit`, on a lakehouse of real flights; training with two workers."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest
import yaml

from assay.lakehouse import Lakehouse

ROOT = Path(__file__).parents[2]
NIGHT = ["--as-of", "2013-02-14"]
JOBS: dict[str, tuple[list[str], list[str]]] = {
    "validate": ([], ["flights", "6 sources"]),
    "schema": ([], []),
    "bronze": (NIGHT, ["bronze       2013-02-14 00:00Z  nothing to do"]),
    "silver": (NIGHT, ["silver       2013-02-14 00:00Z  nothing to do"]),
    "features": (NIGHT, ["features     2013-02-14 00:00Z  nothing to do"]),
    "backfill": (["--from", "2013-01-31", "--to", "2013-02-01"], ["features     2013-02-01 00:00Z  nothing to do"]),
    "train": (NIGHT, ["1 promoted, 2 version", "gate auc: passed"]),
    "score": ([*NIGHT, "--rewrite"], ["score        2013-02-14 00:00Z  "]),
    "nightly": (NIGHT, ["report       2013-02-14 00:00Z  "]),
    "report": (NIGHT, ["report       2013-02-14 00:00Z  "]),
    "sql": (
        ["select model_version, count(*) > 0 as many from gold.late_arrival_predictions group by 1 order by 1"],
        ["1  True"],
    ),
    "dbt": (["build"], []),
}
"""Job -> its arguments, and what it prints."""


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


@pytest.fixture(scope="module")
def conf_dir(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lakehouse, to be trained on with two workers."""
    folder = tmp_path_factory.mktemp("submitted")
    shutil.copytree(flights.lakehouse.conf_dir.resolve().parent, folder / "conf")
    shutil.copytree(flights.lakehouse.root, folder / "warehouse" / "flights")
    path = folder / "conf" / "flights" / "models" / "late_arrival.yml"
    model = yaml.safe_load(path.read_text())
    model["xgboost"]["workers"] = 2
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    return folder / "conf" / "flights"


def submit(job: str, conf_dir: Path, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """`spark-submit jobs/<job>.py` from the root of the repository."""
    binaries = Path(sys.executable).parent
    command = [str(binaries / "spark-submit"), "--master", "local[2]", f"jobs/{job}.py", "--conf-dir", str(conf_dir)]
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*command, "--env", "local", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path},
    )  # fmt: skip


def test_the_list_of_jobs_is_complete() -> None:
    assert set(JOBS) == {path.stem for path in (ROOT / "jobs").glob("*.py")} - {"__init__", "common"}


@pytest.mark.parametrize("job", [job for job in JOBS if job != "dbt"])
def test_a_job_runs_by_spark_submit(job: str, conf_dir: Path, tmp_path: Path) -> None:
    arguments, printed = JOBS[job]
    if job == "schema":
        arguments = ["--to", str(tmp_path)]
    done = submit(job, conf_dir, arguments)
    assert done.returncode == 0, done.stderr
    assert [text for text in printed if text not in done.stdout] == [], done.stdout
    if job == "schema":
        assert (tmp_path / "source.json").exists()


def test_an_error_of_a_submitted_job_is_told_on_a_few_lines_with_its_exit_code(conf_dir: Path) -> None:
    done = submit("dbt", conf_dir, JOBS["dbt"][0])
    assert done.returncode == 2
    told = done.stdout + done.stderr  # spark-submit sends a program's errors to its standard output
    assert "assay: This lakehouse names no dbt project." in told
    assert "Traceback" not in told
