"""A process that lands and cleans one night of some lakehouses, and kills itself, with its Java, at a chosen moment.

Called by the tests beside it, in one of two ways:

- `night.py <as_of> after <conf dir> <n> [<conf dir> <n> …]`: each lakehouse's night goes as far as its n-th commit, 0
  before the first, and stands still there. When all of them do, the process is killed: one death, and each lakehouse
  is left as at a commit of its own.
- `night.py <as_of> at <conf dir> <seconds>`: it is killed that long after the stages began.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
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
FOR_EVER = threading.Event()


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def root_of(given: Tables | Path) -> str:
    """The lakehouse that a commit belongs to: it is told the tables, or a folder beside them."""
    return given.root if isinstance(given, Tables) else str(given.parent)


def count_commits(then: Callable[[str, int], None]) -> None:
    """Call `then` with a lakehouse's root and the number of its commits done, before its first and after each."""
    done: Counter[str] = Counter()

    def counted(commit: Callable[..., Any]) -> Callable[..., Any]:
        def committing(*given: Any, **named: Any) -> Any:
            root = root_of(given[0])
            if not done[root]:
                then(root, 0)
            result = commit(*given, **named)
            done[root] += 1
            then(root, done[root])
            return result

        return committing

    for place, name in COMMITS:
        setattr(place, name, counted(getattr(place, name)))


def run(lakehouse: Lakehouse, as_of: datetime) -> None:
    bronze.stage.run(lakehouse, as_of)
    silver.stage.run(lakehouse, as_of)


def die_after(as_of: datetime, lasts: Sequence[tuple[Lakehouse, int]]) -> None:
    """Bring each lakehouse to its last commit, one after the other, and die."""
    last = {lakehouse.root: commit for lakehouse, commit in lasts}
    there = threading.Event()

    def stand_still(root: str, done: int) -> None:
        if done == last[root]:
            there.set()
            FOR_EVER.wait()

    count_commits(stand_still)
    for lakehouse, commit in lasts:
        there.clear()
        night = threading.Thread(target=run, args=(lakehouse, as_of), daemon=True)
        night.start()
        while not there.wait(0.05):
            if not night.is_alive() and not there.is_set():
                sys.exit(f"{lakehouse.root} has no commit {commit}")
    die()


def main() -> None:
    at, kind, *rest = sys.argv[1:]
    as_of = datetime.fromisoformat(at)
    given = [(open_lakehouse(conf_dir), moment) for conf_dir, moment in zip(rest[::2], rest[1::2], strict=True)]
    given[0][0].tables.version("ops.runs")  # Spark is up
    if kind == "after":
        die_after(as_of, [(lakehouse, int(moment)) for lakehouse, moment in given])
    threading.Timer(float(given[0][1]), die).start()
    run(given[0][0], as_of)


if __name__ == "__main__":
    main()
