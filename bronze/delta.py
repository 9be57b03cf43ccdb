"""Sources that are other Delta tables: each landing takes what was added since the version landed last."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay import changes
from assay.changes import COMMITTED, FILE, VERSION, Commit
from assay.config import Source
from assay.config.origins import DeltaTable
from assay.errors import AssayError, ContractError, SourceError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.tables import quoted
from bronze.columns import check_columns, check_types, new_columns_note
from bronze.delivery import KINDS, Delivery, Kind, Looked
from bronze.seen import Seen

_CLASSES = {
    "byte": "integer", "short": "integer", "integer": "integer", "long": "integer", "float": "floating",
    "double": "floating", "decimal": "decimal", "boolean": "boolean", "date": "date", "timestamp": "timestamp",
    "timestamp_ntz": "timestamp", "binary": "binary", "void": "null", "array": "nested", "map": "nested",
    "struct": "nested", "variant": "nested",
}  # fmt: skip
"""Spark's name for a type -> the class of a column."""


@dataclass(frozen=True)
class _Found:
    """What is to be read of a table."""

    upto: tuple[Commit, ...]
    """The commits that are landed now, oldest first."""

    after: int | None
    """The version landed last; None for none."""

    range: changes.Range | None
    new: tuple[str, ...] = ()


def look(lakehouse: Lakehouse, sources: Sequence[Source], seen: Mapping[str, Seen], outcome: Outcome) -> Looked:
    """Find the versions of each table that are new and were committed by the as_of."""
    looked = Looked()
    for source in sources:
        found = _look(lakehouse, source, seen[source.name], outcome)
        looked.seen[source.name] = [delivery.name for delivery in found]
        looked.deliveries += found
        if not any(delivery.status == "landed" for delivery in found):
            outcome.measure(source.name, files=0)
            waits = f", {found[0].reason}" if found else ""
            outcome.notes.append(f"{source.name}: no new row{waits}")
    return looked


def read(lakehouse: Lakehouse, deliveries: Sequence[Delivery]) -> DataFrame:
    """The rows that came to a table, numbered within their commit and data file."""
    (delivery,) = deliveries
    source, found = delivery.source, delivery.detail
    frame = _rows(lakehouse, source, found)
    texts = {field.name: _text(field) for field in frame.schema.fields if field.name not in (VERSION, COMMITTED, FILE)}
    kept = found.new if source.come_from.on_new_column == "keep" else ()
    extra = [part for name in kept for part in (F.lit(name), texts[name])]
    nothing = F.lit(None).cast("string")
    version = F.lpad(F.coalesce(F.col(VERSION), F.lit(found.upto[-1].version)).cast("string"), 10, "0")
    place = F.concat(
        F.lit(f"{delivery.name}@"), version, F.when(F.col(FILE) != "", F.concat(F.lit("/"), FILE)).otherwise("")
    )
    record = F.sha2(F.to_json(F.struct(*[text.alias(name) for name, text in sorted(texts.items())])), 256)
    order = Window.partitionBy("source_file").orderBy("__record")
    return frame.select(
        *[texts.get(raw, nothing).alias(name) for name, raw in source.raw_names.items()],
        (F.create_map(*extra) if extra else F.lit(None)).cast("map<string,string>").alias("extra"),
        nothing.alias("corrupt"), nothing.alias("raw"), place.alias("source_file"), record.alias("__record"),
        F.coalesce(F.col(COMMITTED), F.lit(delivery.available_at)).alias("available_at"),
    ).select(
        *[quoted(name) for name in source.columns], "extra", "corrupt", "raw", "source_file",
        F.row_number().over(order).cast("bigint").alias("source_position"), "available_at",
    )  # fmt: skip


def failure(_lakehouse: Lakehouse, deliveries: Sequence[Delivery], error: Exception) -> AssayError | None:
    """The error for data files that are no longer there."""
    (delivery,) = deliveries
    if delivery.name not in str(error) or not any(word in str(error) for word in ("FileNotFound", "FILE_NOT_EXIST")):
        return None
    return _gone(delivery.source, delivery.detail.upto[0].version)


KINDS[DeltaTable] = Kind(look, read, failure=failure)


