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
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.session import compiled
from assay.stages import run_stage, side_by_side
from gold.aggregates import check_aggregates
from gold.compute import compute, needed
from gold.decision import Decision, decide
from gold.definitions import definition_key, record
from gold.store import apply


def run(
    lakehouse: Lakehouse, as_of: datetime, earlier: Sequence[datetime] = (), *, kept: Sequence[FeatureTable] = (),
    rewrite: bool = False,
) -> Outcome:  # fmt: skip
    """Build the feature tables.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        earlier: Nights before it to build in the same pass; each gets its own row in the ledger.
        kept: Older versions of feature tables that are still read, as tables of their own.
        rewrite: Build also what is published, in its place.

    Raises:
        ConfigError: A feature names an unknown aggregate.
        FeatureError: A feature's expression does not fit its source.
    """
    for table in lakehouse.config.features.values():
        check_aggregates(table)
    return run_stage(
        lakehouse, "features", as_of, lambda outcome: _build_all(lakehouse, outcome, earlier, kept, rewrite=rewrite)
    )


def _build_all(
    lakehouse: Lakehouse, outcome: Outcome, earlier: Sequence[datetime], kept: Sequence[FeatureTable], *, rewrite: bool
) -> None:
    outcome.others += [
        Outcome("features", night, notes=[f"built in one pass with the night of {outcome.as_of:%Y-%m-%d}"])
        for night in sorted(set(earlier) - {outcome.as_of})
    ]
    outcomes = {night.as_of: night for night in (*outcome.others, outcome)}
    decided = decide(lakehouse, list(outcomes), kept, rewrite=rewrite)
    to_build = [each for each in decided if each.build]
    record(lakehouse, [each.table for each in to_build if not each.is_older], outcome.as_of)
    _take_over(lakehouse, outcome.as_of, [each for each in decided if each.take])
    with (
        compiled(lakehouse.spark) if outcome.others else nullcontext(),
        _events(lakehouse, [each.table for each in to_build], list(outcomes)) as events,
    ):
        side_by_side(
            lakehouse,
            lambda each: _build(
                lakehouse, each.table, *events[each.table.source], [outcomes[night] for night in each.build]
            ),
            to_build,
        )
    apply(lakehouse)


def _take_over(lakehouse: Lakehouse, as_of: datetime, decided: Sequence[Decision]) -> None:
    """Copy the nights that an older version has in the table of the configuration into its own.

    It is in the ledger before anything is built: what is built may replace those nights, and a run that dies then would
    be followed by one that takes new values for old ones.
    """
    if not decided:
        return
    outcome = Outcome("features", as_of, status="done")
    outcomes = {as_of: outcome}
    for each in decided:
        for night in each.take:
            outcomes.setdefault(night, Outcome("features", night))
        made_of = Input(f"gold.{each.of}", lakehouse.tables.version(f"gold.{each.of}"))
        rows = lakehouse.tables.read(made_of.table, made_of.version)
        rows = rows.where(F.col("event_timestamp").isin(list(each.take)))
        _write(lakehouse, each.table, rows, made_of, [outcomes[night] for night in each.take])
        outcome.notes.append(f"{each.table.name}: {len(each.take)} nights taken over from {each.of}")
    outcome.others += [other for other in outcomes.values() if other is not outcome]
    outcome.ended_at = datetime.now(UTC)
    ledger.record(lakehouse, outcome)


@contextmanager
def _events(
    lakehouse: Lakehouse, tables: Sequence[FeatureTable], as_ofs: Sequence[datetime]
) -> Iterator[dict[str, tuple[DataFrame, Input]]]:
    """Source -> its history, and of which version; what several tables need is read once, and held in memory and on disk."""
    found, held = {}, []
    for name in dict.fromkeys(table.source for table in tables):
        mine = [table for table in tables if table.source == name]
        version = lakehouse.tables.version(f"silver.{name}__history")
        made_of = Input(f"silver.{name}__history", version)
        history = lakehouse.tables.read(made_of.table, version)
        if len(mine) > 1:
            history = needed(history, mine, lakehouse.config.sources[name].event_time, as_ofs).persist()
            held.append(history)
        found[name] = history, made_of
    try:
        yield found
    finally:
        for history in held:
            history.unpersist()


def _build(
    lakehouse: Lakehouse, table: FeatureTable, history: DataFrame, made_of: Input, outcomes: Sequence[Outcome]
) -> None:
    source = lakehouse.config.sources[table.source]
    features = compute(history, table, source.event_time, [outcome.as_of for outcome in outcomes])
    features = features.withColumns({"created_timestamp": F.lit(datetime.now(UTC))})
    _write(lakehouse, table, features, made_of, outcomes)


def _write(
    lakehouse: Lakehouse, table: FeatureTable, features: DataFrame, made_of: Input, outcomes: Sequence[Outcome]
) -> None:
    """Replace the slices of some nights by rows of features, and say so in their outcomes."""
    name, key, as_ofs = f"gold.{table.name}", definition_key(table), [outcome.as_of for outcome in outcomes]
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
        outcome.targets.append(Target(table.name, key, name, commit.version, (made_of,)))


def _rows_per_night(lakehouse: Lakehouse, name: str, as_ofs: Sequence[datetime]) -> dict[datetime, int]:
    slices = lakehouse.tables.read(name).where(F.col("event_timestamp").isin(list(as_ofs)))
    return {
        row["event_timestamp"].replace(tzinfo=UTC): row["count"]
        for row in slices.groupBy("event_timestamp").count().collect()
    }
