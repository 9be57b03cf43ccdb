"""Sources that are tables of a database: each landing reads by a cursor what was added or changed.

A landing begins below the highest cursor landed, by the contract's overlap, so that rows that were committed late are
met. What is met again is known by a hash of the whole record, and is not landed again: the n-th of several equal records
is landed if fewer than n were.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from assay.config import Source
from assay.config.origins import Jdbc
from assay.errors import AssayError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.tables import quoted
from bronze.columns import check_columns, check_types, new_columns_note
from bronze.cursor import Landed, Range, landings_of, range_of, read_to, recent
from bronze.database import (
    Database,
    classes_of,
    connected,
    connection_of,
    database_error,
    message_of,
    must_have,
    name_of,
    options_of,
    origin_of,
    quoted_name,
    quoted_table,
    state_of,
)
from bronze.delivery import KINDS, Delivery, Kind, Looked
from bronze.seen import Seen

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Found:
    """What is to be read of a table."""

    types: Mapping[str, str]
    """Its columns, as the database names their types."""

    new: tuple[str, ...]
    """Those that the contract does not name."""

    range: Range
    before: tuple[Landed, ...]
    """Landings of the table by the same cursor."""

    others: tuple[Landed, ...]
    """Landings by another cursor, which may have brought any row."""


def look(lakehouse: Lakehouse, sources: Sequence[Source], seen: Mapping[str, Seen], outcome: Outcome) -> Looked:
    """Ask each database how far its table has grown; only where it has not, whether there are late rows all the same."""
    looked = Looked()
    for source in sources:
        delivery = _look(lakehouse, source, seen[source.name], outcome)
        looked.seen[source.name] = [delivery.name] if delivery else []
        if delivery:
            looked.deliveries.append(delivery)
        else:
            outcome.measure(source.name, files=0)
    return looked


def read(lakehouse: Lakehouse, deliveries: Sequence[Delivery]) -> DataFrame:
    """The rows of a table that were not landed before."""
    (delivery,) = deliveries
    source, found = delivery.source, delivery.detail
    rows = _not_landed(lakehouse, source, _texts(lakehouse, source, found), found)
    names = list(found.types)
    place = {name: F.col(f"c{number}") for number, name in enumerate(names)}
    kept = [*found.new, *_undeclared_cursor(source)] if source.come_from.on_new_column == "keep" else []
    extra = [part for name in sorted(set(kept)) for part in (F.lit(name), place[name])]
    nothing = F.lit(None).cast("string")
    first = sum(landed.rows for landed in (*found.before, *found.others))
    order = Window.orderBy(F.col("ordering").try_cast("decimal(38,9)"), "record_hash", "nth")
    return rows.select(
        *[place.get(raw, nothing).alias(name) for name, raw in source.raw_names.items()],
        (F.create_map(*extra) if extra else F.lit(None)).cast("map<string,string>").alias("extra"),
        nothing.alias("corrupt"), nothing.alias("raw"),
        F.lit(delivery.name).alias("source_file"),
        (F.lit(first) + F.row_number().over(order)).cast("bigint").alias("source_position"),
        F.lit(delivery.available_at).alias("available_at"), "record_hash",
    )  # fmt: skip


def failure(lakehouse: Lakehouse, deliveries: Sequence[Delivery], error: Exception) -> AssayError | None:
    """The error of the database's that made Spark fail, if it did."""
    if state := state_of(error):
        return database_error(lakehouse, deliveries[0].source, state, message_of(error))
    return None


KINDS[Jdbc] = Kind(look, read, failure=failure)


