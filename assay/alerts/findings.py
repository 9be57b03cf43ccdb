"""What the tables say is wrong, by a night: runs that failed, gates that did, what is watched and is bad."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from assay import ledger
from assay.alerts.problem import Finding, Problem, Severity, Standing
from assay.errors import AssayError
from assay.lakehouse import Lakehouse
from assay.ledger import GATES, RUNS
from assay.runs import model_of
from assay.stages import side_by_side
from assay.watch import WATCH

REACH = timedelta(days=14)
"""So many nights back evidence is looked for. Older problems stay as they were."""
STAGE = "alerts"
"""The stage that tells people. It does not tell of itself."""


def standings(lakehouse: Lakehouse, as_of: datetime) -> dict[Problem, Standing]:
    """How it stands with each problem that the tables have evidence of, by a night and by all nights since.

    Args:
        lakehouse: The lakehouse.
        as_of: The night.
    """
    runs, gates, watched = side_by_side(
        lakehouse, lambda read: read(lakehouse, as_of - REACH), (_runs, _gates, _watched)
    )
    started = {row["run_id"]: _utc(row["started_at"]) for row in runs}
    found = [
        *of_runs(runs, lakehouse.name),
        *of_gates(gates, lakehouse.name),
        *of_watch(watched, lakehouse.name, started, warnings=lakehouse.environment.alerts.warnings),
    ]
    return newest(found, as_of)


def newest(found: Iterable[Finding], as_of: datetime) -> dict[Problem, Standing]:
    """Of each problem the evidence of the newest night up to one, and of the newest of all; of a night the newest."""
    ordered = sorted(found, key=lambda one: (one.as_of, one.at))
    now = {one.problem: one for one in ordered if one.as_of <= as_of}
    return {one.problem: Standing(now.get(one.problem), one) for one in ordered}


def of_runs(rows: Sequence[Mapping[str, Any]], lakehouse: str) -> list[Finding]:
    """A finding per run of a stage, and of a model where there are several.

    A run that ended before it had told its model stands until the stage's next one, as on the page.
    """
    found, untold = [], set()
    for row in sorted(rows, key=lambda row: (row["as_of"], row["started_at"])):
        stage, model = row["stage"], row["model"] or ""
        if stage == STAGE or row["status"] == "running":
            continue
        good = Finding(
            Problem(lakehouse, "run", stage, name=model), _utc(row["as_of"]), _utc(row["started_at"]),
            run_ids=(row["run_id"],),
        )  # fmt: skip
        found.append(good if row["status"] == "done" else _failed(good, row))
        if not model:
            untold.add(good.problem)
        elif (before := Problem(lakehouse, "run", stage)) in untold:
            found.append(replace(good, problem=before))
    return found


def _failed(good: Finding, row: Mapping[str, Any]) -> Finding:
    stage, model = row["stage"], row["model"]
    what, details, do = _parts(row["error"] or "")
    severity: Severity = "warn" if stage == "shadow" else "bad"  # the champion's predictions stand
    told = f"{stage} of {model}" if model else stage
    fate = "failed" if row["status"] == "failed" else f"was {row['status']}"
    return replace(good, severity=severity, what=f"{told} {fate}: {what}", details=details, do=do)


def _parts(error: str) -> tuple[str, str, str]:
    """The sentence, the details and the advice of an error as the ledger has it."""
    what, *rest = error.splitlines() or ["the ledger does not say why"]
    do = next((line.partition(":")[2].strip() for line in rest if line.startswith("  do:")), "")
    details = "\n".join(line.strip() for line in rest if not line.startswith("  do:"))
    return what, details, do or "Put the cause right and run the night again."


def of_gates(rows: Sequence[Mapping[str, Any]], lakehouse: str) -> list[Finding]:
    """A finding per gate of a training. The champion goes on, so that a gate that failed is a warning."""
    return [
        Finding(
            Problem(lakehouse, "gate", row["model"], name=row["gate"]), _utc(row["as_of"]), _utc(row["judged_at"]),
            None if row["passed"] else "warn",
            f"The gate {row['gate']} of {row['model']} failed, and the version was not promoted: {row['why']}",
            f"found {row['value']}, asked {row['limit']}",
            "assay models lists the versions; docs/gates.md says what to do when a gate fails.", (row["run_id"],),
        )
        for row in rows
    ]  # fmt: skip


def of_watch(
    rows: Sequence[Mapping[str, Any]], lakehouse: str, started: Mapping[str, datetime], *, warnings: bool
) -> list[Finding]:
    """A finding per thing that was watched and could be told.

    Args:
        rows: Of `ops.watch`.
        lakehouse: The lakehouse's name.
        started: Run -> when it began.
        warnings: The status `warn` is told too.
    """
    told: dict[str, Severity | None] = {"ok": None, "bad": "bad", "warn": "warn" if warnings else None}
    return [
        Finding(
            Problem(lakehouse, "watch", row["subject"], row["monitor"], row["name"] or ""), _utc(row["as_of"]),
            started.get(row["run_id"], _utc(row["as_of"])), told[row["status"]],
            f"{row['subject']}: {' '.join(filter(None, (row['monitor'], row['name'])))}: {row['why']}",
            f"found {row['value']}, expected {row['expected']}, limit {row['limit']}",
            "Look at the night's page: it has what was watched, and since when it is so.", (row["run_id"],),
        )
        for row in rows
        if row["status"] in told and row["monitor"] != "failed"  # the ledger tells of that itself, with the error
    ]  # fmt: skip


def of_night(lakehouse: str, as_of: datetime, at: datetime, error: BaseException | None) -> Finding:
    """Whether a night went to its end, as the process knows that ran it."""
    problem = Problem(lakehouse, "night", "nightly")
    if error is None:
        return Finding(problem, as_of, at)
    text = str(error) if isinstance(error, AssayError) else repr(error)
    what, details, do = _parts(text)
    return Finding(problem, as_of, at, "bad", f"The night did not go to its end: {what}", details, do)


def _runs(lakehouse: Lakehouse, first: datetime) -> list[Any]:
    if not lakehouse.tables.exists(RUNS):
        return []
    of_model = model_of(tuple(lakehouse.config.models))
    rows = ledger.runs(lakehouse).where(F.col("as_of") >= F.lit(first))
    return rows.select("run_id", "stage", "as_of", "status", "started_at", "error", of_model.alias("model")).collect()


def _gates(lakehouse: Lakehouse, first: datetime) -> list[Any]:
    return _rows(lakehouse, GATES, first, "run_id", "model", "as_of", "gate", "value", "limit", "passed", "why", "judged_at")  # fmt: skip


def _watched(lakehouse: Lakehouse, first: datetime) -> list[Any]:
    return _rows(lakehouse, WATCH, first, "run_id", "as_of", "subject", "monitor", "name", "value", "expected", "limit", "status", "why")  # fmt: skip


def _rows(lakehouse: Lakehouse, table: str, first: datetime, *columns: str) -> list[Any]:
    if not lakehouse.tables.exists(table):
        return []
    return lakehouse.tables.read(table).where(F.col("as_of") >= F.lit(first)).select(*columns).collect()


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)
