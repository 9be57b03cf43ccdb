"""Sources of files: each file is landed once, by the SHA-256 of its bytes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from assay.config import Source
from assay.config.origins import Files
from assay.errors import ContractError
from assay.files import FileInfo, changed_since, list_files
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from bronze import tasks
from bronze.available import available_at
from bronze.columns import check_columns, check_types, new_columns_note
from bronze.delivery import KINDS, Delivery, Kind, Looked, bronze_schema
from bronze.readers import format_of
from bronze.seen import Seen

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _File:
    """What is needed to read a file."""

    info: FileInfo
    format: str | None


def look(lakehouse: Lakehouse, sources: Sequence[Source], seen: Mapping[str, Seen], outcome: Outcome) -> Looked:
    """Find new files, look into them in one Spark job for all sources, and decide what becomes of each."""
    looked = Looked()
    for source in sources:
        found = _new_files(lakehouse, source, seen[source.name], outcome)
        looked.seen[source.name] = [file.name for file in found]
        looked.deliveries += found
    to_inspect = [file for file in looked.deliveries if file.status != "waiting"]
    waiting = [file for file in looked.deliveries if file.status == "waiting"]
    if to_inspect:
        inspected = _inspect(lakehouse, to_inspect)
        decided = _decide(_at_rest(lakehouse, inspected), seen)
        outcome.notes += [f"{file.name}: {file.reason}" for file in decided if file.status == "waiting"]
        looked.deliveries = [*waiting, *decided]
    return looked


def read(lakehouse: Lakehouse, deliveries: Sequence[Delivery]) -> DataFrame:
    """The records of the files of one source."""
    source = deliveries[0].source
    rows = [{"path": file.name, "format": file.detail.format, "available_at": file.available_at} for file in deliveries]
    frame = local_frame(lakehouse.spark, rows, "path string, format string, available_at timestamp")
    keep_new = source.come_from.on_new_column == "keep"
    task = tasks.read(lakehouse.landing, source.raw_names, keep_new=keep_new)
    return frame.mapInArrow(task, bronze_schema(source))


def changed(lakehouse: Lakehouse, deliveries: Sequence[Delivery]) -> set[str]:
    """Files that are no longer as they were listed."""
    return changed_since(lakehouse.landing, [file.detail.info for file in deliveries])


KINDS[Files] = Kind(look, read, changed)


def _new_files(lakehouse: Lakehouse, source: Source, seen: Seen, outcome: Outcome) -> list[Delivery]:
    """Files of a source that no run has looked at; those delivered after the as_of wait."""
    come_from = _files(source)
    found: list[Delivery] = []
    for info in list_files(lakehouse.landing, come_from.files):
        if (info.path, info.bytes, info.modified_at) in seen.files:
            continue
        when = available_at(info, come_from, lakehouse.time_zone)
        late = isinstance(come_from.available, str) and when is not None and when > outcome.as_of
        found.append(
            Delivery(
                source, info.path, "waiting" if late else "landed", when, "delivered after the as_of" if late else None,
                bytes=info.bytes, modified_at=info.modified_at,
                detail=_File(info, format_of(info.path, come_from.format)),
            )
        )  # fmt: skip
    waiting = sum(file.status == "waiting" for file in found)
    if len(found) == waiting:
        outcome.measure(source.name, files=0)
        outcome.notes.append(
            f"{source.name}: no new file" + (f", {waiting} delivered after the as_of" if waiting else "")
        )
    return found


def _inspect(lakehouse: Lakehouse, files: Sequence[Delivery]) -> list[Delivery]:
    """Look at every new file of every source in one Spark job; what cannot be landed gets its reason."""
    readable = {
        number: file
        for number, file in enumerate(files)
        if file.available_at is not None and file.detail.format is not None
    }
    results = {}
    if readable:
        rows = [
            {
                "number": number, "path": file.name, "format": file.detail.format,
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
        elif file.detail.format is None:
            looked.append(
                _refused(file, "neither the name's ending nor the contract's from.format says how to read it")
            )
        elif row is None or row["error"]:
            looked.append(_refused(file, row["error"] if row else "not read"))
        else:
            new = _checked(file, row["columns"], row["types"]) if row["columns"] else []
            notes = new_columns_note(file.source, file.name, new)
            looked.append(replace(file, sha256=row["sha256"], notes=notes))
    return looked


def _checked(file: Delivery, columns: Sequence[str], types: Sequence[str] | None) -> list[str]:
    """The columns of a file that its contract does not name; ContractError where it breaks the contract."""
    new = check_columns(file.source, file.name, columns, may_lack=file.detail.format == "jsonl")
    if types:
        check_types(file.source, file.name, dict(zip(columns, types, strict=True)))
    return new


def _at_rest(lakehouse: Lakehouse, files: Sequence[Delivery]) -> list[Delivery]:
    """A file that is no longer as it was listed is being written, and waits for the next run."""
    now = changed(lakehouse, files)
    return [
        replace(file, status="waiting", reason="is still being written, and waits") if file.name in now else file
        for file in files
    ]


def _refused(file: Delivery, reason: str) -> Delivery:
    logger.warning("%s: quarantined whole: %s", file.name, reason)
    return replace(file, status="quarantined", reason=reason)


def _decide(files: Sequence[Delivery], seen: Mapping[str, Seen]) -> list[Delivery]:
    """The same bytes are landed once, whatever the file's name; of a snapshot once under the same name."""
    hashes = {name: set(known.hashes) for name, known in seen.items()}
    decided = []
    for file in files:
        known = hashes[file.source.name]
        if file.status != "landed":
            decided.append(file)
            continue
        landed, is_snapshot = seen[file.source.name].landed, file.source.history == "snapshot"
        before = landed.get(file.name, file.sha256)
        if before != file.sha256 and _files(file.source).on_changed == "fail":
            raise ContractError(
                f"A file of source {file.source.name} was landed before with other content.",
                where=f"{file.name} against {file.source.at('from', 'on_changed')}",
                found=f"SHA-256 {file.sha256}",
                expected=f"SHA-256 {before}, as it was landed",
                do="bring the file back as it was and deliver the correction under a new name, or set on_changed: version",
            )
        # a snapshot that says what an earlier one said is news, if one in between said something else
        known_bytes = before == file.sha256 and file.name in landed if is_snapshot else file.sha256 in known
        if known_bytes:
            decided.append(replace(file, status="duplicate", reason="the same bytes have been landed before"))
            continue
        known.add(str(file.sha256))
        decided.append(replace(file, batch=seen[file.source.name].last_batch + 1))
    return decided


def _files(source: Source) -> Files:
    """What the contract says of its files."""
    assert isinstance(source.come_from, Files)  # noqa: S101  # the registry gives this kind no others
    return source.come_from
