"""Files and columns that change: still being written, delivered again, or with columns that nobody named."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

import bronze.stage
from assay.errors import ContractError, SourceError
from assay.lakehouse import Lakehouse, open_lakehouse
from bronze import tasks

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
NEXT = datetime(2013, 3, 3, tzinfo=UTC)
MORNING = "station,hour,temp\na,1,10.5\nb,1,7\n"
FILE = "2013-03-01.csv"


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    landing: Path

    def deliver(self, name: str, content: str | bytes) -> None: ...


def with_from(readings: Readings, settings: str) -> Lakehouse:
    """The same lakehouse, with more said of where records come from."""
    path = readings.lakehouse.conf_dir / "sources" / "readings.yml"
    path.write_text(path.read_text().replace("format: csv}", settings + "}"))
    return open_lakehouse(readings.lakehouse.conf_dir)


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()), key=repr)


def grow(readings: Readings, monkeypatch: pytest.MonkeyPatch, module: Any, function: str) -> None:
    """Another line comes into the file just before a function of ours is called; once."""
    real: Callable[..., Any] = getattr(module, function)

    def grown(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(module, function, real)
        readings.deliver(FILE, MORNING + "c,1,8\n")
        return real(*given, **named)

    monkeypatch.setattr(module, function, grown)


def test_a_file_that_is_being_written_waits_for_the_next_run(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings.deliver(FILE, MORNING)
    readings.deliver("2013-02-28.csv", MORNING)
    grow(readings, monkeypatch, tasks, "inspect")
    outcome = bronze.stage.run(readings.lakehouse, NIGHT)
    assert outcome.notes == [f"landing/readings/{FILE}: is still being written, and waits"]
    assert rows(readings.lakehouse, "ops.files", "source_file") == [("landing/readings/2013-02-28.csv",)]
    bronze.stage.run(readings.lakehouse, NIGHT)
    assert rows(readings.lakehouse, "bronze.readings", "station", "batch") == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 2),
    ]  # fmt: skip


def test_a_file_that_changes_while_it_is_landed_is_not_landed_in_part(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings.deliver(FILE, MORNING)
    grow(readings, monkeypatch, tasks, "read")
    with pytest.raises(SourceError, match="A file changed while it was landed") as caught:
        bronze.stage.run(readings.lakehouse, NIGHT)
    assert caught.value.where == f"landing/readings/{FILE}"
    assert not readings.lakehouse.tables.exists("ops.files")
    bronze.stage.run(readings.lakehouse, NIGHT)
    assert rows(readings.lakehouse, "bronze.readings", "station", "batch") == [("a", 1), ("b", 1), ("c", 1)]


@pytest.mark.parametrize("policy", ["version", "fail"])
def test_other_content_under_a_name_that_was_landed(readings: Readings, policy: str) -> None:
    lakehouse = with_from(readings, f"format: csv, on_changed: {policy}")
    readings.deliver(FILE, MORNING)
    bronze.stage.run(lakehouse, NIGHT)
    ((landed,),) = rows(lakehouse, "ops.files", "sha256")
    readings.deliver(FILE, MORNING.replace("7", "9"))
    if policy == "version":
        bronze.stage.run(lakehouse, NEXT)
        assert rows(lakehouse, "bronze.readings", "station", "temp", "batch") == [
            ("a", "10.5", 1), ("a", "10.5", 2), ("b", "7", 1), ("b", "9", 2),
        ]  # fmt: skip
        assert len(set(rows(lakehouse, "ops.files", "source_file", "sha256"))) == 2
        return
    with pytest.raises(ContractError, match="was landed before with other content") as caught:
        bronze.stage.run(lakehouse, NEXT)
    assert caught.value.expected == f"SHA-256 {landed}, as it was landed"
    assert str(caught.value.found) != f"SHA-256 {landed}"
    readings.deliver(FILE, MORNING)
    bronze.stage.run(lakehouse, NEXT)
    assert rows(lakehouse, "bronze.readings", "station") == [("a",), ("b",)]


NEW = {
    "csv": "station,hour,temp,wind\na,1,10.5,3\n",
    "jsonl": '{"station": "a", "hour": 1, "temp": 10.5}\n{"station": "b", "hour": 1, "wind": 3}\n',
}


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("policy", ["keep", "ignore", "fail"])
def test_a_column_that_the_contract_does_not_name(readings: Readings, kind: str, policy: str) -> None:
    lakehouse = with_from(readings, f"format: {kind}, on_new_column: {policy}")
    readings.deliver("2013-03-01", NEW[kind])
    if policy == "fail":
        with pytest.raises(ContractError, match="has a column that the contract does not name") as caught:
            bronze.stage.run(lakehouse, NIGHT)
        assert (caught.value.found, caught.value.expected) == ("wind", "no column but hour, station, temp")
        assert not lakehouse.tables.exists("bronze.readings")
        return
    outcome = bronze.stage.run(lakehouse, NIGHT)
    extra = rows(lakehouse, "bronze.readings", "extra")
    assert ({"wind": "3"},) in extra if policy == "keep" else all(row == (None,) for row in extra)
    what = {"keep": "kept in extra", "ignore": "left out"}[policy]
    told = f"landing/readings/2013-03-01: has wind, which the contract does not name: {what}"
    assert outcome.notes == ([told] if kind == "csv" else [])
