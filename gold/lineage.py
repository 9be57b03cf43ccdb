"""Where a prediction's inputs came from: rows of feature tables, and the records that were in their windows.

A fixed number of Spark jobs: one for the feature rows, one for the ledger, and two per source.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from assay import ledger
from assay.config import FeatureColumn, FeatureTable, Model
from assay.lakehouse import Lakehouse
from assay.report.explanation import FeatureFacts, LineageFacts, RecordFacts
from assay.stages import side_by_side
from assay.tables import quoted
from assay.time_travel import Read, as_of_versions
from gold.catalog import told
from gold.compute import check_allowed, inside, longest, taken
from gold.definitions import definition_key
from gold.feast_objects import TTL
from gold.records import Answer, Question, ask, aware
from gold.retrieval import FEATURE_VERSIONS


@dataclass(frozen=True)
class Lineage:
    """Where the inputs of a row came from."""

    spine: tuple[RecordFacts, ...]
    """Records of the row's key, in the sources that the spine is made of."""
    tables: tuple[LineageFacts, ...]


@dataclass(frozen=True)
class _Asked:
    """A feature table, and the row of it that was used."""

    table: FeatureTable
    columns: tuple[FeatureColumn, ...]
    """Those that are inputs of the model."""
    row: Mapping[str, Any]
    """With the keys, `event_timestamp` and the features; empty where the entity had none."""

    @property
    def aggregated(self) -> tuple[FeatureColumn, ...]:
        """The columns that records have a part in; an expression may be of any of its table."""
        every = any(self.table.features[column.feature].is_expression for column in self.columns)
        return tuple(column for column in self.table.aggregated if every or column in self.columns)


def lineage(lakehouse: Lakehouse, model: Model, row: Mapping[str, Any], as_of: datetime, most: int) -> Lineage:
    """Follow a row of `gold.<model>_inputs` to the records that it was worked out from.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        row: The row's columns.
        as_of: Its as_of.
        most: How many records to tell of each feature table; all are counted.
    """
    questions: list[Callable[[], Any]] = [
        partial(_feature_rows, lakehouse, model, row, as_of), partial(_runs, lakehouse, as_of)
    ]  # fmt: skip
    (rows, notes), runs = side_by_side(lakehouse, lambda question: question(), questions)
    asked = [
        _Asked(lakehouse.config.features[name], _chosen(lakehouse, model, name), rows.get(name, {}))
        for name in model.features
    ]
    spine = _spine_sources(lakehouse, model, row)
    sources = list(dict.fromkeys([*(each.table.source for each in asked), *spine]))
    answers = dict(zip(sources, side_by_side(
        lakehouse, lambda name: _answers(lakehouse, name, asked, row, as_of, most, of_row=name in spine), sources
    ), strict=True))  # fmt: skip
    return Lineage(
        tuple(record for name in spine for record in answers[name][""].newest),
        tuple(_facts(each, row, runs, answers[each.table.source][each.table.name], notes) for each in asked),
    )


def _chosen(lakehouse: Lakehouse, model: Model, name: str) -> tuple[FeatureColumn, ...]:
    chosen = model.features[name]
    return tuple(c for c in lakehouse.config.features[name].output if chosen == "all" or c.name in chosen)


def _of_entity(keys: Sequence[str], row: Mapping[str, Any]) -> Column:
    return reduce(and_, [F.col(quoted(key)) == F.lit(row[key]) for key in keys])


def _feature_rows(
    lakehouse: Lakehouse, model: Model, row: Mapping[str, Any], as_of: datetime
) -> tuple[dict[str, dict[str, Any]], tuple[str, ...]]:
    """Table -> the newest row of the row's entity that a feature's life reaches, as it was when it was looked up."""

    def question(read: Read) -> list[Row]:
        frames: list[DataFrame] = []
        for name in model.features:
            table, rows = lakehouse.config.features[name], read(f"gold.{name}")
            alive = F.col("event_timestamp").between(F.lit(as_of - TTL), F.lit(as_of))
            columns = [column.name for column in _chosen(lakehouse, model, name) if column.name in rows.columns]
            frames.append(
                rows.where(alive & _of_entity(table.keys, row)).select(
                    F.lit(name).alias("table"), "event_timestamp", "created_timestamp",
                    *[F.col(quoted(column)).alias(f"{name}__{column}") for column in columns],
                )
            )  # fmt: skip
        united = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
        return united.collect()

    if not model.features:
        return {}, ()
    versions = {f"gold.{name}": version for name, version in _looked_up_in(row).items()}
    rows, notes = as_of_versions(lakehouse.tables, versions, question)
    found: dict[str, dict[str, Any]] = {}
    for each in sorted(rows, key=lambda each: each["event_timestamp"]):
        found[each["table"]] = {name: aware(value) for name, value in each.asDict().items()}
    return found, notes


