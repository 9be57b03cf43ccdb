"""What the ledger tells of a night and of those before it: one Spark job, whatever the number of nights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from pyspark.sql import functions as F

from assay import ledger
from assay.lakehouse import Lakehouse
from assay.runs import AUDIT, OF_MODELS

BRONZE, SILVER = "bronze", "silver"
SELF = ("watch", "report", "alerts")
"""What comes after the night that is watched."""
PROFILES = "ops.profiles"
NUMBERS = ("records", "landed", "accepted", "stale", "rows", "version")
"""The metrics that monitors look at: those that a night has again when it is run again."""
_BACKFILL = "built in one pass"
"""How a run notes that it is of many nights, which says nothing of what one night takes."""


@dataclass(frozen=True)
class Did:
    """What a stage did for a night; of one model, where each has its own run."""

    status: str
    """Of its newest run."""
    seconds: float
    """Of its longest run that was done."""
    numbers: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(target, metric) -> value: over all runs, what was landed and accepted; else the most."""

    def total(self, metric: str) -> float:
        """Sum of a metric over targets."""
        return sum(value for (_, name), value in self.numbers.items() if name == metric)


Key = tuple[str, str]
"""Stage, and the model whose run it is; empty where a run is of all."""


@dataclass(frozen=True)
class Night:
    """A night, and the nights before it."""

    lakehouse: Lakehouse
    as_of: datetime
    history: timedelta
    """So far back the nights before are looked at."""

    @cached_property
    def nights(self) -> dict[datetime, dict[Key, Did]]:
        """Night -> what its stages did, oldest night first; this night is the last, also if nothing was done."""
        between = F.col("as_of").between(F.lit(self.as_of - self.history), F.lit(self.as_of))
        runs = (
            ledger.runs(self.lakehouse)
            .where(between & ~F.col("stage").isin(*SELF) & ~F.startswith("stage", F.lit(AUDIT)))
            .where(~F.exists("notes", lambda note: F.startswith(note, F.lit(_BACKFILL))))
            .select(
                "stage", "as_of", "status", "started_at", "seconds", "notes",
                F.filter("metrics", lambda m: (m["label"] == "") & m["metric"].isin(*NUMBERS)).alias("metrics"),
            )
            .collect()
        )  # fmt: skip
        found: dict[datetime, dict[Key, list[Any]]] = {self.as_of: {}}
        for run in sorted(runs, key=lambda run: run["started_at"]):
            as_of = run["as_of"].replace(tzinfo=UTC)
            found.setdefault(as_of, {}).setdefault((run["stage"], self._model_of(run)), []).append(run)
        return {as_of: {key: did(each) for key, each in found[as_of].items()} for as_of in sorted(found)}

    @property
    def stages(self) -> dict[Key, Did]:
        """What the stages of this night did."""
        return self.nights[self.as_of]

    def before(self, most: timedelta | None = None) -> list[tuple[datetime, dict[Key, Did]]]:
        """The nights before this one on which a stage ran, oldest first; not older than `most`."""
        first = self.as_of - (most or self.history)
        return [(as_of, found) for as_of, found in self.nights.items() if first <= as_of < self.as_of and found]

    @cached_property
    def volumes(self) -> dict[str, Any]:
        """Source -> what its baseline recorded of the night's records: `value`, `expected`, `least`, `most`, `verdict`."""
        if not self.lakehouse.tables.exists(PROFILES):
            return {}
        of_night = (F.col("as_of") == F.lit(self.as_of)) & (F.col("metric") == "rows") & F.col("column").isNull()
        rows = self.lakehouse.tables.read(PROFILES).where(of_night).collect()
        return {row["source"]: row for row in sorted(rows, key=lambda row: (row["night"], row["batch"]))}

    def _model_of(self, run: Any) -> str:
        """Whose run it is: by its numbers, or else by its notes."""
        models = tuple(self.lakehouse.config.models)
        if run["stage"] not in OF_MODELS:
            return ""
        if len(models) == 1:
            return models[0]
        named = [m["target"] for m in run["metrics"]] + [note.partition(":")[0] for note in run["notes"]]
        return next((name for name in named if name in models), "")


def did(runs: Sequence[Any]) -> Did:
    """What the runs of a stage did together, oldest first."""
    adds_up = runs[0]["stage"] in (BRONZE, SILVER)
    numbers: dict[tuple[str, str], float] = {}
    for run in runs:
        each: dict[tuple[str, str], float] = {}
        for m in run["metrics"]:
            key = m["target"], m["metric"]
            each[key] = each.get(key, 0.0) + m["value"]
        for key, value in each.items():
            numbers[key] = _together(key[1], numbers.get(key), value, adds_up=adds_up)
    seconds = [run["seconds"] for run in runs if run["status"] == "done"]
    return Did(runs[-1]["status"], max(seconds, default=0.0), numbers)


def _together(metric: str, before: float | None, now: float, *, adds_up: bool) -> float:
    if before is None or metric == "stale":  # the last look counts
        return now
    return before + now if adds_up else max(before, now)


def same_weekday(nights: Iterable[datetime], as_of: datetime) -> list[datetime]:
    """The nights of the same weekday."""
    return [night for night in nights if night.weekday() == as_of.weekday()]
