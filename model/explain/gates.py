"""What the gates said of a model version."""

from pyspark.sql import functions as F

from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.report.explanation import GateFacts
from model.registry import Registered

TABLE = "ops.gates"


def gates_of(lakehouse: Lakehouse, model: Model, version: Registered) -> tuple[GateFacts, ...]:
    """Every verdict on a version, by gate; none where none is on record."""
    if not lakehouse.tables.exists(TABLE):
        return ()
    of_version = (F.col("model") == F.lit(model.name)) & (F.col("model_version") == F.lit(version.version))
    rows = lakehouse.tables.read(TABLE).where(of_version).orderBy("gate", "why").collect()
    return tuple(GateFacts(row["gate"], row["passed"], row["why"]) for row in rows)