def _look(lakehouse: Lakehouse, source: Source, seen: Seen, outcome: Outcome) -> list[Delivery]:
    name, path = _origin(source).delta, _path(lakehouse, source)
    state = changes.state_of(lakehouse.spark, path)
    if state is None:
        raise SourceError(
            f"The table of source {source.name} does not exist.", where=f"{path} against {source.at('from', 'delta')}",
            expected="a Delta table", do="correct from.delta, or landing in the environment",
        )  # fmt: skip
    before = [json.loads(told) for _, known, told, _ in seen.landings if known == name]
    after = _landed(source, state, before[-1]) if before else None
    if after == state.version:
        return []
    new = changes.commits(lakehouse.spark, path, state.version - (-1 if after is None else after))
    in_time = [commit for commit in new if commit.at <= outcome.as_of or _origin(source).available != "committed"]
    waiting = []
    if len(in_time) < len(new):
        late = f"{name}@{new[-1].version}"
        waiting = [
            Delivery(
                source, late, "waiting", new[-1].at, reason=f"version {new[-1].version} was committed after the as_of"
            )
        ]
    if not in_time:
        return waiting
    found = _found(lakehouse, source, path, after, in_time)
    if found is None:
        return waiting
    fields = changes.version_of(lakehouse.spark, path, in_time[-1].version).schema.fields
    unnamed = check_columns(source, name, [field.name for field in fields])
    check_types(source, name, {field.name: _CLASSES.get(field.dataType.typeName(), "string") for field in fields})
    detail = _Found(found.upto, found.after, found.range, tuple(unnamed))
    landed = Delivery(
        source, name, "landed", in_time[-1].at, batch=seen.last_batch + 1,
        read_to=json.dumps({"table": state.id, "version": in_time[-1].version}),
        notes=(*new_columns_note(source, name, unnamed), *_removed_note(name, found)), detail=detail,
    )  # fmt: skip
    return [landed, *waiting]


def _found(lakehouse: Lakehouse, source: Source, path: str, after: int | None, upto: Sequence[Commit]) -> _Found | None:
    """What is to be read; None where the commits brought no rows."""
    if after is None:
        return _Found(tuple(upto), None, None)
    if [commit.version for commit in upto] != list(range(after + 1, after + 1 + len(upto))):
        raise _gone(source, after + 1)
    log = changes.range_of(lakehouse.spark, path, after, upto[-1].version)
    if log.removing and not log.fed and _origin(source).on_changed == "fail":
        operation = next(commit.operation for commit in upto if commit.version == log.removing[0])
        raise ContractError(
            f"The table of source {source.name} has lost rows, or had them rewritten, and does not say which.",
            where=f"{path} against {source.at('from', 'on_changed')}", found=f"version {log.removing[0]}: {operation}",
            expected="commits that add rows",
            do="set from.on_changed: version to compare whole versions; for later commits, turn on the table's change data feed",
        )  # fmt: skip
    return _Found(tuple(upto), after, log) if log.added or log.removing else None


def _rows(lakehouse: Lakehouse, source: Source, found: _Found) -> DataFrame:
    """The rows that came, with their commit and data file."""
    spark, path, last = lakehouse.spark, _path(lakehouse, source), found.upto[-1]
    if found.after is None or found.range is None:
        return changes.whole(spark, path, last)
    if not found.range.removing:
        return changes.appended(spark, path, found.range.added, found.upto)
    if found.range.fed:
        return changes.fed(spark, path, found.after, last.version)
    new, old = (changes.version_of(spark, path, version) for version in (last.version, found.after))
    was = {field.name: field for field in old.schema.fields}
    return changes.compared(
        new.select(*[_text(field).alias(field.name) for field in new.schema.fields]),
        old.select(*[
            (_text(was[name]) if name in was else F.lit(None).cast("string")).alias(name) for name in new.columns
        ]),
        last,
    )  # fmt: skip


def _landed(source: Source, state: changes.State, before: Mapping[str, Any]) -> int:
    """The version landed last, of the same table."""
    if before["table"] != state.id or before["version"] > state.version:
        raise SourceError(
            f"The table of source {source.name} was replaced by another.",
            where=f"{_origin(source).delta} against {source.at('from', 'delta')}",
            found=f"table {state.id}, version {state.version}",
            expected=f"table {before['table']}, version {before['version']} or later",
            do="bring the table back, or land the new one as a source of its own",
        )  # fmt: skip
    return int(before["version"])


def _gone(source: Source, version: int) -> SourceError:
    return SourceError(
        f"The table of source {source.name} no longer has what was added to it.",
        where=f"{_origin(source).delta} against {source.at('from', 'delta')}",
        found=f"files of its versions from {version} on are gone: VACUUM, or the end of its log's retention",
        do="land it more often than that; now land the whole table as a source of its own",
    )


def _removed_note(name: str, found: _Found) -> tuple[str, ...]:
    if found.range is None or not found.range.removing:
        return ()
    versions = ", ".join(map(str, found.range.removing))
    return (f"{name}: rows were removed or rewritten in version {versions}; what was landed of them stays",)


def _text(field: T.StructField) -> Column:
    """A value as text, one for each value; moments with their zone."""
    value = F.col(quoted(field.name))
    match _CLASSES.get(field.dataType.typeName(), "string"):
        case "nested":
            return F.to_json(value)
        case "binary":
            return F.lower(F.hex(value))
        case "timestamp" if field.dataType.typeName() == "timestamp":
            return F.date_format(value, "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")
    return value.cast("string")


def _origin(source: Source) -> DeltaTable:
    """What the contract says of its table."""
    assert isinstance(source.come_from, DeltaTable)  # noqa: S101  # the registry gives this kind no others
    return source.come_from


def _path(lakehouse: Lakehouse, source: Source) -> str:
    """Where the table lies."""
    given = _origin(source).delta
    return given if "://" in given else f"{lakehouse.landing}/{given}"
