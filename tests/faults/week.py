"""A process that runs nights of a lakehouse one after the other, all stages of each, and kills itself, with its Java.

Called by `integration/test_killed_week.py`, in one of two ways:

- `week.py copies <conf dir> <night>...`: it stands still while the lakehouse is copied, before each night to `<folder>_15` and so
  on, after the day, and after each stage of the last night but one to `<folder>_bronze` and so on. The process is killed after
  the last night: one death, and each copy is what a kill at that moment leaves behind, with leases of a process that is dead.
- `week.py at <conf dir> <seconds> <night>`: it is killed that long after the night began, or at its end.
"""

import os
import shutil
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path

from assay.lakehouse import open_lakehouse
from jobs.nightly import run_night


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def copied(folder: Path, boundary: str) -> None:
    shutil.copytree(folder, folder.with_name(f"{folder.name}_{boundary}"))


def main() -> None:
    kind, conf_dir, *rest = sys.argv[1:]
    lakehouse, folder = open_lakehouse(conf_dir), Path(conf_dir).parents[1]
    lakehouse.tables.version("ops.runs")  # Spark is up
    if kind == "at":
        threading.Timer(float(rest.pop(0)), die).start()
    nights = [datetime.fromisoformat(at) for at in rest]
    for as_of in nights:
        if kind == "copies":
            copied(folder, f"{as_of:%d}")
        if kind == "copies" and as_of == nights[-2]:
            run_night(lakehouse, as_of, ended=lambda one: copied(folder, str(one.task)) if one.outcomes else None)
        else:
            run_night(lakehouse, as_of)
    die()


if __name__ == "__main__":
    main()
