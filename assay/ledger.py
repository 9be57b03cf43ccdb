"""The run ledger: `ops.runs`, one row per stage and as_of, and what can be asked of it."""

import hashlib
import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay import __version__
from assay.explained import first_lines
from assay.frames import local_frame
from assay.known import Known, Target
from assay.lakehouse import Lakehouse
from assay.redaction import redacted

logger = logging.getLogger(__name__)

RUNS = "ops.runs"
FILES = "ops.files"
"""What was delivered and what became of it, a row per file or landing; bronze writes it."""
GATES = "ops.gates"
"""What each gate said of each training, a row per gate; model writes it."""
_INPUTS = "array<struct<table: string, version: bigint>>"
_TARGET = f"struct<target: string, key: string, table: string, version: bigint, inputs: {_INPUTS}>"
_METRIC = "struct<target: string, batch: int, metric: string, label: string, value: double>"
_USAGE = {"cpu_seconds": "double", "shuffle_bytes": "bigint", "files_written": "int"}
"""Columns that a ledger of an older release does not have before the first run of this one."""
SCHEMA = f"""
    run_id string, lakehouse string, stage string, as_of timestamp, status string,
    started_at timestamp, ended_at timestamp, seconds double, spark_jobs int, code string, error string,
    {", ".join(f"{name} {kind}" for name, kind in _USAGE.items())},
    targets array<{_TARGET}>, metrics array<{_METRIC}>, notes array<string>
"""

COMPACTED_EVERY = 50
"""Versions of the ledger after which one file is made of its many. Delta's own auto-compaction, once it has found enough of
them, makes one file of two after every commit: two jobs more for each run, which then read the ledger anew."""
_KEPT_SMALL = {
    "delta.logRetentionDuration": "interval 2 days",
    "delta.deletedFileRetentionDuration": "interval 2 days",
}
"""Properties of the ledger: a night adds some ten files to it and as many to its log, and every run reads it."""


@dataclass(frozen=True)
class Metric:
    """One number about a run."""

    target: str
    metric: str
    value: float
    label: str = ""
    batch: int | None = None


@dataclass
class Outcome:
    """What a stage did for one as_of; filled while it runs, written to the ledger at its end."""

    stage: str
    as_of: datetime
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    status: str = "running"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    seconds: float = 0.0
    spark_jobs: int = 0
    cpu_seconds: float | None = None
    shuffle_bytes: int | None = None
    files_written: int | None = None
    error: str = ""
    targets: list[Target] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    others: list["Outcome"] = field(default_factory=list)
    """Of other nights, worked out in the same pass: in the ledger with this one or not at all."""

    def measure(self, target: str, batch: int | None = None, label: str = "", **values: float) -> None:
        """Add metrics of one target."""
        self.metrics += [Metric(target, name, float(value), label, batch) for name, value in values.items()]

    def total(self, metric: str, target: str | None = None) -> float:
        """Sum of a metric over batches and, unless one is named, targets."""
        return sum(m.value for m in self.metrics if m.metric == metric and target in (None, m.target))


def record(lakehouse: Lakehouse, outcome: Outcome) -> None:
    """Write an outcome, and what was worked out with it, to the ledger in one commit."""
    outcomes = [outcome, *(other for other in outcome.others if other.targets)]
    for other in outcomes[1:]:
        other.status, other.error, other.started_at, other.ended_at = (
            outcome.status, outcome.error, outcome.started_at, outcome.ended_at,
        )  # fmt: skip
    rows = [
        {
            **asdict(each),
            "lakehouse": lakehouse.name,
            "code": __version__,
            "error": redacted(each.error) or None,
            "notes": [redacted(note) for note in each.notes],
        }
        for each in outcomes
    ]
    lakehouse.tables.create(RUNS, T.StructType.fromDDL(SCHEMA), **_KEPT_SMALL)
    commit = lakehouse.tables.append(RUNS, local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1), evolve=True)
    added = [(each.stage, each.as_of, replace(made, inputs=())) for each in outcomes for made in each.targets]
    lakehouse.known[:] = [
        before.after(commit.version, added) for before in lakehouse.known if before.version == commit.version - 1
    ]
    if commit.version % COMPACTED_EVERY == COMPACTED_EVERY - 1:
        _compact(lakehouse)


