"""The bronze stage: land what was delivered by the as_of and is not landed yet, as one batch per source.

A batch is written by replacing its own slice of the table, and counts as landed only once `ops.files` names it. A run
that dies between the two leaves a slice that nothing reads and that the next run replaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F

from assay import ledger
from assay.errors import SourceError, TableError
from assay.frames import local_frame
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import FILES, Outcome
from assay.stages import run_stage, side_by_side
from bronze import delta, files, jdbc  # noqa: F401  # each makes its kind known
from bronze.account import account
from bronze.delivery import KINDS, Delivery, kind_of
from bronze.seen import FILES_SCHEMA, Seen, seen_files


def run(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Land what is new of every source.

    Raises:
        SourceError: A source cannot be listed or read.
        ContractError: A file or table lacks a column that the contract declares.
    """
    return run_stage(lakehouse, "bronze", as_of, lambda outcome: _land_all(lakehouse, outcome))


def _land_all(lakehouse: Lakehouse, outcome: Outcome) -> None:
    seen = seen_files(lakehouse)
    _tell_untold(lakehouse, seen, outcome)
    found = _look(lakehouse, seen, outcome)
    to_land = [
        [delivery for delivery in found if delivery.source is source and delivery.status == "landed"]
        for source in lakehouse.config.sources.values()
    ]
    batches = [deliveries for deliveries in to_land if deliveries]
    landed = side_by_side(lakehouse, lambda deliveries: _land(lakehouse, deliveries, outcome), batches)
    changed = {name for batch in landed for name in kind_of(batch[0].source).changed(lakehouse, batch)}
    if changed:
        raise SourceError(
            "A file changed while it was landed.", where=", ".join(sorted(changed)),
            do="run bronze again: nothing of these batches counts as landed, and the file is looked at anew",
        )  # fmt: skip
    rest = [delivery for delivery in found if delivery.status in ("duplicate", "quarantined")]
    outcome.notes += [f"{delivery.name}: {delivery.status}, {delivery.reason}" for delivery in rest]
    if recorded := [*(delivery for batch in landed for delivery in batch), *rest]:
        _record_files(lakehouse, recorded, outcome)


def _look(lakehouse: Lakehouse, seen: dict[str, Seen], outcome: Outcome) -> list[Delivery]:
    """What is new in every source, kind by kind, each delivery accounted for."""
    found: list[Delivery] = []
    for origin, kind in KINDS.items():
        sources = [source for source in lakehouse.config.sources.values() if type(source.come_from) is origin]
        if not sources:
            continue
        looked = kind.look(lakehouse, sources, seen, outcome)
        for source in sources:
            mine = [delivery for delivery in looked.deliveries if delivery.source is source]
            outcome.measure(source.name, None, "", **account(source.name, looked.seen.get(source.name, []), mine))
        found += looked.deliveries
    return found


def _land(lakehouse: Lakehouse, deliveries: Sequence[Delivery], outcome: Outcome) -> list[Delivery]:
    """Write one source's batch and count what was written, file by file."""
    source, batch = deliveries[0].source, deliveries[0].batch or 0
    table = f"bronze.{source.name}"
    landed_at = F.lit(datetime.now(UTC))
    kind = kind_of(source)
    try:
        commit = lakehouse.tables.replace(
            table,
            kind.read(lakehouse, deliveries).withColumns({"batch": F.lit(batch), "landed_at": landed_at}),
            slice_of={"batch": [batch]},
            evolve=True,
            empty=ledger.holds_nothing(lakehouse, table, [outcome.as_of], batch),
        )
    except (PySparkException, Py4JError) as error:
        if told := kind.failure(lakehouse, deliveries, error):
            raise told from None  # what Spark says besides may show where the source is
        raise
    counts = _counted(lakehouse, table, batch)
    records, places = (sum(row[name] for row in counts.values()) for name in ("records", "places"))
    if not records == commit.rows == places:
        raise TableError(
            "A batch does not hold the rows that were written, each in its own place.", where=f"{table}, batch {batch}",
            found=f"{records} rows in {places} places", expected=f"{commit.rows} in as many",
            do="run bronze again: the batch is replaced",
        )  # fmt: skip
    corrupt = sum(row["corrupt"] for row in counts.values())
    outcome.measure(source.name, batch, files=len(deliveries), parsed=commit.rows, records=records, corrupt=corrupt)
    outcome.notes += [note for delivery in deliveries for note in delivery.notes]
    outcome.targets.append(Target(source.name, f"batch {batch}", table, commit.version))
    if len(deliveries) == 1:
        return [replace(deliveries[0], records=records)]
    return [
        replace(delivery, records=counts[delivery.name]["records"] if delivery.name in counts else 0)
        for delivery in deliveries
    ]


def _counted(lakehouse: Lakehouse, table: str, batch: int) -> dict[str, Row]:
    """Of each file of a batch that has any: its `records`, how many of them are `corrupt`, and in how many `places`."""
    rows = lakehouse.tables.read(table).where(F.col("batch") == batch).groupBy("source_file")
    counts = rows.agg(
        F.count("*").alias("records"),
        F.count("corrupt").alias("corrupt"),
        F.count_distinct("source_position").alias("places"),
    )
    return {row["source_file"]: row for row in counts.collect()}


def _tell_untold(lakehouse: Lakehouse, seen: Mapping[str, Seen], outcome: Outcome) -> None:
    """Put on record the batches that are landed and that no run has told of: one that died first has landed them."""
    newest = ledger.known(lakehouse, [outcome.as_of]).newest
    for name in lakehouse.config.sources:
        table = f"bronze.{name}"
        told = int(newest[table].key.removeprefix("batch ")) if table in newest else 0
        for batch in range(told + 1, seen[name].last_batch + 1):
            counts = _counted(lakehouse, table, batch)
            records, corrupt = (sum(row[each] for row in counts.values()) for each in ("records", "corrupt"))
            outcome.measure(name, batch, files=len(counts), parsed=records, records=records, corrupt=corrupt)
            outcome.targets.append(Target(name, f"batch {batch}", table, lakehouse.tables.version(table)))
            outcome.notes.append(f"{name} batch {batch} was landed by a run that was cut off")


def _record_files(lakehouse: Lakehouse, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "source": delivery.source.name,
            "batch": delivery.batch,
            "source_file": delivery.name,
            "bytes": delivery.bytes,
            "modified_at": delivery.modified_at,
            "sha256": delivery.sha256,
            "status": delivery.status,
            "reason": delivery.reason,
            "records": delivery.records,
            "available_at": delivery.available_at,
            "as_of": outcome.as_of,
            "landed_at": now,
            "run_id": outcome.run_id,
            "read_to": delivery.read_to,
        }
        for delivery in deliveries
    ]
    lakehouse.tables.append(FILES, local_frame(lakehouse.spark, rows, FILES_SCHEMA).coalesce(1), evolve=True)
