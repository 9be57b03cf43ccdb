"""What a night costs on which nothing new has come: `assay nightly` in a process of its own, against a bare Spark.

`.venv/bin/python benchmarks/night.py`, after `make demo`: the demo's lakehouse, of which a copy is worked on. In one run, each
in a new process:

- bare: a session of Spark, made as assay makes it, that opens one Delta table and counts its rows.
- nightly: the demo's last night again, of which all is done.
- nightly, a year on record: the same once the ledger holds a year of nights more.
- help: `assay --help`, which starts no Spark.

With `--small` the lakehouse is one of one source, made in the run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pyspark.sql import functions as F

from assay.lakehouse import open_lakehouse
from assay.ledger import RUNS

ROOT = Path(__file__).parents[1]
ASSAY = str(Path(sys.executable).with_name("assay"))
YEAR = 365
BARE = """
import sys
from pathlib import Path
from assay.config import load_environment
from assay.session import session
session(load_environment(Path(sys.argv[1]), "local")).read.format("delta").load(sys.argv[2]).count()
"""


def timed(command: Sequence[str]) -> tuple[float, str]:
    """Seconds that a process takes, and what it says."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=dict(os.environ))
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def nightly(conf_dir: Path, night: str) -> tuple[float, int]:
    """Seconds and Spark jobs of a night."""
    seconds, said = timed([ASSAY, "nightly", "--conf-dir", str(conf_dir), "--as-of", night, "--json"])
    return seconds, sum(run["spark_jobs"] for run in json.loads(said)["runs"])


def small(folder: Path) -> tuple[Path, str]:
    """A lakehouse of one source in a folder, with one night done."""
    shutil.copytree(ROOT / "setup" / "rehearsal", folder / "conf")
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    landing = folder / "warehouse" / "rehearsal" / "landing" / "readings"
    landing.mkdir(parents=True)
    rows = [f"{station},{hour},2013-03-01 {hour:02}:00:00,{7 + hour}" for station in "ab" for hour in range(3)]
    (landing / "2013-03-01.csv").write_text("\n".join(["station,hour,measured_at,temp", *rows]) + "\n")
    nightly(folder / "conf" / "rehearsal", "2013-03-02")
    return folder / "conf" / "rehearsal", "2013-03-02"


def of_demo(folder: Path) -> tuple[Path, str]:
    """A copy of the demo's lakehouse in a folder."""
    warehouse = ROOT / "warehouse" / "flights"
    if not (warehouse / "ops" / "runs").exists():
        raise SystemExit("There is no lakehouse of the demo: run `make demo`, or give --small")
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copytree(ROOT / "dbt_project", folder / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(warehouse, folder / "warehouse" / "flights")
    return folder / "conf" / "flights", "2013-03-07"


def with_a_year(conf_dir: Path) -> None:
    """Put a year of nights on record before the ones that are: each as the lakehouse's last one, with keys of its own."""
    lakehouse = open_lakehouse(conf_dir)
    runs = lakehouse.tables.read(RUNS)
    last = runs.agg(F.max("as_of").alias("last"))
    night = runs.join(last, runs["as_of"] == last["last"]).drop("last")
    first = lakehouse.tables.read(RUNS).agg(F.min("as_of")).collect()[0][0] - timedelta(days=YEAR + 1)
    days = lakehouse.spark.range(YEAR).select(F.expr("make_dt_interval(int(id))").alias("day"), "id")
    renamed = F.transform(
        "targets", lambda made: made.withField("key", F.concat(made["key"], F.col("id").cast("string")))
    )
    more = night.crossJoin(days).select(
        F.concat("run_id", F.lit("-"), "id").alias("run_id"),
        *(F.col(name) for name in runs.columns if name not in ("run_id", "as_of", "targets", "started_at")),
        (F.lit(first) + F.col("day")).alias("as_of"), (F.col("started_at") - F.expr("interval 400 days") + F.col("day")).alias("started_at"),
        renamed.alias("targets"),
    )  # fmt: skip
    lakehouse.tables.append(RUNS, more.select(*runs.columns).coalesce(1))
    lakehouse.spark.stop()


def main() -> None:
    """Measure, and print a line each and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="a lakehouse of one source")
    options.add_argument("--times", type=int, default=3, help="how often each is measured; the median counts")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        conf_dir, night = (small if given.small else of_demo)(Path(temporary))
        table = open_lakehouse(conf_dir).root + "/ops/files"
        nightly(conf_dir, night)  # what was left to do
        bare = [timed([sys.executable, "-c", BARE, str(conf_dir), table])[0] for _ in range(given.times)]
        nights = [nightly(conf_dir, night) for _ in range(given.times)]
        helps = [timed([ASSAY, "--help"])[0] for _ in range(given.times)]
        with_a_year(conf_dir)
        later = [nightly(conf_dir, night) for _ in range(given.times)]
    figures = {
        "bare": statistics.median(bare),
        "nightly": statistics.median(seconds for seconds, _ in nights),
        "nightly, a year on record": statistics.median(seconds for seconds, _ in later),
        "help": statistics.median(helps),
    }
    jobs = {"nightly": nights[-1][1], "nightly, a year on record": later[-1][1]}
    for name, seconds in figures.items():
        told = f"{jobs[name]:5d} Spark jobs" if name in jobs else ""
        print(f"{name:<28}{seconds:8.2f} s {seconds / figures['bare']:7.2f} x bare {told}")
    ratios = {name: round(seconds / figures["bare"], 2) for name, seconds in figures.items() if name != "bare"}
    print(json.dumps({"seconds": figures, "spark_jobs": jobs, "ratios_to_bare": ratios}))


if __name__ == "__main__":
    main()
