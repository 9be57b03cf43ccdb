"""Every job runs, on a lakehouse of real flights; the whole night by plain `spark-submit`, and a question."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.utils import get_active_spark_context

from assay import session
from assay.cli import main
from assay.config import Environment
from assay.lakehouse import Lakehouse
from tests.java import ENVIRONMENT

ROOT = Path(__file__).parents[2]
NIGHT = ["--as-of", "2013-02-14"]
JOBS: dict[str, tuple[list[str], list[str]]] = {
    "validate": ([], ["flights", "6 sources"]),
    "schema": (["--to", "{folder}"], ["source.json"]),
    "contract": (["docs", "--to", "{folder}/dictionary.md"], ["dictionary.md"]),
    "quarantine": (["ls"], ["max:wind_speed"]),
    "catalog": ([], ["tail_delays: one row per"]),
    "audit": (["replay", *NIGHT], ["audit_replay 2013-02-14 00:00Z  2 nights", " 0 differing"]),
    "bronze": (NIGHT, ["bronze       2013-02-14 00:00Z  nothing to do"]),
    "silver": (NIGHT, ["silver       2013-02-14 00:00Z  nothing to do"]),
    "features": (NIGHT, ["features     2013-02-14 00:00Z  nothing to do"]),
    "plan": (NIGHT, ["skip 2013-02-14: complete", "2013-02-14: nothing to compute"]),
    "backfill": (["--from", "2013-01-31", "--to", "2013-02-01"], ["features     2013-02-01 00:00Z  nothing to do"]),
    "train": (NIGHT, ["1 promoted, 2 version", "at least 0.01  passed"]),
    "score": ([*NIGHT, "--rewrite"], ["score        2013-02-14 00:00Z  "]),
    "nightly": (NIGHT, ["report       2013-02-14 00:00Z  "]),
    "watch": (NIGHT, ["watch        2013-02-14 00:00Z  ", "features:late_arrival"]),
    "report": (NIGHT, ["report       2013-02-14 00:00Z  "]),
    "models": ([], ["late_arrival: ", "champion"]),
    "status": ([], ["Nothing is running.", "The last complete night is 2013-02-14 00:00 UTC."]),
    "runs": (["--stage", "train"], ["2013-02-13", "done"]),
    "trace": (["gold.late_arrival_predictions", *NIGHT], ["by score of 2013-02-14", "models:/late_arrival version "]),
    "completion": (["bash"], ["complete -o default -F _assay assay"]),
    "doctor": ([], ["ok    java ", "ok    mlflow "]),
    "sql": (
        ["select model_version, count(*) > 0 as many from gold.late_arrival_predictions group by 1 order by 1"],
        ["1  true"],
    ),
}
"""Job -> its arguments, and what it prints; whatever ran before."""
BEGIN = """
import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt
"""
END = """

if __name__ == "__main__":
    raise SystemExit(run(main))
"""
SUBMITTED = ("nightly", "sql")
"""Those that are given to `spark-submit`, as training is on a cluster (`test_cluster.py`). The others begin alike
(`test_every_job_begins_and_ends_alike`), and are called."""
REFUSED: dict[str, tuple[list[str], str]] = {
    "init": (["flights", "--from", "."], "assay: There is a configuration of this name."),
    "maintain": (["--retain", "6d"], "assay: Versions that are so young may still be read, or written."),
    "dbt": (["build"], "assay: This lakehouse names no dbt project."),
    "alerts": (NIGHT, "assay: This environment names no channel."),
    "metrics": (NIGHT, "assay: This environment names no file for metrics."),
    "sql_server": ([], "assay: This environment names no user of the SQL server."),
    "explain": (["late_arival", "UA", *NIGHT], "assay: There is no model late_arival."),
    "accept": (["weather", "1", "--why", "a storm"], "assay: Batch 1 of source weather is not waiting to be cleaned."),
    "reject": (["weather", "1", "--why", "wrong"], "assay: Batch 1 of source weather is not waiting to be cleaned."),
    "promote": (["late_arival", "--why", "better"], "did you mean 'late_arrival'?"),
    "rollback": (["late_arrival", "--why", " "], "assay: Roles change for a reason."),
    "drill": (["gate", "--model", "late_arival"], "assay: There is no model late_arival."),
    "compare": (["late_arival"], "assay: There is no model late_arival."),
}
"""Job -> arguments that it cannot use, and what it says."""


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


@pytest.fixture(scope="module")
def conf_dir(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lakehouse."""
    folder = tmp_path_factory.mktemp("submitted")
    shutil.copytree(flights.lakehouse.conf_dir.resolve().parent, folder / "conf")
    shutil.copytree(flights.lakehouse.root, folder / "warehouse" / "flights")
    return folder / "conf" / "flights"


