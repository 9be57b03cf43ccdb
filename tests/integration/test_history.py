"""The history of a key in silver: the same whatever the order and the batches in which files came."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

import bronze.stage
import silver.stage
from assay.lakehouse import Lakehouse

NIGHT = datetime(2013, 3, 3, tzinfo=UTC)
FILES = {
    "2013-03-01T00-00.csv": "station,hour,temp\na,1,10\nb,1,7\n",
    "2013-03-01T01-00.csv": "station,hour,temp\na,1,11\na,1,12\n",
    "2013-03-01T02-00.csv": "station,hour,temp\na,1,10\na,1,10\nb,1,7\nb,1,70\n",
}
FIRST, SECOND, THIRD = FILES


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def at(hour: int) -> datetime:
    return datetime(2013, 3, 1, hour)  # noqa: DTZ001  # as Spark gives it: UTC


def history(lakehouse: Lakehouse, *more: str) -> list[tuple[Any, ...]]:
    columns = ["station", "temp", "valid_from", "valid_to", "fate", *more]
    found = lakehouse.tables.read("silver.readings__history").orderBy("station", "valid_from", "source_position")
    return [tuple(row) for row in found.select(*columns).collect()]


@pytest.mark.parametrize(
    "batches",
    [[[FIRST, SECOND, THIRD]], [[FIRST], [THIRD], [SECOND]], [[THIRD], [SECOND, FIRST]]],
    ids=["at once", "one late", "backwards"],
)
def test_the_history_is_the_same_however_files_are_batched(
    new_readings: Callable[[str], Readings], batches: Sequence[Sequence[str]]
) -> None:
    made = new_readings("readings")
    for batch in batches:
        for name in batch:
            made.deliver(name, FILES[name])
        bronze.stage.run(made.lakehouse, NIGHT)
        silver.stage.run(made.lakehouse, NIGHT)
    assert history(made.lakehouse) == [
        ("a", 10.0, at(0), at(1), "version"),
        ("a", 11.0, at(1), at(1), "superseded"),
        ("a", 12.0, at(1), at(2), "version"),
        ("a", 10.0, at(2), at(2), "duplicate"),
        ("a", 10.0, at(2), None, "version"),
        ("b", 7.0, at(0), None, "version"),
        ("b", 7.0, at(2), at(2), "unchanged"),
    ]
    rejected = made.lakehouse.tables.read("silver.readings__quarantine").select("raw").collect()
    assert [row["raw"] for row in rejected] == ['{"station":"b","hour":"1","temp":"70"}']
    landed, kept = (
        made.lakehouse.tables.read(f"{name}readings{end}") for name, end in (("bronze.", ""), ("silver.", "__history"))
    )
    place = ["source_file", "source_position", "batch"]
    rows = [sorted(tuple(row) for row in table.select(*place).collect()) for table in (landed, kept)]
    assert len(rows[0]) == 8
    assert set(rows[1]) < set(rows[0])
    assert len(set(rows[1])) == len(rows[1]) == 7


def test_a_record_that_says_nothing_new_is_appended_without_a_merge(readings: Readings) -> None:
    for name in (FIRST, "2013-03-02T00-00.csv"):
        readings.deliver(name, FILES[FIRST] + ("c,1,5\n" if name != FIRST else ""))
        bronze.stage.run(readings.lakehouse, NIGHT)
        silver.stage.run(readings.lakehouse, NIGHT)
    path = readings.lakehouse.tables.path("silver.readings__history")
    operations = readings.lakehouse.spark.sql(f"describe history delta.`{path}`").select("operation").collect()
    assert [row["operation"] for row in operations] == ["WRITE", "WRITE", "CREATE TABLE"]
    outcome = silver.stage.run(readings.lakehouse, NIGHT)
    assert outcome.targets == []
    assert [row[4] for row in history(readings.lakehouse)] == [
        "version",
        "unchanged",
        "version",
        "unchanged",
        "version",
    ]
