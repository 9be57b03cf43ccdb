"""A process that lands and cleans one night of a lakehouse, and kills itself, with its Java.

`night.py <as_of> <conf dir>`: before its first commit and after each the night stands still while its folder is copied: to
`<folder>_killed_after_0` and so on. Then the process is killed: one death, and each copy is what a kill at that commit leaves
behind, with leases of a process that is dead.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import bronze.stage
import silver.stage
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.tables import Tables
from silver import expectations

COMMITS = ((Tables, "append"), (Tables, "replace"), (Tables, "merge"), (Tables, "append_once"), (Tables, "delete"),
           (expectations, "publish"))  # fmt: skip


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def at_commits(then: Callable[[int], object]) -> None:
    """Call `then` with the number of commits done, before the first and after each."""
    done = 0

    def counted(commit: Callable[..., Any]) -> Callable[..., Any]:
        def committing(*given: Any, **named: Any) -> Any:
            nonlocal done
            if not done:
                then(0)
            result = commit(*given, **named)
            done += 1
            then(done)
            return result

        return committing

    for place, name in COMMITS:
        setattr(place, name, counted(getattr(place, name)))


def run(lakehouse: Lakehouse, as_of: datetime) -> None:
    bronze.stage.run(lakehouse, as_of)
    silver.stage.run(lakehouse, as_of)


def main() -> None:
    at, conf_dir = sys.argv[1:]
    lakehouse = open_lakehouse(conf_dir)
    lakehouse.tables.version("ops.runs")  # Spark is up
    base = Path(conf_dir).parents[1]
    at_commits(lambda done: shutil.copytree(base, f"{base}_killed_after_{done}"))
    run(lakehouse, datetime.fromisoformat(at))
    die()


if __name__ == "__main__":
    main()