def submit(job: str, conf_dir: Path, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """`spark-submit jobs/<job>.py` from the root of the repository."""
    binaries = Path(sys.executable).parent
    command = [str(binaries / "spark-submit"), "--master", "local[2]", f"jobs/{job}.py", "--conf-dir", str(conf_dir)]
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*command, "--env", "local", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, **ENVIRONMENT},
    )  # fmt: skip


def test_the_list_of_jobs_is_complete() -> None:
    assert {*JOBS, *REFUSED} == {path.stem for path in (ROOT / "jobs").glob("*.py")} - {"__init__", "common"}


@pytest.mark.parametrize("job", SUBMITTED)
def test_a_job_runs_by_spark_submit(job: str, conf_dir: Path) -> None:
    arguments, printed = JOBS[job]
    done = submit(job, conf_dir, arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [text for text in printed if text not in done.stdout] == [], done.stdout


def test_an_error_of_a_submitted_job_is_told_on_a_few_lines_with_its_exit_code(conf_dir: Path) -> None:
    arguments, said = REFUSED["promote"]
    done = submit("promote", conf_dir, arguments)
    assert done.returncode == 2
    told = done.stdout + done.stderr  # spark-submit sends a program's errors to its standard output
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize("job", [*JOBS, *REFUSED])
def test_every_job_begins_and_ends_alike(job: str) -> None:
    text = (ROOT / "jobs" / f"{job}.py").read_text()
    assert text.partition('"""\n')[2].startswith(BEGIN)
    assert text.endswith(END)


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own, where no column can be named before the lakehouse has its session."""
    opened, open_session = [], session.session

    def opening(environment: Environment) -> SparkSession:
        opened.append(environment.name)
        return open_session(environment)

    def asked() -> SparkContext:
        assert opened, "a column is named before there is a session"
        return get_active_spark_context()

    monkeypatch.setattr(session, "session", opening)
    monkeypatch.setattr("pyspark.sql.functions.builtin._get_active_spark_context", asked)


@pytest.mark.parametrize("job", [job for job in JOBS if job not in SUBMITTED])
def test_a_job_runs(
    job: str, conf_dir: Path, tmp_path: Path, new_process: None, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, printed = JOBS[job]
    given = [argument.format(folder=tmp_path) for argument in arguments]
    assert main([job.replace("_", "-"), "--conf-dir", str(conf_dir), *given]) == 0
    told = capfd.readouterr().out
    assert [text for text in printed if text not in told] == [], told
    if "{folder}" in "".join(arguments):
        assert [name for name in printed if not (tmp_path / name).exists()] == []


@pytest.mark.parametrize("job", REFUSED)
def test_an_error_of_a_job_is_told_on_a_few_lines_with_its_exit_code(
    job: str, conf_dir: Path, new_process: None, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, said = REFUSED[job]
    assert main([job.replace("_", "-"), "--conf-dir", str(conf_dir), *arguments]) == 2
    told = "".join(capfd.readouterr())
    assert said in told
    assert "Traceback" not in told
