"""The bronze stage: land what was delivered by the as_of and is not landed yet, as one batch per source.

A batch is written by replacing its own slice of the table, and counts as landed only once `ops.files` names its files.
A run that dies between the two leaves a slice that nothing reads and that the next run replaces.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pyspark.sql import functions as F

from assay import ledger
from assay.config import Source
from assay.errors import ContractError, TableError, nearest
from assay.files import FileInfo, list_files
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome, Target
from assay.stages import run_stage, side_by_side
from assay.tables import local_frame
from bronze import tasks
from bronze.available import available_at
from bronze.readers import format_of
from bronze.seen import FILES, FILES_SCHEMA, Seen, seen_files

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewFile:
    """A file that no batch has landed yet."""

    source: Source
    info: FileInfo
    available_at: datetime | None
    format: str | None
    sha256: str = ""
    status: str = "landed"
    reason: str | None = None
    records: int = 0
    batch: int | None = None


def run(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Land new files of every source.

    Raises:
        SourceError: A landing folder does not exist.
        ContractError: A file lacks a column that the contract declares.
    """
    return run_stage(lakehouse, "bronze", as_of, lambda outcome: _land_all(lakehouse, outcome))


def _land_all(lakehouse: Lakehouse, outcome: Outcome) -> None:
    seen = seen_files(lakehouse)
    found = [
        file for source in lakehouse.config.sources.values() for file in _new_files(lakehouse, source, seen, outcome)
    ]
    if not found:
        return
    looked = _decide(_inspect(lakehouse, found), seen)
    to_land = [
        [file for file in looked if file.source is source and file.status == "landed"]
        for source in lakehouse.config.sources.values()
    ]
    landed = side_by_side(
        lakehouse, lambda files: _land(lakehouse, files, outcome), [files for files in to_land if files]
    )
    rest = [file for file in looked if file.status != "landed"]
    for file in rest:
        outcome.notes.append(f"{file.info.path}: {file.status}, {file.reason}")
    _record_files(lakehouse, [*(file for files in landed for file in files), *rest], outcome)


def _new_files(lakehouse: Lakehouse, source: Source, seen: dict[str, Seen], outcome: Outcome) -> list[NewFile]:
    """Files of a source that are new, delivered by the as_of."""
    come_from = source.come_from
    new: list[NewFile] = []
    waiting = 0
    for info in list_files(lakehouse.landing, come_from.files):
        if (info.path, info.bytes, info.modified_at) in seen[source.name].files:
            continue
        when = available_at(info, come_from, lakehouse.time_zone)
        if come_from.available in ("file_name", "modified") and when is not None and when > outcome.as_of:
            waiting += 1
        else:
            new.append(NewFile(source, info, when, format_of(info.path, come_from.format)))
    if not new:
        outcome.measure(source.name, files=0)
        outcome.notes.append(
            f"{source.name}: no new file" + (f", {waiting} delivered after the as_of" if waiting else "")
        )
    return new


def _inspect(lakehouse: Lakehouse, files: Sequence[NewFile]) -> list[NewFile]:
    """Look at every new file of every source in one Spark job; what cannot be landed gets its reason."""
    readable = {
        number: file for number, file in enumerate(files) if file.available_at is not None and file.format is not None
    }
    results = {}
    if readable:
        rows = [{"number": number, "path": file.info.path, "format": file.format} for number, file in readable.items()]
        frame = local_frame(lakehouse.spark, rows, "number int, path string, format string")
        found = frame.mapInArrow(tasks.inspect(lakehouse.landing), tasks.INSPECTED).collect()
        results = {row["number"]: row for row in found}
    looked = []
    for number, file in enumerate(files):
        row = results.get(number)
        if file.available_at is None:
            looked.append(_refused(file, "the name does not begin with a delivery time such as 2013-03-01T06-00"))
        elif file.format is None:
            looked.append(
                _refused(file, "neither the name's ending nor the contract's from.format says how to read it")
            )
        elif row is None or row["error"]:
            looked.append(_refused(file, row["error"] if row else "not read"))
        else:
            _check_columns(file, row["columns"])
            looked.append(replace(file, sha256=row["sha256"]))
    return looked


