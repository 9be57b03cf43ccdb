"""Delta CHECK constraints of a table, kept as a configuration wants them.

A table remembers in the property `assay.constraints` which constraints it was last brought in line with, so that a night in
which none has changed costs no job and no commit. Adding one to a table that has rows scans it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.frames import only_row
from assay.java import as_java, delta_log, no_option
from assay.tables import Tables, literal, quoted

_SETTLED = "assay.constraints"
_KEY = "delta.constraints."
_COUNTED_AT_ONCE = 40


def create(
    tables: Tables, name: str, schema: T.StructType, partition_by: Sequence[str], wanted: Mapping[str, str]
) -> None:
    """Make an empty table with its constraints, in one commit."""
    properties = {**{_KEY + each: condition for each, condition in wanted.items()}, _SETTLED: _digests(wanted)}
    nullable = T.StructType([T.StructField(field.name, field.dataType) for field in schema])
    tables.create(name, nullable, partition_by=partition_by, **properties)


def drop_stale(tables: Tables, name: str, prefix: str, wanted: Mapping[str, str]) -> None:
    """Before a write: drop the constraints of that prefix that are wanted no more or otherwise, lest they refuse its rows."""
    found = properties_of(tables, name)
    if found.get(_SETTLED) == _digests(wanted):
        return
    before, after = json.loads(found.get(_SETTLED, "{}")), json.loads(_digests(wanted))
    for each in _existing(found, prefix):  # Delta stores a condition with spaces of its own
        if each not in after or before.get(each) != after[each]:
            _alter(tables, name, f"DROP CONSTRAINT IF EXISTS {quoted(each)}")


def add_missing(
    tables: Tables, name: str, prefix: str, wanted: Mapping[str, str], columns: Iterable[str], *, again: bool = False
) -> list[str]:
    """After a write: add the constraints that are missing, and say which cannot be.

    Args:
        tables: The lakehouse's tables.
        name: The table.
        prefix: What the names of the constraints begin with.
        wanted: Name -> SQL condition.
        columns: What the conditions speak of; while the table lacks some, nothing is added.
        again: Try those again that rows of the table broke the last time.

    Returns:
        A sentence for each constraint that rows of the table break, and that is therefore left out.
    """
    found = properties_of(tables, name)
    existing = _existing(found, prefix)
    missing = {each: condition for each, condition in wanted.items() if each not in existing}
    if found.get(_SETTLED) == _digests(wanted) and not (again and missing):
        return []
    table = tables.read(name)
    if not {column.lower() for column in columns} <= {column.lower() for column in table.columns}:
        return []  # the first rows that have the new columns bring them along
    broken: dict[str, int] = {}
    names = list(missing)
    for start in range(0, len(names), _COUNTED_AT_ONCE):
        some = names[start : start + _COUNTED_AT_ONCE]
        broken |= only_row(
            table.agg(*[F.count_if(~F.coalesce(F.expr(missing[each]), F.lit(False))).alias(each) for each in some])
        ).asDict()
    left_out = []
    for each, rows in broken.items():
        why = f"{rows} rows of before break" if rows else _add(tables, name, each, missing[each])
        if why:
            left_out.append(f"{name}: {why} the constraint {each}, which is left out: {missing[each]}")
    if found.get(_SETTLED) != _digests(wanted):
        _alter(tables, name, f"SET TBLPROPERTIES ('{_SETTLED}' = {literal(_digests(wanted))})")
    return left_out


def _add(tables: Tables, name: str, constraint: str, condition: str) -> str:
    """Add a constraint; why not, if Delta does not take it."""
    try:
        _alter(tables, name, f"ADD CONSTRAINT {quoted(constraint)} CHECK ({condition})")
    except AnalysisException as error:
        return f"{str(error).splitlines()[0]}:"
    return ""


def _existing(properties: Mapping[str, str], prefix: str) -> set[str]:
    return {key.removeprefix(_KEY) for key in properties if key.startswith(_KEY + prefix)}


def properties_of(tables: Tables, name: str) -> dict[str, str]:
    """The properties of a table, from its log as Delta keeps it in memory: no job."""
    nothing = no_option(tables.spark)
    snapshot = delta_log(tables.spark, tables.path(name)).update(False, nothing, nothing)
    return dict(as_java(tables.spark, snapshot.metadata().configuration()))


def _alter(tables: Tables, name: str, change: str) -> None:
    tables.spark.sql(f"ALTER TABLE delta.{quoted(tables.path(name))} {change}")


def _digests(wanted: Mapping[str, str]) -> str:
    """Name -> a short hash of the condition, as JSON."""
    return json.dumps(
        {name: hashlib.sha256(condition.encode()).hexdigest()[:8] for name, condition in wanted.items()}, sort_keys=True
    )