def _look(lakehouse: Lakehouse, source: Source, seen: Seen, outcome: Outcome) -> Delivery | None:
    name = name_of(source)
    with connected(lakehouse, source) as database:
        types, new = _columns(database, source)
        all_before = landings_of(source, seen.landings)
        before = [landed for landed in all_before if landed.cursor == origin_of(source).cursor]
        others = [landed for landed in all_before if landed not in before]
        ahead = range_of(database, source, types[origin_of(source).cursor], before)
    if ahead is None:
        outcome.notes.append(f"{source.name}: {name} has no rows")
        return None
    found = _Found(types, tuple(new), ahead, tuple(before), tuple(others))
    now = datetime.now(UTC)
    highest = before[-1].highest if before and not ahead.grown else ahead.high
    delivery = Delivery(
        source, name, "landed", now, read_to=read_to(origin_of(source).cursor, highest), batch=seen.last_batch + 1,
        notes=new_columns_note(source, name, new), detail=found,
    )  # fmt: skip
    if ahead.grown or not before:
        return delivery
    if ahead.high != before[-1].highest:
        note = f"{name}: the highest {origin_of(source).cursor} is {ahead.high}, below {before[-1].highest} that was landed"
        logger.warning("%s: rows that were added below it are met only within the overlap", note)
        outcome.notes.append(f"{note}: rows that were added below it are met only within the overlap")
    try:
        nothing = read(lakehouse, [delivery]).isEmpty()
    except Py4JJavaError as error:
        raise (failure(lakehouse, [delivery], error) or error) from None
    if nothing:
        outcome.notes.append(f"{source.name}: no new row")
        return None
    return delivery


def _columns(database: Database, source: Source) -> tuple[dict[str, str], list[str]]:
    """The columns to be read with their types, and those of them that the contract does not name."""
    come_from = origin_of(source)
    types = database.types(f"SELECT * FROM {quoted_table(come_from.table)} WHERE false")
    must_have(source, come_from.cursor, list(types))
    unnamed = _undeclared_cursor(source)
    new = check_columns(source, name_of(source), [name for name in types if name not in unnamed])
    check_types(source, name_of(source), classes_of(types))
    left_out = set(new) if come_from.on_new_column == "ignore" else set()
    return {name: kind for name, kind in types.items() if name not in left_out}, new


def _undeclared_cursor(source: Source) -> list[str]:
    """The cursor, where it is no column of the contract."""
    cursor = origin_of(source).cursor
    return [] if cursor in source.raw_names.values() else [cursor]


def _texts(lakehouse: Lakehouse, source: Source, found: _Found) -> DataFrame:
    """The table's rows in the range: columns c0, c1, … as the database writes them, `ordering`, `record_hash`."""
    come_from = origin_of(source)
    cursor = quoted_name(come_from.cursor)
    is_time = found.range.kind not in ("bigint", "numeric")
    columns = [f"CAST({quoted_name(name)} AS text) AS c{number}" for number, name in enumerate(found.types)]
    ordering = f"CAST({f'EXTRACT(EPOCH FROM {cursor})' if is_time else cursor} AS text) AS ordering"
    query = (
        f"SELECT {', '.join([*columns, ordering])} FROM {quoted_table(come_from.table)} "
        f"WHERE {found.range.condition(come_from.cursor)}"
    )
    options = options_of(connection_of(lakehouse, source))
    texts = lakehouse.spark.read.format("jdbc").options(**options).option("query", query).load()
    named = sorted((name, f"c{number}") for number, name in enumerate(found.types))
    record = F.to_json(F.struct(*[F.col(place).alias(name) for name, place in named]))
    return texts.select("*", F.substring(F.sha2(record, 256), 1, 32).alias("record_hash"))


def _not_landed(lakehouse: Lakehouse, source: Source, texts: DataFrame, found: _Found) -> DataFrame:
    """The rows of which fewer were landed than there are."""
    batches = [landed.batch for landed in found.others]
    if found.range.low is not None:
        batches += recent(found.before, found.range.low)
    if not batches:
        return texts.select("*", F.lit(1).alias("nth"))
    alike = Window.partitionBy("record_hash").orderBy("ordering")
    numbered = texts.select("*", F.row_number().over(alike).alias("nth"))
    landed = (
        lakehouse.tables.read(f"bronze.{source.name}")
        .where(F.col(quoted("batch")).isin(batches) & (F.col("source_file") == name_of(source)))
        .groupBy("record_hash")
        .agg(F.count("*").alias("landed"))
    )
    met = numbered.join(landed, "record_hash", how="left")
    return met.where(F.col("nth") > F.coalesce(F.col("landed"), F.lit(0)))