def _refused(file: NewFile, reason: str) -> NewFile:
    logger.warning("%s: quarantined whole: %s", file.info.path, reason)
    return replace(file, status="quarantined", reason=reason)


def _check_columns(file: NewFile, columns: list[str] | None) -> None:
    if columns is None:
        return
    source = file.source
    declared = {source.raw_names[name] for name, column in source.columns.items() if not column.optional}
    if missing := sorted(declared - set(columns)):
        new = sorted(set(columns) - set(source.raw_names.values()))
        raise ContractError(
            f"A file of source {source.name} lacks a column of the contract.",
            where=f"{file.info.path} against {source.at('columns', missing[0])}",
            found="columns " + ", ".join(columns),
            expected=f"also {', '.join(missing)}" + (f" ({nearest(missing[0], new)})" if new else ""),
            do="have the file delivered anew, or correct the contract (from: <new name>, or optional: true)",
        )


def _decide(files: Sequence[NewFile], seen: dict[str, Seen]) -> list[NewFile]:
    """The same bytes are landed once, whatever the file's name."""
    hashes = {name: set(known.hashes) for name, known in seen.items()}
    decided = []
    for file in files:
        known = hashes[file.source.name]
        if file.status != "landed":
            decided.append(file)
            continue
        if file.sha256 in known:
            decided.append(replace(file, status="duplicate", reason="the same bytes have been landed before"))
            continue
        known.add(file.sha256)
        decided.append(replace(file, batch=seen[file.source.name].last_batch + 1))
    return decided


def _land(lakehouse: Lakehouse, files: Sequence[NewFile], outcome: Outcome) -> list[NewFile]:
    """Write one source's batch and count what was written, file by file."""
    source, batch = files[0].source, files[0].batch or 0
    table = f"bronze.{source.name}"
    rows = [{"path": file.info.path, "format": file.format, "available_at": file.available_at} for file in files]
    frame = local_frame(lakehouse.spark, rows, "path string, format string, available_at timestamp")
    landed_at = F.lit(datetime.now(UTC))
    columns = [f"`{name}` string" for name in source.columns]
    schema = ", ".join([
        *columns, "extra map<string, string>", "corrupt string", "raw string", "source_file string",
        "source_position bigint", "available_at timestamp",
    ])  # fmt: skip
    read = frame.mapInArrow(tasks.read(lakehouse.landing, source.raw_names), schema)
    commit = lakehouse.tables.replace(
        table,
        read.withColumns({"batch": F.lit(batch), "landed_at": landed_at}),
        slice_of={"batch": [batch]},
        evolve=True,
        empty=ledger.holds_nothing(lakehouse, table, [outcome.as_of], batch),
    )
    counts = {
        row["source_file"]: row
        for row in lakehouse.tables.read(table)
        .where(F.col("batch") == batch)
        .groupBy("source_file")
        .agg(F.count("*").alias("records"), F.count("corrupt").alias("corrupt"))
        .collect()
    }
    records = sum(row["records"] for row in counts.values())
    if records != commit.rows:
        raise TableError(
            "A batch does not hold the rows that were written.", where=f"{table}, batch {batch}",
            found=f"{records} rows", expected=f"{commit.rows}", do="run bronze again: the batch is replaced",
        )  # fmt: skip
    corrupt = sum(row["corrupt"] for row in counts.values())
    outcome.measure(source.name, batch, files=len(files), records=records, corrupt=corrupt)
    outcome.targets.append(Target(source.name, f"batch {batch}", table, commit.version))
    return [
        replace(file, records=counts[file.info.path]["records"] if file.info.path in counts else 0) for file in files
    ]


def _record_files(lakehouse: Lakehouse, files: Sequence[NewFile], outcome: Outcome) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "source": file.source.name,
            "batch": file.batch,
            "source_file": file.info.path,
            "bytes": file.info.bytes,
            "modified_at": file.info.modified_at,
            "sha256": file.sha256,
            "status": file.status,
            "reason": file.reason,
            "records": file.records,
            "available_at": file.available_at,
            "as_of": outcome.as_of,
            "landed_at": now,
            "run_id": outcome.run_id,
        }
        for file in files
    ]
    lakehouse.tables.append(FILES, local_frame(lakehouse.spark, rows, FILES_SCHEMA).coalesce(1), evolve=True)
