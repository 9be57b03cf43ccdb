"""What is known of files that were looked at before: the table `ops.files`, a row per file and look."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse
from assay.ledger import FILES

FILES_SCHEMA = """
    source string, batch int, source_file string, bytes bigint, modified_at timestamp, sha256 string, status string,
    reason string, records bigint, available_at timestamp, as_of timestamp, landed_at timestamp, run_id string, read_to string
"""


@dataclass(frozen=True)
class Seen:
    """What `ops.files` knows of a source."""

    files: frozenset[tuple[str, int, datetime]]
    """Path, bytes and time of change of files that need no second look."""

    hashes: frozenset[str]
    """SHA-256 of every landed file's bytes."""

    landed: Mapping[str, str]
    """Path of every landed file -> the SHA-256 of what it was when it was landed last."""

    last_batch: int

    landings: tuple[tuple[int, str, str, int], ...] = ()
    """Of sources besides files, in order: batch, the name of what was read, how far, and the rows landed."""


def seen_files(lakehouse: Lakehouse) -> dict[str, Seen]:
    """What `ops.files` knows, by source."""
    nothing = {name: Seen(frozenset(), frozenset(), {}, 0) for name in lakehouse.config.sources}
    if not lakehouse.tables.exists(FILES):
        return nothing
    files = lakehouse.tables.read(FILES)
    read_to = F.col("read_to") if "read_to" in files.columns else F.lit(None).cast("string")
    rows = (
        files.groupBy("source")
        .agg(
            F.collect_set(F.struct("source_file", "bytes", "modified_at")).alias("files"),
            F.collect_set(F.when(F.col("status") == "landed", F.col("sha256"))).alias("hashes"),
            F.collect_list(F.when(F.col("status") == "landed", F.struct("batch", "source_file", "sha256"))).alias(
                "landed"
            ),
            F.max("batch").alias("last_batch"),
            F.collect_list(
                F.when(read_to.isNotNull(), F.struct("batch", "source_file", read_to.alias("read_to"), "records"))
            ).alias("landings"),
        )
        .collect()
    )
    return nothing | {
        row["source"]: Seen(
            frozenset(
                (f["source_file"], f["bytes"], f["modified_at"].replace(tzinfo=UTC))
                for f in row["files"]
                if f["modified_at"]
            ),
            frozenset(row["hashes"]),
            {
                file["source_file"]: file["sha256"]
                for file in sorted(row["landed"], key=lambda file: int(file["batch"]))
            },
            row["last_batch"] or 0,
            tuple(
                sorted(
                    (int(at["batch"]), at["source_file"], at["read_to"], int(at["records"])) for at in row["landings"]
                )
            ),
        )
        for row in rows
    }
