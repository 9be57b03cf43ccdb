"""What the report says of sources: what they brought, and what was rejected."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse
from assay.ledger import FILES
from assay.report.night import FeedRow, RejectRow


def feeds_of(
    lakehouse: Lakehouse, as_of: datetime, numbers: dict[str, dict[str, dict[str, float]]]
) -> tuple[FeedRow, ...]:
    """What each source brought for a night, from the night's numbers and from when it delivered before."""
    delivered: dict[str, Any] = {}
    if lakehouse.tables.exists(FILES):
        when = F.col("available_at")
        before = (when > F.lit(as_of - timedelta(days=8))) & (when <= F.lit(as_of - timedelta(days=1)))
        files = lakehouse.tables.read(FILES).where("status = 'landed'").where(when <= F.lit(as_of))
        days = F.floor((F.lit(as_of).cast("long") - when.cast("long")) / 86_400)
        found = files.groupBy("source").agg(
            F.max(when).alias("newest"), F.count_distinct(F.when(before, days)).alias("days")
        )
        delivered = {row["source"]: row for row in found.collect()}
    bronze, silver = numbers.get("bronze", {}), numbers.get("silver", {})
    rows = []
    for source in lakehouse.config.sources:
        counts = silver.get(source, {})
        landed, accepted, quarantined, duplicates = (
            int(counts.get(name, 0)) for name in ("landed", "accepted", "quarantined", "duplicates")
        )
        known = delivered.get(source)
        rows.append(
            FeedRow(
                source,
                int(bronze.get(source, {}).get("files", 0)),
                landed,
                accepted,
                quarantined,
                duplicates,
                known["newest"].replace(tzinfo=UTC) if known else None,
                known["days"] if known else 0,
            )
        )
    return tuple(rows)


def rejects_of(
    lakehouse: Lakehouse, as_of: datetime, numbers: dict[str, dict[str, dict[str, float]]]
) -> tuple[RejectRow, ...]:
    """How many rows each check rejected, with one value as it came."""
    rows = []
    for source, counts in numbers.get("silver", {}).items():
        reasons = {
            name.removeprefix("rejected "): int(rows) for name, rows in counts.items() if name.startswith("rejected")
        }
        examples = _examples(lakehouse, source, as_of) if reasons else {}
        for reason, rejected in reasons.items():
            check, _, column = reason.partition(":")
            rows.append(RejectRow(source, check, column or None, rejected, examples.get(reason)))
    return tuple(rows)


def _examples(lakehouse: Lakehouse, source: str, as_of: datetime) -> dict[str, str | None]:
    """One rejected value per `check:column` of the night."""
    table = f"silver.{source}__quarantine"
    if not lakehouse.tables.exists(table):
        return {}
    reasons = lakehouse.tables.read(table).where(F.col("as_of") == F.lit(as_of)).select(F.explode("reasons").alias("r"))
    found = reasons.groupBy("r.check", "r.column").agg(F.min("r.value").alias("value")).collect()
    return {f"{row['check']}:{row['column']}" if row["column"] else row["check"]: row["value"] for row in found}
