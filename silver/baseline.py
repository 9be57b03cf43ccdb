"""The gate before silver: a batch that is unlike the nights before it stops, unless somebody has accepted it.

What is measured of a batch goes to `ops.profiles`, a row per number, at the end of the silver run. The nights of batches
that were cleaned are what later ones are compared with; those of a stopped batch are kept to be looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Source
from assay.config.baseline import Baseline
from assay.errors import ContractError, TableError
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from silver.accepted import REFUSED, STOPPED, Acceptance, acceptance
from silver.checks import Check
from silver.metrics import METRICS, OTHERS, Number, Scale
from silver.pending import Landed
from silver.profile import ROW, Key, Profile, load_sketches, measure, plan
from silver.verdict import Verdict, judge

PROFILES = "ops.profiles"
SCHEMA = """
    source string, batch int, night timestamp, column string, metric string, label string, value double,
    expected double, least double, most double, verdict string, status string, as_of timestamp, run_id string
"""
GOOD, ACCEPTED, UNLIKE = "good", "accepted", "stopped"
LISTED = 40
"""So many of a batch's differences are in the error; all of them are in `ops.profiles`."""


@dataclass(frozen=True)
class Compared:
    """One number of one night, and what became of its comparison."""

    night: datetime
    key: Key
    number: Number
    verdict: Verdict

    @property
    def name(self) -> str:
        """`temp mean`, `carrier shares 'AA'`, `rows`."""
        column, metric, label = self.key
        shown = repr(label) if metric == "shares" else label
        return " ".join(part for part in (column, metric, shown) if part and part != "''")

    def __str__(self) -> str:
        """Name, night, actual and expected."""
        scale = METRICS[self.key[1]].scale
        seen = self.verdict
        ends = [f"at least {_shown(seen.least, scale)}"] if seen.least is not None else []
        ends += [f"at most {_shown(seen.most, scale)}"]
        return (
            f"{self.name} {_shown(self.number.value, scale)} on the night of {self.night:%Y-%m-%d}, expected "
            f"{_shown(seen.expected, scale)}, {' and '.join(ends)}"
        )


@dataclass
class Gate:
    """What one silver run knows of the nights before, and what it measures."""

    lakehouse: Lakehouse
    outcome: Outcome
    past: dict[str, list[Profile]]
    """Good and accepted nights by source, oldest first."""
    left: frozenset[tuple[str, int]]
    """Batches of which an earlier run has left numbers: they are replaced."""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def check(self, source: Source, landed: Landed, judged: DataFrame) -> None:
        """ContractError if a batch is unlike the nights before it and nobody has accepted it."""
        wanted = source.baseline
        if wanted is None:
            return
        night = self.lakehouse.config.file.night.as_of
        found = measure(judged, plan(source, judged.schema), night, landed.batch, landed.delivered)
        past = self.past.setdefault(source.name, [])
        compared = [one for profile in found for one in compare(wanted, past, profile)]
        breached = sorted(
            (one for one in compared if one.verdict.answer == "breached"), key=lambda one: -one.verdict.excess
        )
        self.outcome.notes += [
            f"{source.name} batch {landed.batch}: {note}" for note in too_little_history(wanted, compared)
        ]
        names = list(dict.fromkeys(one.name for one in breached))
        accepted = bool(names) and self._accepts(source.name, landed.batch, names)
        status = ACCEPTED if accepted else UNLIKE if names else GOOD
        kept = {profile.night for profile in found[-wanted.remembered :]}
        self.rows += [self._row(source, landed.batch, one, status) for one in compared if one.night in kept]
        if status == UNLIKE:
            raise _unlike(source, landed.batch, names, breached)
        past += found

    def accepts(self, source: Source, batch: int, check: Check) -> bool:
        """Whether rows that break a check stop no batch because it was accepted; `fail` is never overridden."""
        label = f"{check.name}:{check.column}" if check.column else check.name
        if check.handling.severity != "fail":
            return self._accepts(source.name, batch, [label])
        self.outcome.measure(source.name, batch, label, **{REFUSED: 1})
        return False

    def _accepts(self, source: str, batch: int, names: Sequence[str]) -> bool:
        found: Acceptance | None = acceptance(self.lakehouse, source, batch)
        if found is None:
            for name in names:
                self.outcome.measure(source, batch, name, **{STOPPED: 1})
            self.outcome.notes.append(f"{source} batch {batch}: stopped by {', '.join(names)}")
            return False
        self.outcome.notes.append(f"{source} batch {batch}: taken in with {', '.join(names)}, {found}")
        return True

    def _row(self, source: Source, batch: int, one: Compared, status: str) -> dict[str, Any]:
        column, metric, label = one.key
        return {
            "source": source.name, "batch": batch, "night": one.night, "column": column or None, "metric": metric,
            "label": label or None, "value": one.number.value, "expected": one.verdict.expected,
            "least": one.verdict.least, "most": one.verdict.most, "verdict": one.verdict.answer, "status": status,
            "as_of": self.outcome.as_of, "run_id": self.outcome.run_id,
        }  # fmt: skip

    def write(self) -> None:
        """Put on record what was measured, in the place of what an earlier run has left of the same batches."""
        measured = {(row["source"], row["batch"]) for row in self.rows}
        for source, batch in sorted(measured & self.left):
            self.lakehouse.tables.delete(PROFILES, slice_of={"source": [source], "batch": [batch]})
        if self.rows:
            frame = local_frame(self.lakehouse.spark, self.rows, SCHEMA).coalesce(1)
            commit = self.lakehouse.tables.append(PROFILES, frame)
            if commit.rows != len(self.rows):
                raise TableError(
                    "A write did not hold the rows that were meant.", where=PROFILES, found=f"{commit.rows} rows",
                    expected=f"{len(self.rows)}", do="run silver again",
                )  # fmt: skip


