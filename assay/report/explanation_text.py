"""An explanation as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.printable import printable
from assay.report import text
from assay.report.explanation import Explanation, LineageFacts, PredictionFacts, RecordFacts
from assay.report.explanation_page import told
from assay.report.waterfall import signed, value_of


def as_lines(explanation: Explanation) -> list[str]:
    """What is known of a prediction; no value begins a line of its own."""
    return [printable(line) for line in _lines(explanation)]


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.model}  {told(explanation.key)}, as of {text.moment(explanation.as_of)}"
    for prediction in explanation.predictions:
        yield ""
        yield from _prediction(prediction)
    yield ""
    version = "" if explanation.inputs_version is None else f" at version {explanation.inputs_version}"
    yield f"The row itself  gold.{explanation.model}_inputs{version}"
    yield from (f"  {name} is {expression}" for name, expression in explanation.request.items())
    yield from _records(explanation.spine)
    for table in explanation.lineage:
        yield ""
        yield from _table(table)


def _prediction(found: PredictionFacts) -> Iterator[str]:
    of = f" for {found.predicted}" if found.predicted is not None else ""
    yield f"Score {text.metric(found.score)}{of} by version {found.version}, {found.role}" + (
        f", run {found.run_id}" if found.run_id else ""
    )
    yield (
        f"  {found.unit} {value_of(found.margin)} = {value_of(found.bias)} when nothing is known "
        f"{signed(found.margin - found.bias)} by the inputs"
    )
    if found.probabilities:
        each = sorted(found.probabilities.items(), key=lambda one: (-one[1], one[0]))
        yield "  " + ", ".join(f"{name} {text.metric(value)}" for name, value in each)
    on = f" on {text.plural(found.training_rows, 'row')}" if found.training_rows else ""
    yield f"  trained as of {text.moment(found.trained_as_of)}{on} of {found.training_table} at version {found.training_version}"
    yield f"  trees {found.trees_sha256}, MLflow run {found.mlflow_run}"
    yield from (f"  gate {g.gate}: {'passed' if g.passed else 'FAILED'}, {g.why}" for g in found.gates)
    yield from (f"  {note}" for note in found.notes)
    rows = [(each.input, value_of(each.value), signed(each.contribution), each.standing) for each in found.inputs]
    yield from _aligned([("input", "value", "contribution", "among training rows"), *rows], right=(1, 2))


def _table(found: LineageFacts) -> Iterator[str]:
    where = f"gold.{found.table}" + (f" since version {found.version}" if found.version is not None else "")
    row = f"row of {text.moment(found.night)}" if found.night else "no row"
    run = f", run {found.run_id}" if found.run_id else ""
    yield f"{found.table}  {told(found.entity)}: {row} in {where}{run}"
    yield from (f"  {note}" for note in found.notes)
    rows = [(f.input, value_of(f.value), f.told, text.count(f.records)) for f in found.features]
    yield from _aligned([("feature", "value", "worked out as", "records"), *rows], right=(1, 3))
    if found.newest:
        yield f"  the newest {len(found.newest)} of {text.plural(found.records, 'record')} of {found.source}:"
        yield from _records(found.newest)


def _records(records: Sequence[RecordFacts]) -> Iterator[str]:
    for record in records:
        until = f" until {text.moment(record.valid_to)}" if record.valid_to else ""
        happened = f"{text.moment(record.event_time)}, " if record.event_time else ""
        yield f"    {record.source} {told(record.key)}: {happened}known from {text.moment(record.valid_from)}{until}"
        if record.taken:
            yield f"        {told(record.taken)} for {', '.join(record.counts_for)}"
        raw = "" if record.raw is None else f"  {','.join(value or '' for value in record.raw.values())}"
        yield f"        {record.source_file}:{record.source_position}{raw}"


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterator[str]:
    """Rows of cells as wide as their columns, some of them to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()
