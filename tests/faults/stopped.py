"""A nightly whose features take for ever: in a Spark job, or in a computation of Python's that nothing can cancel.

Called by the test beside it: `stopped.py <conf dir> <as_of> spark|python`; prints `begun` when they have begun.
"""

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from assay import control
from assay.cli import run
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from jobs import nightly
from jobs.night.stages import STAGES

FOR_EVER = threading.Event()


def features(lakehouse: Lakehouse, as_of: datetime) -> Sequence[Outcome]:
    def work(outcome: Outcome) -> None:
        print("begun", flush=True)  # noqa: T201  # for the test
        if sys.argv[3] == "spark":
            lakehouse.spark.range(10**15).selectExpr("sum(id % 7)").collect()
        while not FOR_EVER.wait(1):
            pass

    return [run_stage(lakehouse, "features", as_of, work)]


if __name__ == "__main__":
    control.GRACE = 1.0
    vars(nightly)["STAGES"] = [replace(stage, run=features) if stage.name == "features" else stage for stage in STAGES]
    raise SystemExit(run(nightly.main, ["--conf-dir", sys.argv[1], "--as-of", sys.argv[2]]))
