"""Which versions of records in silver answer some questions, and the records in bronze that they were made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import Source
from assay.frames import local_frame, only_row
from assay.lakehouse import Lakehouse
from assay.report.explanation import RecordFacts
from assay.tables import quoted
from gold.spans import EVENT

PLACE = ("source_file", "source_position", "batch")


@dataclass(frozen=True)
class Question:
    """Which versions are asked for, and what of them."""

    belongs: Column
    """Over a source's history, with the event's time."""
    taken: Mapping[str, Column]
    """Expression -> its value."""
    counts: Mapping[str, Column]
    """Feature -> whether a version has a part in it. Where there are any, only versions that have one are meant."""

    @property
    def meant(self) -> Column:
        """Whether a version is an answer."""
        return self.belongs & reduce(or_, self.counts.values()) if self.counts else self.belongs


@dataclass(frozen=True)
class Answer:
    """What was found."""

    records: int
    counts: Mapping[str, int]
    """Feature -> how many versions have a part in it."""
    newest: tuple[RecordFacts, ...]
    """By event time."""


def ask(lakehouse: Lakehouse, source: Source, questions: Sequence[Question], most: int) -> list[Answer]:
    """The answers to some questions: one job over silver, and one over bronze.

    Args:
        lakehouse: The lakehouse.
        source: Whose history is asked.
        questions: What is asked.
        most: How many versions to tell of each; all are counted.
    """
    found = answers(lakehouse.tables.read(f"silver.{source.name}__history"), source, questions, most)
    raw = _raw(lakehouse, source, [record for answer in found for record in answer.newest])
    return [
        replace(answer, newest=tuple(replace(record, raw=raw.get(_place(record))) for record in answer.newest))
        for answer in found
    ]


def answers(history: DataFrame, source: Source, questions: Sequence[Question], most: int) -> list[Answer]:
    """The answers that a history gives, without what bronze has of it: one job."""
    rows = only_row(_counted(history, source, questions, most))
    return [
        Answer(
            rows[f"records {at}"],
            {name: rows[f"counts {at} {place}"] for place, name in enumerate(question.counts)},
            tuple(_record(source, question, each) for each in rows[f"newest {at}"] or ()),
        )
        for at, question in enumerate(questions)
    ]


def _counted(history: DataFrame, source: Source, questions: Sequence[Question], most: int) -> DataFrame:
    """One row: per question how many versions there are, for each feature too, and the newest of them."""
    at = F.col(quoted(source.event_time)) if source.event_time else F.col("valid_from")
    events = history.select("*", at.cast("timestamp").alias(EVENT))
    order = F.struct(EVENT, "valid_from", *PLACE)
    asked: list[Column] = []
    for number, question in enumerate(questions):
        meant = question.meant
        record = F.struct(
            F.struct(*[F.col(quoted(name)) for name in source.key]).alias("key"),
            F.col(EVENT).alias("event_time"), "valid_from", "valid_to", *PLACE,
            F.array(*[value.cast("string") for value in question.taken.values()]).alias("taken"),
            F.array(*question.counts.values()).alias("counts"),
        )  # fmt: skip
        asked += [
            F.count_if(meant).alias(f"records {number}"),
            F.max_by(F.when(meant, record), F.when(meant, order), most).alias(f"newest {number}"),
            *[
                F.count_if(meant & counts).alias(f"counts {number} {place}")
                for place, counts in enumerate(question.counts.values())
            ],
        ]
    return events.where(reduce(or_, [question.belongs for question in questions])).agg(*asked)


def _record(source: Source, question: Question, found: Any) -> RecordFacts:
    return RecordFacts(
        source.name,
        {name: aware(found["key"][name]) for name in source.key},
        aware(found["event_time"]) if source.event_time else None,
        aware(found["valid_from"]),
        aware(found["valid_to"]),
        found["source_file"],
        found["source_position"],
        found["batch"],
        taken=dict(zip(question.taken, found["taken"], strict=True)),
        counts_for=tuple(name for name, counts in zip(question.counts, found["counts"], strict=True) if counts),
    )


def _place(record: RecordFacts) -> tuple[str, int, int]:
    return record.source_file, record.source_position, record.batch


def _raw(
    lakehouse: Lakehouse, source: Source, records: Iterable[RecordFacts]
) -> dict[tuple[str, int, int], dict[str, str | None]]:
    """Place -> the texts that were delivered, of the records that bronze has."""
    places = sorted({_place(record) for record in records})
    table = f"bronze.{source.name}"
    if not places or not lakehouse.tables.exists(table):
        return {}
    wanted = local_frame(
        lakehouse.spark, [dict(zip(PLACE, place, strict=True)) for place in places],
        "source_file string, source_position bigint, batch int",
    )  # fmt: skip
    bronze = lakehouse.tables.read(table)
    for name, values in zip(PLACE, zip(*places, strict=True), strict=True):  # what Delta leaves files out by
        bronze = bronze.where(F.col(name).isin(sorted(set(values))))
    columns = [name for name in source.columns if name in bronze.columns]
    found = bronze.join(F.broadcast(wanted), list(PLACE), "left_semi").select(*PLACE, *map(quoted, columns)).collect()
    return {tuple(row[name] for name in PLACE): {name: row[name] for name in columns} for row in found}


def aware(value: Any) -> Any:
    """A time of Spark's with its zone, which is UTC; anything else as it is."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
