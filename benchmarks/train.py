"""What training costs: assay's fit against native XGBoost that reads the same rows itself.

`.venv/bin/python benchmarks/train.py`: 2 million rows of 30 inputs, one value in ten missing, 100 trees of depth 6. Each way
runs in a process of its own, on the same Delta table, with as many threads:

- session: a Spark session that reads the table once. What follows is told above its CPU seconds.
- native: pyarrow reads the table's files, a QuantileDMatrix, `xgb.train`. No Spark.
- assay: `model.fitting.fit.fit_trees` in Spark's driver, the way a local training takes by itself.
- spark: the same by Spark tasks that train together, as on a cluster.

Memory is the most that a process and all that it started held at a time, as proportional set size, looked at every half a
second.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder

import argparse
import json
import os
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pyspark.sql import Column
from pyspark.sql import functions as F

from assay.config import Model
from assay.config.environment import Environment, Spark
from assay.session import session
from assay.tables import Tables

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
COLUMNS = [f"x{n}" for n in range(30)]
TREES, DEPTH = 100, 6
CORES = len(os.sched_getaffinity(0))
TABLE = "gold.meter_training"
WAYS = ("session", "native", "assay", "spark")
MODEL = {
    "description": "Does a meter fail?", "task": "binary", "key": ["id"],
    "spine": {"train": "select 1", "score": "select 1"}, "features": {}, "request": {name: name for name in COLUMNS},
    "split": {"holdout": "1d"}, "train": {"every": "7d", "window": "60d"}, "gates": {},
}  # fmt: skip


def _session() -> Tables:
    return Tables(session(Environment(name="bench", spark=Spark(master=f"local[{CORES}]"))), os.environ["FOLDER"])


def make(rows: int) -> None:
    """Write the table: half of the inputs are rates of few values, half are numbers of many digits."""

    def value(at: int) -> Column:
        seed = F.xxhash64("id", F.lit(at))
        few = F.pmod(seed, F.lit(500)) / 500
        many = F.pmod(seed, F.lit(1_000_000_007)) / 1_000_000_007
        return F.when(F.pmod(F.shiftright(seed, 40), F.lit(10)) > 0, few if at % 2 else many)

    tables = _session()
    made = tables.spark.range(0, rows, 1, 4 * CORES).select(
        "id", F.lit(NIGHT).alias("as_of"), *[value(at).alias(name) for at, name in enumerate(COLUMNS)]
    )
    odds = F.coalesce("x1", F.lit(0.4)) + F.coalesce("x2", F.lit(0.5)) * F.coalesce("x3", F.lit(0.5))
    noise = F.pmod(F.xxhash64("id", F.lit(99)), F.lit(1000)) / 1000
    made = made.withColumn("label", odds + noise > 1.2).withColumn("split", F.lit("train"))
    tables.replace(TABLE, made, slice_of={"as_of": [NIGHT]})


def run_session() -> None:
    """Spark, and a read."""
    print(_session().read(TABLE).count())


def run_native() -> None:
    """XGBoost, and nothing else."""
    import pyarrow.dataset as ds
    import xgboost as xgb

    files = sorted((Path(os.environ["FOLDER"]) / TABLE.replace(".", "/")).glob("as_of=*/*.parquet"))
    rows = ds.dataset(files).to_table(columns=[*COLUMNS, "label"])
    matrix = np.empty((rows.num_rows, len(COLUMNS)), np.float32)
    for at, name in enumerate(COLUMNS):
        matrix[:, at] = rows[name].to_numpy()
    label = rows["label"].to_numpy()
    data = xgb.QuantileDMatrix(matrix, label, nthread=CORES)
    settings = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": DEPTH, "nthread": CORES}
    print(xgb.train(settings, data, TREES).num_boosted_rounds())


def run_fit(path: str) -> None:
    """As a training fits its trees."""
    from model.fitting.fit import fit_trees
    from model.inputs import Inputs

    workers = CORES if path == "spark" else 1
    settings = {"rounds": TREES, "max_depth": DEPTH, "path": path, "workers": workers, "threads": CORES // workers}
    fitted = fit_trees(
        Model(name="meter", **{**MODEL, "xgboost": settings}), _session().read(TABLE), Inputs(tuple(COLUMNS), {})
    )
    print(fitted.path, fitted.why, f"{fitted.seconds:.1f} s")


def measured(way: str, folder: str) -> dict[str, Any]:
    """Seconds, CPU seconds and memory of a way, in a process of its own."""
    begun = time.perf_counter()
    command = [sys.executable, str(Path(__file__).resolve()), "--way", way]
    process = psutil.Popen(command, env={**os.environ, "FOLDER": folder}, cwd=Path(__file__).parents[1],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    cpu: dict[int, float] = {}
    peak = 0
    while process.poll() is None:
        held = 0
        for each in [process, *process.children(recursive=True)]:
            try:
                times = each.cpu_times()
                cpu[each.pid] = times.user + times.system
                held += each.memory_full_info().pss
            except psutil.Error:  # it has ended
                continue
        peak = max(peak, held)
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(process.stderr.read())
    return {"seconds": time.perf_counter() - begun, "cpu_seconds": sum(cpu.values()), "peak_mb": peak / 2**20}


def main() -> None:
    """Measure, and print a line each and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="100,000 rows")
    options.add_argument("--rows", type=int, help="as many rows")
    options.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.way:
        ways = {"session": run_session, "native": run_native}
        ways.get(given.way, lambda: run_fit("spark" if given.way == "spark" else "native"))()
        return
    rows = given.rows or (100_000 if given.small else 2_000_000)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOLDER"] = folder
        make(rows)
        from pyspark.sql import SparkSession

        SparkSession.active().stop()
        found = {way: measured(way, folder) for way in WAYS}
    for way, each in found.items():
        print(f"{way:<10}{each['seconds']:8.1f} s {each['cpu_seconds']:8.1f} CPU s {each['peak_mb']:8,.0f} MB")
    bare, native = found["session"], found["native"]
    ratios = {
        way: {
            "cpu_seconds": round((found[way]["cpu_seconds"] - bare["cpu_seconds"]) / native["cpu_seconds"], 2),
            "peak": round(found[way]["peak_mb"] / native["peak_mb"], 2),
            "peak_above_session": round((found[way]["peak_mb"] - bare["peak_mb"]) / native["peak_mb"], 2),
        }
        for way in ("assay", "spark")
    }
    print(json.dumps({"rows": rows, "load": os.getloadavg()[0], **found, "against_native": ratios}))


if __name__ == "__main__":
    main()