def _compact(lakehouse: Lakehouse) -> None:
    """Make one file of the ledger's many. A run that is on record is done, whatever becomes of this."""
    try:
        lakehouse.tables.compact(RUNS)
    except (Py4JJavaError, PySparkException) as error:
        logger.warning("the ledger's files stay as many as they are: %s", first_lines(error))


def runs(lakehouse: Lakehouse) -> DataFrame:
    """The ledger; empty before the first run."""
    if not lakehouse.tables.exists(RUNS):
        return local_frame(lakehouse.spark, [], SCHEMA)
    found = lakehouse.tables.read(RUNS)
    later = {name: F.lit(None).cast(kind) for name, kind in _USAGE.items() if name not in found.columns}
    return found.withColumns(later) if later else found


def metrics(lakehouse: Lakehouse) -> DataFrame:
    """`ops.metrics`: a row per metric of a run."""
    return runs(lakehouse).select(
        "run_id", "stage", "as_of", "status", "started_at", F.inline("metrics").alias(
            "target", "batch", "metric", "label", "value"
        ),
    )  # fmt: skip


def known(lakehouse: Lakehouse, as_ofs: Sequence[datetime]) -> Known:
    """What the ledger knows of some nights: read once, and again only after another process has written to it.

    What comes after these nights is read with them, so that a process which does night after night reads it once.
    """
    first = min(as_ofs)
    if not lakehouse.tables.exists(RUNS):
        return Known(-1, first, {}, {}, {})
    version = lakehouse.tables.version(RUNS)
    for found in lakehouse.known:
        if found.version == version and found.first <= first:
            return found
    lakehouse.known[:] = [_read(lakehouse, version, first)]
    return lakehouse.known[0]


def _read(lakehouse: Lakehouse, version: int, first: datetime) -> Known:
    made = F.struct(*(f"target.{name}" for name in ("target", "key", "table", "version")))
    of_range = F.when(F.col("as_of") >= F.lit(first), F.struct("stage", "as_of", "made"))
    rows = (
        lakehouse.tables.read(RUNS, version)
        .select("stage", "as_of", "started_at", F.posexplode("targets").alias("place", "target"))
        .select("stage", "as_of", "started_at", "place", "target.table", "target.version", made.alias("made"))
        .groupBy("table")
        .agg(
            F.max_by("made", F.struct("version", "started_at", "place")).alias("newest"),
            F.count_distinct("version").alias("writes"),
            F.collect_list(of_range).alias("done"),
        )
        .collect()
    )
    done = [run for row in rows for run in row["done"]]
    return Known(
        version,
        first,
        done={
            (run["stage"], run["as_of"].replace(tzinfo=UTC), run["made"]["key"]): Target(**run["made"].asDict())
            for run in sorted(done, key=lambda run: int(run["made"]["version"]))
        },
        newest={row["table"]: Target(**row["newest"].asDict()) for row in rows},
        writes={row["table"]: row["writes"] for row in rows},
    )


def completed(lakehouse: Lakehouse, stage: str, as_ofs: Sequence[datetime]) -> dict[tuple[datetime, str], Target]:
    """What the ledger has as done for a stage, from the first to the last of some nights: (as_of, key) -> target."""
    first, last = min(as_ofs), max(as_ofs)
    done = known(lakehouse, as_ofs).done
    return {(as_of, key): made for (of, as_of, key), made in done.items() if of == stage and first <= as_of <= last}


def holds_nothing(lakehouse: Lakehouse, table: str, as_ofs: Sequence[datetime], batch: int | None = None) -> bool:
    """Whether a table surely has no row that was written for some nights or, of batches, for one; False: nobody knows.

    So it is when no run has recorded a write for them, and every version of the table is one that a run has recorded:
    then no run that died has left anything in it.
    """
    seen = known(lakehouse, as_ofs)
    newest = seen.newest.get(table)
    if newest is None or newest.key == f"batch {batch}":  # batches are written in order
        return False
    if any(made.table == table and as_of in as_ofs for (_, as_of, _), made in seen.done.items()):
        return False
    return seen.writes[table] == lakehouse.tables.version(table) + 1


def key_of(*parts: object) -> str:
    """A stage's key: a hash of what decides its result, and of the code's version."""
    return hash_of(json.dumps([__version__, *parts], sort_keys=True, default=str))


def hash_of(content: str | bytes) -> str:
    """Sixteen digits of the SHA-256 of a text or of bytes."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:16]
