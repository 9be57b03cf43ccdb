"""Who holds leases, as the table tells anybody."""

from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse
from assay.lease import LEASES


def held(lakehouse: Lakehouse) -> list[tuple[str, str]]:
    """Stage and holder of every lease that was taken and not given back."""
    rows = lakehouse.tables.read(LEASES)
    back = rows.where(F.col("stage").isNull()).select("holder")
    taken = rows.where(F.col("stage").isNotNull()).join(back, "holder", "left_anti")
    return sorted((row["stage"], row["holder"]) for row in taken.collect())
