"""How tables came about, by the ledger: which run made which version of what, and of which versions of what else."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from pyspark.sql import functions as F

from assay import ledger
from assay.errors import TableError, nearest
from assay.known import Input, Target
from assay.lakehouse import Lakehouse

MODELS = "models:/"
"""How the names of models begin. A version of one has nothing of the version before."""


@dataclass(frozen=True)
class Ran:
    """A run of the ledger, and what it made."""

    run_id: str
    stage: str
    as_of: datetime
    status: str
    started_at: datetime
    ended_at: datetime
    code: str
    error: str
    made: tuple[Target, ...]


@dataclass(frozen=True)
class Made:
    """A version of a table or, as `models:/name`, of a model, and the run that made it."""

    target: Target
    run: Ran

    @property
    def table(self) -> str:
        """The table."""
        return self.target.table

    @property
    def version(self) -> int:
        """The version that the run has made."""
        return self.target.version


@dataclass(frozen=True)
class Lineage:
    """What the runs that are done have made of what.

    Args:
        runs: The runs.
    """

    runs: Sequence[Ran]

    @cached_property
    def made(self) -> Mapping[str, Sequence[Made]]:
        """Table -> what runs have made of it, by version; of a version that was made twice, the last."""
        found: dict[str, dict[int, Made]] = defaultdict(dict)
        for run in sorted((run for run in self.runs if run.status == "done"), key=lambda run: run.ended_at):
            for target in run.made:
                found[target.table][target.version] = Made(target, run)
        return {table: [of[version] for version in sorted(of)] for table, of in found.items()}

    def maker(self, table: str, version: int | None = None) -> Made | None:
        """What made a version: the last that was made up to it, as a table may have been compacted since. None: nothing.

        Args:
            table: The table.
            version: Its version; the newest by default.
        """
        made = self.made.get(table, [])
        upto = len(made) if version is None else bisect_right(made, version, key=lambda one: one.version)
        return made[upto - 1] if upto else None

    def earlier(self, made: Made) -> Sequence[Made]:
        """What had been made of the same table before, which it may still hold."""
        return [one for one in self.made[made.table] if one.version < made.version]

    def reached(self, table: str, version: int) -> dict[str, list[Made]]:
        """What may hold something of what a version brought: table -> what was made, by version, nearest tables first.

        That is what was made of the version or a later one, and what was made of that, and so on. A stage reads a part
        of a table, as the rows of one night; of what part each row came, `assay explain` says.
        """
        uses: dict[str, list[tuple[int, Made]]] = defaultdict(list)
        for made in (one for of in self.made.values() for one in of):
            for each in made.target.inputs:
                if each.table != made.table:
                    uses[each.table].append((each.version, made))
        found: dict[str, dict[int, Made]] = {}
        lowest: dict[str, int] = {}
        waiting = [(table, version)]
        for of, since in waiting:  # which grows
            is_model = of.startswith(MODELS)
            if not is_model and since >= lowest.get(of, since + 1):
                continue
            lowest[of] = since
            for at, made in uses[of]:
                known = found.setdefault(made.table, {}) if (at == since if is_model else at >= since) else None
                if known is not None and made.version not in known and made.table != table:
                    known[made.version] = made
                    waiting.append((made.table, made.version))
        return {of: [known[at] for at in sorted(known)] for of, known in found.items() if known}

    def behind(self, made: Made) -> list[Made]:
        """What something was made of, what that was made of, and so on; each once, the nearest first."""
        found = [made]
        for one in found:
            below = (self.maker(read.table, read.version) for read in one.target.inputs if read.table != one.table)
            found += [each for each in dict.fromkeys(below) if each is not None and each not in found]
        return found[1:]

    def find(self, table: str, *, version: int | None = None, as_of: datetime | None = None) -> Made:
        """What made a version of a table, or what a night made of it.

        Raises:
            TableError: The ledger knows nothing of it.
        """
        made = self.maker(table, version)
        if as_of is not None:
            made = next((one for one in reversed(self.made.get(table, [])) if one.run.as_of == as_of), None)
        if made is None:
            asked = "" if version is None else f" version {version}"
            asked += "" if as_of is None else f" as of {as_of:%Y-%m-%dT%H:%MZ}"
            raise TableError(
                f"No run is on record that has made {table}{asked}.", where=ledger.RUNS,
                expected=nearest(table, self.made) if table not in self.made else _versions(self.made[table]),
                do="see what ran: assay runs",
            )  # fmt: skip
        return made


def read(lakehouse: Lakehouse, *, as_of: datetime | None = None) -> Lineage:
    """The runs of the ledger that made something, or all of one night; one Spark job.

    Raises:
        TableError: No run has written down what it read: they are of an older release.
    """
    runs = ledger.runs(lakehouse)
    if "inputs" not in runs.schema["targets"].dataType.simpleString():
        raise TableError(
            "No run has written down what it read.", where=ledger.RUNS, found="runs of an older release",
            do="run a night: what it makes can be traced",
        )  # fmt: skip
    wanted = F.size("targets") > 0 if as_of is None else F.col("as_of") == F.lit(as_of)
    names = ("run_id", "stage", "as_of", "status", "started_at", "ended_at", "code", "error", "targets")
    return Lineage(
        [
            Ran(
                row["run_id"], row["stage"], row["as_of"].replace(tzinfo=UTC), row["status"],
                row["started_at"].replace(tzinfo=UTC), row["ended_at"].replace(tzinfo=UTC), row["code"],
                row["error"] or "", tuple(_target(made) for made in row["targets"]),
            )
            for row in runs.where(wanted).select(*names).collect()
        ]
    )  # fmt: skip


def _target(row: Mapping[str, object]) -> Target:
    inputs: Iterable[tuple[str, int]] = row["inputs"] or ()  # type: ignore[assignment]  # a row of the ledger's schema
    table, version = str(row["table"]), int(str(row["version"]))
    return Target(str(row["target"]), str(row["key"]), table, version, tuple(Input(*each) for each in inputs))


def _versions(made: Sequence[Made]) -> str:
    return f"a version from {made[0].version} on, of the nights {made[0].run.as_of:%Y-%m-%d} to {made[-1].run.as_of:%Y-%m-%d}"
