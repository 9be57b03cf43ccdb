"""`ops.gates`: what each gate said of each training; and what of a night there is to compare a training with."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Model
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.ledger import GATES, Outcome, completed
from assay.text_table import text_table
from model.gates.gate import GateResult

SCHEMA = """
    run_id string, lakehouse string, model string, model_version int, as_of timestamp, gate string, value double,
    limit string, passed boolean, why string, judged_at timestamp
"""


def record_gates(
    lakehouse: Lakehouse, model: Model, outcome: Outcome, results: Sequence[GateResult], version: int
) -> None:
    """Write the verdicts of a training: a row per gate in `ops.gates`, in one commit, unless they are there; and into the
    run's outcome.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        outcome: The training's run.
        results: The verdicts.
        version: The version that was judged.
    """
    common = {
        "run_id": outcome.run_id, "lakehouse": lakehouse.name, "model": model.name, "model_version": version,
        "as_of": outcome.as_of, "judged_at": datetime.now(UTC),
    }  # fmt: skip
    rows = [
        {
            **common,
            "gate": each.gate,
            "value": each.value if math.isfinite(each.value) else None,
            "limit": each.limit,
            "passed": each.passed,
            "why": each.why,
        }
        for each in results
    ]
    if rows:
        lakehouse.tables.create(GATES, T.StructType.fromDDL(SCHEMA))
        frame = local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1)
        lakehouse.tables.append_once(GATES, frame, application=f"gates {outcome.run_id}", number=1)
    for each in results:
        outcome.measure(model.name, label=each.gate, gate=each.value, gate_passed=float(each.passed))
    outcome.notes += as_lines(results)


def as_lines(results: Sequence[GateResult]) -> list[str]:
    """The verdicts as a table for the terminal."""
    if not results:
        return ["no gate is asked for, and so every training passes"]
    values = [_told(each.value) for each in results]
    rows = [
        [each.gate, value.rjust(max(map(len, values))), each.limit, "passed" if each.passed else "FAILED", each.why]
        for each, value in zip(results, values, strict=True)
    ]
    return text_table(["gate", "value", "limit", "verdict", "why"], rows).splitlines()


def _told(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 10_000 else f"{value:.4g}"


def newest_inputs(lakehouse: Lakehouse, model: Model, as_of: datetime) -> DataFrame | None:
    """What the newest night before a time was scored on; None where none was within a training's window."""
    table = f"gold.{model.name}_inputs"
    done = completed(lakehouse, "scoring_set", [as_of - model.train.window, as_of])
    nights = [night for (night, _), made in done.items() if made.table == table and night < as_of]
    if not nights:
        return None
    return lakehouse.tables.read(table).where(F.col("as_of") == F.lit(max(nights)))
