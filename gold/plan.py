"""What a run of the features stage would compute, told before any work: tables, nights, estimated rows, and why.

What is to be done is decided by the code that decides it for the stage (`gold.decision`). Two Spark jobs, whatever is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import functions as F

from assay import ledger
from assay.config import FeatureTable
from assay.lakehouse import Lakehouse
from gold.aggregates import check_aggregates
from gold.catalog import told
from gold.decision import Decision, decide
from gold.definitions import decides, features_of

RECENT = 7
"""So many of the nights built last are what rows are estimated from."""


@dataclass(frozen=True)
class Change:
    """A feature that is not worked out as it was when its table was built last."""

    feature: str
    was: str | None
    """None of one that is new."""
    now: str | None
    """None of one that is gone."""


@dataclass(frozen=True)
class Estimate:
    """How many rows a night of a table has."""

    rows: float | None
    """None where nobody knows."""
    basis: str


@dataclass(frozen=True)
class TablePlan:
    """What would be done about a feature table."""

    decision: Decision
    changes: tuple[Change, ...]
    """Against the definition that the table was built by last; none where it is the same, or not on record."""
    estimate: Estimate

    @property
    def rows(self) -> int | None:
        """Rows that would be computed, as far as one can tell."""
        return None if self.estimate.rows is None else round(self.estimate.rows * len(self.decision.build))


def plan(
    lakehouse: Lakehouse, as_ofs: Sequence[datetime], kept: Sequence[FeatureTable] = (), *, rewrite: bool = False
) -> tuple[TablePlan, ...]:
    """What `gold.stage.run` would do with the same arguments. Nothing is written.

    Args:
        lakehouse: The lakehouse.
        as_ofs: The nights.
        kept: Older versions that are still read, as tables of their own.
        rewrite: Whether what is complete is replaced.

    Raises:
        ConfigError: A feature names an unknown aggregate.
    """
    for table in lakehouse.config.features.values():
        check_aggregates(table)
    decided = decide(lakehouse, as_ofs, kept, rewrite=rewrite)
    recent = _recent(lakehouse)
    return tuple(
        TablePlan(
            each,
            changes(each.was.definition, each.table) if each.was else (),
            _estimate(recent.get(each.table.name) or recent.get(each.of) or ()),
        )
        for each in decided
    )


def changes(was: FeatureTable, now: FeatureTable) -> tuple[Change, ...]:
    """The features that two definitions of a table do not have in common, those of today first."""
    old, new = features_of(was), features_of(now)
    return tuple(
        Change(name, *_words(was, now, name)) for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name)
    )


def _words(was: FeatureTable, now: FeatureTable, name: str) -> tuple[str | None, str | None]:
    """How a feature was and is worked out, the settings that differ with it where that sounds the same."""
    old, new = ({column.name: column for column in table.output}.get(name) for table in (was, now))
    before, after = (None if one is None else told(table, one) for table, one in ((was, old), (now, new)))
    if old is None or new is None or before != after:
        return before, after
    then, today = decides(was, old), decides(now, new)
    differing = [key for key in {**then, **today} if then.get(key) != today.get(key)]
    if not differing:  # an expression, the same, of features that are not
        return f"{before}, of what its features were", f"{after}, of what they are"
    return tuple(  # type: ignore[return-value]  # of two
        f"{text} ({', '.join(f'{key} {of.get(key)}' for key in differing)})"
        for text, of in ((before, then), (after, today))
    )


def _recent(lakehouse: Lakehouse) -> dict[str, list[int]]:
    """Feature table -> the rows of the nights that were built last, the newest first: one job."""
    newest = F.max_by("value", F.struct("as_of", "started_at"), RECENT)
    rows = (
        ledger.metrics(lakehouse)
        .where("stage = 'features' and metric = 'rows' and status = 'done'")
        .groupBy("target")
        .agg(newest.alias("rows"))
        .collect()
    )
    return {row["target"]: [int(value) for value in row["rows"]] for row in rows}


def _estimate(rows: Sequence[int]) -> Estimate:
    if not rows:
        return Estimate(None, "never built")
    nights = f"the {len(rows)} nights" if len(rows) > 1 else "the night"
    return Estimate(sum(rows) / len(rows), f"as {nights} built last")
