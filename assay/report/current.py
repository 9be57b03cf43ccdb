"""Whether a night's page still says what it would say now: nothing was done since it was written."""

from datetime import datetime

from pyspark.sql import functions as F

from assay import ledger
from assay.frames import only_row
from assay.lakehouse import Lakehouse

WRITTEN = "page"
"""The metric of a run that wrote a page; its label is a hash of what decides the page besides the tables."""
_OFTEN_NOTHING = ("bronze", "silver", "watch", "report", "alerts")
"""Stages that run for a night again and find nothing to do."""
_BROUGHT = ("files", "duplicate", "quarantined")
"""Metrics of bronze that tell of what was delivered; others tell of what waits for a later night."""


def unchanged(lakehouse: Lakehouse, as_of: datetime, key: str) -> bool:
    """Whether no run has done anything, for whatever night, since the page of a night was written last. One read of the ledger.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
        key: What decides the page besides the tables, as `WRITTEN` has it.
    """
    page = (F.col("stage") == "report") & (F.col("status") == "done")
    brought = (F.col("stage") == "bronze") & F.exists(
        "metrics", lambda m: m["metric"].isin(*_BROUGHT) & (m["value"] > 0)
    )
    nothing = F.col("stage").isin(*_OFTEN_NOTHING) & (F.col("status") == "done") & (F.size("targets") == 0) & ~brought
    written = page & (F.col("as_of") == F.lit(as_of))
    found = only_row(
        ledger.runs(lakehouse).agg(
            F.max_by(F.when(written, F.struct("started_at", "metrics")), F.when(written, F.col("started_at"))).alias("page"),
            F.max(F.when(~nothing, F.col("ended_at"))).alias("done"),
        )
    )  # fmt: skip
    if found["page"] is None or (found["done"] is not None and found["done"] > found["page"]["started_at"]):
        return False
    return any(m["metric"] == WRITTEN and m["label"] == key for m in found["page"]["metrics"])
