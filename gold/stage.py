"""The features stage: build every feature table as of a night, or as of every night of a range in one pass.

What was published for an as_of stays: a table's slice that the ledger has as done, under the same definition, is not
computed again, whatever has arrived since, unless somebody asks for it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay import ledger
from assay.config import FeatureTable
from assay.errors import TableError
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.session import compiled
from assay.stages import run_stage, side_by_side
from gold.aggregates import AGGREGATES, check_aggregates
from gold.compute import compute, needed
from gold.store import apply


def run(lakehouse: Lakehouse, as_of: datetime, earlier: Sequence[datetime] = (), *, rewrite: bool = False) -> Outcome:
    """Build the feature tables.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        earlier: Nights before it to build in the same pass; each gets its own row in the ledger.
        rewrite: Build also what is published, in its place.

    Raises:
        ConfigError: A feature names an unknown aggregate.
        FeatureError: A feature's expression does not fit its source.
    """
    for table in lakehouse.config.features.values():
        check_aggregates(table)
    return run_stage(
        lakehouse, "features", as_of, lambda outcome: _build_all(lakehouse, outcome, earlier, rewrite=rewrite)
    )


def _build_all(lakehouse: Lakehouse, outcome: Outcome, earlier: Sequence[datetime], *, rewrite: bool) -> None:
    outcome.others += [
        Outcome("features", night, notes=[f"built in one pass with the night of {outcome.as_of:%Y-%m-%d}"])
        for night in sorted(set(earlier) - {outcome.as_of})
    ]
    outcomes = {night.as_of: night for night in (*outcome.others, outcome)}
    done = set() if rewrite else ledger.completed(lakehouse, "features", list(outcomes))
    missing = {
        table.name: [outcomes[as_of] for as_of in outcomes if (as_of, definition_key(table)) not in done]
        for table in lakehouse.config.features.values()
    }
    to_build = [table for table in lakehouse.config.features.values() if missing[table.name]]
    with (
        compiled(lakehouse.spark) if outcome.others else nullcontext(),
        _events(lakehouse, to_build, list(outcomes)) as events,
    ):
        side_by_side(
            lakehouse, lambda table: _build(lakehouse, table, events[table.source], missing[table.name]), to_build
        )
    apply(lakehouse)


@contextmanager
def _events(
    lakehouse: Lakehouse, tables: Sequence[FeatureTable], as_ofs: Sequence[datetime]
) -> Iterator[dict[str, DataFrame]]:
    """Source -> its history; what several tables need of it is read once, and held in memory and on disk."""
    found, held = {}, []
    for name in dict.fromkeys(table.source for table in tables):
        mine = [table for table in tables if table.source == name]
        history = lakehouse.tables.read(f"silver.{name}__history")
        if len(mine) > 1:
            history = needed(history, mine, lakehouse.config.sources[name].event_time, as_ofs).persist()
            held.append(history)
        found[name] = history
    try:
        yield found
    finally:
        for history in held:
            history.unpersist()


def definition_key(table: FeatureTable) -> str:
    """The key under which the ledger has a feature table as done: what it tells, also of an entity without a row."""
    empty = {
        each.aggregate: AGGREGATES[each.aggregate].empty for each in table.features.values() if not each.is_expression
    }
    return ledger.key_of("features", table.name, table.model_dump(mode="json", exclude={"description"}), empty)


def _build(lakehouse: Lakehouse, table: FeatureTable, history: DataFrame, outcomes: Sequence[Outcome]) -> None:
    name, key = f"gold.{table.name}", definition_key(table)
    source = lakehouse.config.sources[table.source]
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
        empty=ledger.holds_nothing(lakehouse, name, as_ofs),
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