def open_gate(lakehouse: Lakehouse, waiting: Mapping[str, Sequence[Landed]], outcome: Outcome) -> Gate:
    """A gate for the batches that wait, which knows the nights before them: one read for all sources."""
    baselines = {
        name: (batches, found)
        for name, batches in waiting.items()
        if (found := lakehouse.config.sources[name].baseline)
    }
    if baselines:
        load_sketches(lakehouse.spark)
    if not baselines or not lakehouse.tables.exists(PROFILES):
        return Gate(lakehouse, outcome, {}, frozenset())
    needed = reduce(or_, [
        (F.col("source") == name) & (F.col("batch") >= batches[0].batch - baseline.remembered)
        for name, (batches, baseline) in baselines.items()
    ])  # fmt: skip
    rows = lakehouse.tables.read(PROFILES).where(needed)
    table: Any = rows.select("source", "batch", "night", "column", "metric", "label", "value", "status").toArrow()
    nights: dict[str, dict[tuple[int, datetime], dict[Key, Number]]] = {}
    left = set()
    for row in table.to_pylist():
        source, batch = row["source"], row["batch"]
        if batch >= baselines[source][0][0].batch:
            left.add((source, batch))
        elif row["status"] != UNLIKE:
            numbers = nights.setdefault(source, {}).setdefault((batch, row["night"].astimezone(UTC)), {})
            numbers[row["column"] or ROW, row["metric"], row["label"] or ""] = Number(row["value"])
    past = {
        source: [Profile(batch, night, found[batch, night]) for batch, night in sorted(found)]
        for source, found in nights.items()
    }
    return Gate(lakehouse, outcome, past, frozenset(left))


def compare(wanted: Baseline, past: Sequence[Profile], profile: Profile) -> list[Compared]:
    """Every number of a night, compared with the last good nights before its batch."""
    alike = [one for one in past if not wanted.same_weekday or one.night.weekday() == profile.night.weekday()]
    before = alike[-wanted.nights :]
    shares = {key for one in before for key in one.numbers if METRICS[key[1]].absent is not None}
    gone = {key for key in shares - set(profile.numbers) if (key[0], key[1], OTHERS) in profile.numbers}
    found = []
    for key in [*profile.numbers, *sorted(gone)]:
        metric = METRICS[key[1]]
        number = profile.numbers.get(key) or Number(metric.absent or 0.0)
        values = [value for one in before if (value := _value(one, key, metric.absent)) is not None]
        verdict = judge(
            metric, values, number, tolerance=wanted.tolerance, floor=wanted.floors.get(metric.name, metric.floor),
            at_least=wanted.at_least,
        )  # fmt: skip
        found.append(Compared(profile.night, key, number, verdict))
    return found


def _value(profile: Profile, key: Key, absent: float | None) -> float | None:
    """A number of an earlier night; a label that its metric did not list stands for `absent`."""
    if key in profile.numbers:
        return profile.numbers[key].value
    listed = absent is not None and (key[0], key[1], OTHERS) in profile.numbers
    return absent if listed else None


def too_little_history(wanted: Baseline, compared: Iterable[Compared]) -> list[str]:
    """What the run has to say of numbers that were compared with nothing."""
    few = [one for one in compared if one.verdict.answer == "too little history"]
    whole = [one.verdict.nights for one in few if one.key == (ROW, "rows", "")]
    if whole:
        weekday = " of the same weekday" if wanted.same_weekday else ""
        return [f"not compared, too little history: {min(whole)} of {wanted.at_least} nights{weekday}"]
    names = sorted({one.key[0] for one in few})
    return (
        [f"too little history of {', '.join(names)}: less than {wanted.at_least} nights with values"] if names else []
    )


def _unlike(source: Source, batch: int, names: Sequence[str], breached: Sequence[Compared]) -> ContractError:
    wanted = source.baseline or Baseline()
    more = len(breached) - LISTED
    return ContractError(
        f"Batch {batch} of source {source.name} is unlike the nights before it: {', '.join(names[:3])}"
        + (f" and {len(names) - 3} more." if len(names) > 3 else "."),
        where=source.at("baseline"),
        found="; ".join(map(str, breached[:LISTED])) + (f"; and {more} more in ops.profiles" if more > 0 else ""),
        expected=f"each within {wanted.tolerance:g} robust deviations of its median in the last {wanted.nights} good "
        "nights",
        do=f"no row of the batch was written to silver: look at it in bronze.{source.name}; if it is right, "
        f"assay accept {source.name} {batch} --why '…' takes it in, if not, assay reject {source.name} {batch} --why '…' "
        "sets it aside; then run again",
    )


def _shown(value: float | None, scale: Scale) -> str:
    if value is None:
        return "anything"
    return f"{min(max(value, 0), 1):.2%}" if scale == "points" else f"{value:,.4g}"
