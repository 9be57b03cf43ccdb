"""The silver stage: apply each source's contract to the batches that were landed and not cleaned yet.

Every bronze row of a batch ends in exactly one place: in `silver.<source>__history`, as a version or as a record that
says nothing new, or in `silver.<source>__quarantine` with every reason. The numbers are checked and in the ledger.
All writes of a batch can be repeated: after a crash the same batch is done again and changes nothing that was done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Source
from assay.config.related import waves
from assay.config.version import contract_version
from assay.errors import TableError
from assay.frames import held
from assay.known import Input
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage, side_by_side
from silver import expectations
from silver.asked import check_evaluated, check_handling
from silver.baseline import Gate, open_gate
from silver.check_result import CheckResult
from silver.freshness import check_freshness
from silver.history import REPLAY, history_of, was_begun, write_history
from silver.measure import count, enforce, results
from silver.pending import Landed, check_landed, pending
from silver.profile import check_baseline
from silver.quarantine import quarantine_of, write_quarantine
from silver.rejected import Rejection, rejections
from silver.transform import accepted_rows, check_batch, register_functions
from silver.user_suites import check_suites, run_suites


@dataclass(frozen=True)
class Cleaned:
    """What became of one batch."""

    batch: int
    rows: int
    checks: tuple[CheckResult, ...]


def run(lakehouse: Lakehouse, as_of: datetime) -> Outcome:
    """Clean every batch that bronze has landed and silver has not seen.

    Raises:
        ContractError: A derived column cannot be computed, a batch breaks its contract, or a source is not fresh.
        TableError: The rows of a batch do not add up.
    """
    return run_stage(lakehouse, "silver", as_of, lambda outcome: _clean_all(lakehouse, outcome))


def docs_folder(lakehouse: Lakehouse) -> Path:
    """Where the Great Expectations project and its Data Docs lie."""
    return lakehouse.folder("expectations")


def _clean_all(lakehouse: Lakehouse, outcome: Outcome) -> None:
    for source in lakehouse.config.sources.values():
        check_handling(source)
        check_suites(source, lakehouse.conf_dir)
        check_baseline(source)
    register_functions(lakehouse.spark, lakehouse.time_zone)
    waiting = pending(lakehouse, outcome.as_of)
    gate = open_gate(lakehouse, waiting, outcome)
    try:
        found = clean_batches(lakehouse, waiting, gate, outcome)
    finally:
        gate.write()
    fresh = [partial(check_freshness, lakehouse, source, outcome) for source in lakehouse.config.sources.values()]
    side_by_side(lakehouse, lambda step: step(), [partial(publish, lakehouse, found), *fresh])


def clean_batches(
    lakehouse: Lakehouse, waiting: Mapping[str, Sequence[Landed]], gate: Gate, outcome: Outcome
) -> list[expectations.BatchResult]:
    """Clean some batches of some sources; what their checks found, to be published."""
    rejected = rejections(lakehouse) if waiting else {}

    def clean_source(source: Source) -> list[Cleaned]:
        return [
            _clean(lakehouse, source, landed, gate, outcome, rejected.get((source.name, landed.batch)))
            for landed in waiting[source.name]
        ]

    sources: list[Source] = []
    done: list[list[Cleaned]] = []
    for group in waves({name: lakehouse.config.sources[name] for name in waiting}):
        together = [lakehouse.config.sources[name] for name in group]
        done += side_by_side(lakehouse, clean_source, together)
        sources += together
    return [
        expectations.BatchResult(
            lakehouse.name, source.name, source.description, batch.batch, outcome.as_of, outcome.run_id, batch.rows,
            batch.checks,
        )
        for source, batches in zip(sources, done, strict=True)
        for batch in batches
    ]  # fmt: skip


def publish(lakehouse: Lakehouse, found: Sequence[expectations.BatchResult]) -> None:
    """Bring the Great Expectations project up to date with what the checks found."""
    if found:
        expectations.publish(docs_folder(lakehouse), found)


def _clean(
    lakehouse: Lakehouse, source: Source, landed: Landed, gate: Gate, outcome: Outcome, rejected: Rejection | None
) -> Cleaned:
    batch = landed.batch
    landing, others = f"bronze.{source.name}", _histories(lakehouse, source)
    made_of = tuple(Input(name, lakehouse.tables.version(name)) for name in (landing, *map(history_of, others)))
    bronze = _with_declared_columns(lakehouse.tables.read(landing).where(F.col("batch") == batch), source)
    why = None if rejected is None else str(rejected)
    checked, checks = check_batch(bronze, source, lakehouse.time_zone, others, why)
    check_evaluated(source, batch, checks)
    with held(checked) as judged:
        counts = count(judged, source)
        check_landed(lakehouse, source, landed, counts.rows)
        if rejected is not None:
            outcome.notes.append(f"{source.name} batch {batch}: {rejected}")
        else:
            enforce(source, batch, counts, checks, gate.accepts)
            if outcome.stage != REPLAY:  # what is in silver has passed its gate
                gate.check(source, landed, judged)
        if source.expectations:
            run_suites(lakehouse, source, batch, accepted_rows(judged, source), counts.rows - counts.rejected, outcome)
        fates, written = write_history(lakehouse, source, batch, judged, counts, outcome)
        targets = [] if outcome.stage == REPLAY else [written]  # the newest is what _pending goes on from
        if counts.rejected or was_begun(lakehouse, quarantine_of(source.name), batch, outcome):
            targets.append(write_quarantine(lakehouse, source, batch, judged, counts, outcome))
    if counts.rows != fates.rows + counts.rejected:
        raise TableError(
            f"The rows of a batch of {source.name} do not add up.",
            where=f"silver.{source.name}, batch {batch}",
            found=f"{fates.version} accepted + {fates.no_version} duplicates + {counts.rejected} quarantined",
            expected=f"{counts.rows} landed",
            do="report this as a defect of assay, with the batch's files",
        )
    outcome.targets += [replace(target, inputs=made_of) for target in targets]
    outcome.measure(
        source.name, batch, landed=counts.rows, accepted=fates.version, quarantined=counts.rejected,
        duplicates=fates.no_version, unchanged=fates.unchanged, superseded=fates.superseded, flagged=counts.flagged,
    )  # fmt: skip
    outcome.measure(source.name, batch, label=contract_version(source, lakehouse.time_zone), contract=1)
    kept = {(check.name, check.column) for check in checks if check.flags}
    for (check, column), (rows, _) in counts.failures.items():
        what = "flagged" if (check, column) in kept else "rejected"
        outcome.measure(source.name, batch, label=f"{check}:{column}" if column else check, **{what: rows})
    return Cleaned(batch, counts.rows, results(counts, checks, fates.no_version, source.key))


def _histories(lakehouse: Lakehouse, source: Source) -> dict[str, DataFrame]:
    """The histories of the sources that a contract refers to."""
    others = {reference.source for reference in source.references.values()}
    return {
        name: lakehouse.tables.read(history_of(name)) for name in others if lakehouse.tables.exists(history_of(name))
    }


def _with_declared_columns(bronze: DataFrame, source: Source) -> DataFrame:
    """Columns that the contract has gained since the batch was landed are NULL in it."""
    gained = [name for name in source.columns if name not in bronze.columns]
    return bronze.withColumns({name: F.lit(None).cast("string") for name in gained})
