"""The run ledger: `ops.runs`, one row per stage and as_of, and what can be asked of it."""

import hashlib
import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay import __version__
from assay.lakehouse import Lakehouse
from assay.tables import local_frame

logger = logging.getLogger(__name__)

RUNS = "ops.runs"
_TARGET = "struct<target: string, key: string, table: string, version: bigint>"
_METRIC = "struct<target: string, batch: int, metric: string, label: string, value: double>"
SCHEMA = f"""
    run_id string, lakehouse string, stage string, as_of timestamp, status string,
    started_at timestamp, ended_at timestamp, seconds double, spark_jobs int, code string, error string,
    targets array<{_TARGET}>, metrics array<{_METRIC}>, notes array<string>
"""


@dataclass(frozen=True)
class Target:
    """One output of a run: what was made, under which key, and the table version that holds it."""

    target: str
    key: str
    table: str
    version: int


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
    error: str = ""
    targets: list[Target] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def measure(self, target: str, batch: int | None = None, label: str = "", **values: float) -> None:
        """Add metrics of one target."""
        self.metrics += [Metric(target, name, float(value), label, batch) for name, value in values.items()]

    def total(self, metric: str, target: str | None = None) -> float:
        """Sum of a metric over batches and, unless one is named, targets."""
        return sum(m.value for m in self.metrics if m.metric == metric and target in (None, m.target))


def record(lakehouse: Lakehouse, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes to the ledger, in one commit."""
    rows = [
        {**asdict(outcome), "lakehouse": lakehouse.name, "code": __version__, "error": outcome.error or None}
        for outcome in outcomes
    ]
    lakehouse.tables.append(RUNS, local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1))


def runs(lakehouse: Lakehouse) -> DataFrame:
    """The ledger; empty before the first run."""
    if not lakehouse.tables.exists(RUNS):
        return local_frame(lakehouse.spark, [], SCHEMA)
    return lakehouse.tables.read(RUNS)


def metrics(lakehouse: Lakehouse) -> DataFrame:
    """`ops.metrics`: a row per metric of a run."""
    return runs(lakehouse).select(
        "run_id", "stage", "as_of", "status", "started_at", F.inline("metrics").alias(
            "target", "batch", "metric", "label", "value"
        ),
    )  # fmt: skip


def completed(lakehouse: Lakehouse, stage: str, as_ofs: Sequence[datetime]) -> dict[tuple[datetime, str], Target]:
    """What the ledger has as done for a stage: (as_of, key) -> target."""
    rows = (
        runs(lakehouse)
        .where(F.col("stage") == stage)
        .where(F.col("as_of").between(F.lit(min(as_ofs)), F.lit(max(as_ofs))))
        .select("as_of", F.inline("targets").alias("target", "key", "table", "version"))
        .collect()
    )
    return {
        (row["as_of"].replace(tzinfo=UTC), row["key"]): Target(row["target"], row["key"], row["table"], row["version"])
        for row in rows
    }


def key_of(*parts: object) -> str:
    """A stage's key: a hash of what decides its result, and of the code's version."""
    text = json.dumps([__version__, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
