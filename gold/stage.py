"""The features stage: build every feature table as of a night, or as of every night of a range in one pass.

What was published for an as_of stays: a table's slice that the ledger has as done, under the same definition, is not
computed again, whatever has arrived since.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime

from pyspark.sql import functions as F

from assay import ledger
from assay.config import FeatureTable
from assay.errors import TableError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome, Target
from assay.session import compiled
from assay.stages import run_stage, side_by_side
from gold.aggregates import check_aggregates
from gold.compute import compute
from gold.store import apply


def run(lakehouse: Lakehouse, as_of: datetime, earlier: Sequence[datetime] = ()) -> Outcome:
    """Build the feature tables.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        earlier: Nights before it to build in the same pass; each gets its own row in the ledger.

    Raises:
        ConfigError: A feature names an unknown aggregate.
        FeatureError: A feature's expression does not fit its source.
    """
    for table in lakehouse.config.features.values():
        check_aggregates(table)
    return run_stage(lakehouse, "features", as_of, lambda outcome: _build_all(lakehouse, outcome, earlier))


def _build_all(lakehouse: Lakehouse, outcome: Outcome, earlier: Sequence[datetime]) -> None:
    others = [
        Outcome("features", night, status="done", spark_jobs=0) for night in sorted(set(earlier) - {outcome.as_of})
    ]
    outcomes = {night.as_of: night for night in (*others, outcome)}
    done = ledger.completed(lakehouse, "features", list(outcomes))

    def build(table: FeatureTable) -> None:
        key = definition_key(table)
        missing = [as_of for as_of in outcomes if (as_of, key) not in done]
        if missing:
            _build(lakehouse, table, key, [outcomes[as_of] for as_of in missing])

    with compiled(lakehouse.spark) if others else nullcontext():
        side_by_side(lakehouse, build, list(lakehouse.config.features.values()))
    apply(lakehouse)
    now = datetime.now(UTC)
    for other in others:
        other.started_at, other.ended_at = outcome.started_at, now
        other.notes.append(f"built in one pass with the night of {outcome.as_of:%Y-%m-%d}")
    if others := [other for other in others if other.targets]:
        ledger.record(lakehouse, others)


def definition_key(table: FeatureTable) -> str:
    """The key under which the ledger has a feature table as done."""
    return ledger.key_of("features", table.name, table.model_dump(mode="json", exclude={"description"}))


def _build(lakehouse: Lakehouse, table: FeatureTable, key: str, outcomes: Sequence[Outcome]) -> None:
    name = f"gold.{table.name}"
    source = lakehouse.config.sources[table.source]
    history = lakehouse.tables.read(f"silver.{source.name}__history")
    as_ofs = [outcome.as_of for outcome in outcomes]
    features = compute(history, table, source.event_time, as_ofs).withColumns(
        {"created_timestamp": F.lit(datetime.now(UTC))}
    )
    columns = [column.name for column in table.output]
    commit = lakehouse.tables.replace(
        name,
        features.select(*table.keys, "event_timestamp", "created_timestamp", *columns),
        slice_of={"event_timestamp": as_ofs},
        evolve=True,
    )
    rows = {as_ofs[0]: commit.rows} if len(as_ofs) == 1 else _rows_per_night(lakehouse, name, as_ofs)
    if sum(rows.values()) != commit.rows:
        raise TableError(
            "A feature table does not hold the rows that were written.", where=name, found=sum(rows.values()),
            expected=commit.rows, do="run features again",
        )  # fmt: skip
    for outcome in outcomes:
        outcome.measure(table.name, rows=rows.get(outcome.as_of, 0))
        outcome.targets.append(Target(table.name, key, name, commit.version))


def _rows_per_night(lakehouse: Lakehouse, name: str, as_ofs: Sequence[datetime]) -> dict[datetime, int]:
    slices = lakehouse.tables.read(name).where(F.col("event_timestamp").isin(list(as_ofs)))
    return {
        row["event_timestamp"].replace(tzinfo=UTC): row["count"]
        for row in slices.groupBy("event_timestamp").count().collect()
    }
