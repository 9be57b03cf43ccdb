"""A process that does a part of a night of a lakehouse, and kills itself, with its Java.

`night.py <part> <as_of> <conf dir>`: before its first write and after each the night stands still while its folder is copied:
to `<folder>_killed_after_0` and so on. Then the process is killed: one death, and each copy is what a kill after that write
leaves behind, with leases of a process that is dead.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient

import bronze.stage
import silver.stage
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.tables import Tables
from jobs.night import steps
from model import train as model_train
from silver import expectations

COMMITS = [(Tables, name) for name in ("append", "replace", "merge", "append_once", "delete")]
ROLES = [(MlflowClient, f"{what}_registered_model_{of}") for what in ("set", "delete") for of in ("tag", "alias")]
WRITES = {
    "clean": [*COMMITS, (expectations, "publish")],
    "train": [(Tables, "append_once"), *ROLES, (mlflow, "register_model"), (model_train, "publish")],
}
"""What is stood still at: of a training what it leaves behind, leases apart."""


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def at_writes(part: str, then: Callable[[int], object]) -> None:
    """Call `then` with the number of writes done, before the first and after each."""
    done = 0

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def writing(*given: Any, **named: Any) -> Any:
            nonlocal done
            if not done:
                then(0)
            result = write(*given, **named)
            done += 1
            then(done)
            return result

        return writing

    for place, name in WRITES[part]:
        setattr(place, name, counted(getattr(place, name)))


def clean(lakehouse: Lakehouse, as_of: datetime) -> None:
    """Land what was delivered, and clean it."""
    bronze.stage.run(lakehouse, as_of)
    silver.stage.run(lakehouse, as_of)


def train(lakehouse: Lakehouse, as_of: datetime) -> None:
    """Train each model on the set that it has, or finish a training, as a night does."""
    for model in lakehouse.config.models.values():
        if steps.train_state(lakehouse, model, as_of).what == "would run":
            model_train.finish(lakehouse, model, as_of) or model_train.run(lakehouse, model, as_of)


def main() -> None:
    part, at, conf_dir = sys.argv[1:]
    lakehouse = open_lakehouse(conf_dir)
    lakehouse.tables.version("ops.runs")  # Spark is up
    base = Path(conf_dir).parents[1]
    at_writes(part, lambda done: shutil.copytree(base, f"{base}_killed_after_{done}"))
    {"clean": clean, "train": train}[part](lakehouse, datetime.fromisoformat(at))
    die()


if __name__ == "__main__":
    main()
