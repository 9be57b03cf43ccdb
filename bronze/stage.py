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
from assay.errors import ContractError, SourceError, TableError
from assay.files import FileInfo, changed_since, list_files
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage, side_by_side
from assay.tables import local_frame
from bronze import tasks
from bronze.available import available_at
from bronze.columns import check_columns
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
    new_columns: tuple[str, ...] = ()


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
    looked = _decide(_at_rest(lakehouse, _inspect(lakehouse, found), outcome), seen)
    to_land = [
        [file for file in looked if file.source is source and file.status == "landed"]
        for source in lakehouse.config.sources.values()
    ]
    landed = side_by_side(
        lakehouse, lambda files: _land(lakehouse, files, outcome), [files for files in to_land if files]
    )
    if changed := changed_since(lakehouse.landing, [file.info for files in landed for file in files]):
        raise SourceError(
            "A file changed while it was landed.", where=", ".join(sorted(changed)),
            do="run bronze again: nothing of these batches counts as landed, and the file is looked at anew",
        )  # fmt: skip
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
        rows = [
            {
                "number": number, "path": file.info.path, "format": file.format,
                "all_names": file.source.come_from.on_new_column == "fail",
            }
            for number, file in readable.items()
        ]  # fmt: skip
        frame = local_frame(lakehouse.spark, rows, "number int, path string, format string, all_names boolean")
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
            new = check_columns(file.source, file.info.path, str(file.format), row["columns"]) if row["columns"] else []
            looked.append(replace(file, sha256=row["sha256"], new_columns=tuple(new)))
    return looked


def _at_rest(lakehouse: Lakehouse, files: Sequence[NewFile], outcome: Outcome) -> list[NewFile]:
    """The files that are still as they were listed; one that is being written waits for the next run."""
    changed = changed_since(lakehouse.landing, [file.info for file in files])
    outcome.notes += [f"{path}: is still being written, and waits" for path in sorted(changed)]
    return [file for file in files if file.info.path not in changed]


def _refused(file: NewFile, reason: str) -> NewFile:
    logger.warning("%s: quarantined whole: %s", file.info.path, reason)
    return replace(file, status="quarantined", reason=reason)


def _decide(files: Sequence[NewFile], seen: dict[str, Seen]) -> list[NewFile]:
    """The same bytes are landed once, whatever the file's name."""
    hashes = {name: set(known.hashes) for name, known in seen.items()}
    decided = []
    for file in files:
        known = hashes[file.source.name]
        if file.status != "landed":
            decided.append(file)
            continue
        before = seen[file.source.name].landed.get(file.info.path, file.sha256)
        if before != file.sha256 and file.source.come_from.on_changed == "fail":
            raise ContractError(
                f"A file of source {file.source.name} was landed before with other content.",
                where=f"{file.info.path} against {file.source.at('from', 'on_changed')}",
                found=f"SHA-256 {file.sha256}",
                expected=f"SHA-256 {before}, as it was landed",
                do="bring the file back as it was and deliver the correction under a new name, or set on_changed: version",
            )
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
    keep_new = source.come_from.on_new_column == "keep"
    read = frame.mapInArrow(tasks.read(lakehouse.landing, source.raw_names, keep_new=keep_new), schema)
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
    outcome.notes += [
        f"{file.info.path}: has {', '.join(file.new_columns)}, which the contract does not name: "
        + ("kept in extra" if keep_new else "left out")
        for file in files if file.new_columns
    ]  # fmt: skip
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