def _looked_up_in(row: Mapping[str, Any]) -> Mapping[str, int]:
    """Feature table -> the Delta version that a row of inputs says it was looked up in."""
    return row.get(FEATURE_VERSIONS) or {}


def _runs(lakehouse: Lakehouse, as_of: datetime) -> list[dict[str, Any]]:
    """What the ledger has of the feature tables that may have been used."""
    rows = (
        ledger.runs(lakehouse)
        .where((F.col("stage") == "features") & F.col("as_of").between(F.lit(as_of - TTL), F.lit(as_of)))
        .select("run_id", "as_of", F.explode("targets").alias("made"))
        .select("run_id", "as_of", "made.target", "made.key", "made.table", "made.version")
        .collect()
    )
    return [{name: aware(value) for name, value in row.asDict().items()} for row in rows]


def _newest(
    runs: Sequence[Mapping[str, Any]], table: str, as_of: datetime | None, upto: int | None
) -> Mapping[str, Any]:
    """The last write of a slice up to a version of its table; nothing where the ledger has none."""
    writes = [
        run
        for run in runs
        if (run["table"], run["as_of"]) == (table, as_of) and (upto is None or run["version"] <= upto)
    ]
    return max(writes, key=lambda run: int(run["version"]), default={})


def _spine_sources(lakehouse: Lakehouse, model: Model, row: Mapping[str, Any]) -> list[str]:
    """The sources that the night's rows are made of and whose records the row names by their key."""
    words = set(re.findall(r"\w+", model.spine.score.lower()))
    return [
        name
        for name, source in lakehouse.config.sources.items()
        if name.lower() in words and set(source.key) <= set(row) and lakehouse.tables.exists(f"silver.{name}__history")
    ]


def _answers(
    lakehouse: Lakehouse, name: str, asked: Sequence[_Asked], row: Mapping[str, Any], as_of: datetime, most: int,
    *, of_row: bool,
) -> dict[str, Answer]:  # fmt: skip
    """Feature table -> the records of the source that it is made of; under no name those of the row's key."""
    source = lakehouse.config.sources[name]
    known = [*source.columns, *source.derived]
    questions = {
        each.table.name: _of_table(each, row, as_of, source.event_time, known)
        for each in asked
        if each.table.source == name
    }
    if of_row:
        questions[""] = Question(_visible(as_of) & _of_entity(source.key, row), {}, {})
    return dict(zip(questions, ask(lakehouse, source, list(questions.values()), most), strict=True))


def _visible(at: datetime) -> Column:
    return (F.col("valid_from") <= F.lit(at)) & (F.col("valid_to").isNull() | (F.col("valid_to") > F.lit(at)))


def _of_table(
    asked: _Asked, row: Mapping[str, Any], as_of: datetime, event_time: str | None, known: Sequence[str]
) -> Question:
    """The records that have a part in an entity's features of a night."""
    table, night = asked.table, asked.row.get("event_timestamp", as_of)
    values: dict[str, Column] = {}
    counts: dict[str, Column] = {}
    for column in asked.aggregated:
        feature = table.features[column.feature]
        check_allowed(table, column.feature, feature, known)
        value, wanted = taken(column, table)
        if feature.argument != "*":
            values[feature.argument] = value
        counted = inside(column.window, table, event_time, night, night) & wanted & value.isNotNull()
        counts[column.name] = F.coalesce(counted, F.lit(False))
    belongs = _visible(night) & inside(longest(table), table, event_time, night, night) & _of_entity(table.keys, row)
    return Question(belongs, values, counts)


def _facts(
    asked: _Asked, row: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], answer: Answer, told_of_all: Sequence[str]
) -> LineageFacts:
    table, night = asked.table, asked.row.get("event_timestamp")
    write = _newest(runs, f"gold.{table.name}", night, _looked_up_in(row).get(table.name))
    inputs = {f"{table.name}__{column.name}": column for column in asked.columns}
    notes = list(told_of_all)
    if night is None:
        notes.append("the entity had no row: none of its records was in the longest window when the table was built")
    elif differing := [name for name in inputs if not _same(asked.row.get(name), row.get(name))]:
        notes.append(f"written anew since: the model was given another value of {', '.join(differing)}")
    if write and write["key"] != definition_key(table):
        notes.append("written by another definition or another version of assay: records are counted by today's")
    return LineageFacts(
        table.name,
        table.source,
        {key: row[key] for key in table.keys},
        night,
        asked.row.get("created_timestamp"),
        write.get("version"),
        write.get("run_id"),
        tuple(
            FeatureFacts(name, told(table, column), asked.row.get(name, row.get(name)), answer.counts.get(column.name))
            for name, column in inputs.items()
        ),
        answer.records,
        answer.newest,
        tuple(notes),
    )


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124  # NaN is no number, twice
