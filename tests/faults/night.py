"""A process that lands and cleans one night, and kills itself, with its Java, at a chosen moment.

Called by the tests beside it: `night.py <conf dir> <as_of> <moment>`. The moment is `after <n>`: as soon as the n-th
commit of the process is done, 0 before the first; or `at <seconds>`: that long after the stages began.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import bronze.stage
import silver.stage
from assay.lakehouse import open_lakehouse
from assay.tables import Tables
from silver import expectations

COMMITS = ((Tables, "append"), (Tables, "replace"), (Tables, "merge"), (Tables, "append_once"), (Tables, "delete"),
           (expectations, "publish"))  # fmt: skip


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def count_commits(then: Callable[[int], None]) -> None:
    """Call `then` with the number of commits done, before the first and after each."""
    done = 0

    def counted(commit: Callable[..., Any]) -> Callable[..., Any]:
        def committing(*given: Any, **named: Any) -> Any:
            nonlocal done
            if done == 0:
                then(0)
            result = commit(*given, **named)
            done += 1
            then(done)
            return result

        return committing

    for place, name in COMMITS:
        setattr(place, name, counted(getattr(place, name)))


def main() -> None:
    conf_dir, as_of, kind, moment = sys.argv[1:]
    lakehouse = open_lakehouse(conf_dir)
    lakehouse.tables.version("ops.runs")  # Spark is up
    if kind == "after":
        count_commits(lambda done: die() if done == int(moment) else None)
    else:
        threading.Timer(float(moment), die).start()
    bronze.stage.run(lakehouse, datetime.fromisoformat(as_of))
    silver.stage.run(lakehouse, datetime.fromisoformat(as_of))


if __name__ == "__main__":
    main()
