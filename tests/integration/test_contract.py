"""What a contract says of other sources, of a key's versions and of time, on real tables."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

import bronze.stage
import silver.stage
from assay.errors import ContractError
from assay.lakehouse import Lakehouse, open_lakehouse

NIGHT = datetime(2013, 3, 4, tzinfo=UTC)


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse
    landing: Path

    def deliver(self, name: str, content: str | bytes) -> None: ...


def with_sources(made: Readings, **texts: str) -> Lakehouse:
    """The lakehouse with other contracts; what they have in common is added."""
    folder = made.lakehouse.conf_dir / "sources"
    (folder / "readings.yml").unlink(missing_ok=True)
    for name, text in texts.items():
        common = f"description: Some.\nfrom: {{files: 'landing/{name}/*', available: file_name, format: csv}}\n"
        (folder / f"{name}.yml").write_text(common + text)
    return open_lakehouse(made.lakehouse.conf_dir)


def deliver(made: Readings, path: str, content: str) -> None:
    file = made.landing.parent / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def run(lakehouse: Lakehouse) -> Any:
    bronze.stage.run(lakehouse, NIGHT)
    return silver.stage.run(lakehouse, NIGHT)


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()), key=repr)


def at(day: int) -> datetime:
    return datetime(2013, 3, day)  # noqa: DTZ001  # as Spark gives it: UTC


PLANES = (
    "key: [tail]\ncolumns: {tail: {type: string, required: true}, seats: {type: int, max: 900}}\nhistory: snapshot\n"
)
FLIGHTS = """key: [id]
columns: {id: {type: int}, tail: {type: string}}
references: {plane: {source: planes, columns: [tail], on_fail: flag}}
"""


def test_a_snapshot_closes_what_it_lacks_unless_a_record_of_it_was_refused(readings: Readings) -> None:
    lakehouse = with_sources(readings, planes=PLANES)
    deliver(readings, "planes/2013-03-01.csv", "tail,seats\nA,1\nB,2\nC,3\n")
    run(lakehouse)
    deliver(readings, "planes/2013-03-02.csv", "tail,seats\nA,1\nB,999\n")  # closes nothing
    run(lakehouse)
    deliver(readings, "planes/2013-03-03.csv", "tail,seats\nA,1\nB,4\n")
    run(lakehouse)
    deliver(readings, "planes/2013-03-04.csv", "tail,seats\n")  # nor does an empty one
    run(lakehouse)
    assert rows(lakehouse, "silver.planes__history", "tail", "seats", "valid_from", "valid_to", "fate") == [
        ("A", 1, at(1), None, "version"),
        ("A", 1, at(2), at(2), "unchanged"),
        ("A", 1, at(3), at(3), "unchanged"),
        ("B", 2, at(1), at(3), "version"),
        ("B", 4, at(3), None, "version"),
        ("C", 3, at(1), at(3), "version"),
    ]


@pytest.mark.parametrize("late", ["2013-03-01.csv", "2013-03-02.csv"])
def test_snapshots_in_any_order_make_the_same_history(readings: Readings, late: str) -> None:
    files = {
        "2013-03-01.csv": "tail,seats\nA,1\nB,2\n",
        "2013-03-02.csv": "tail,seats\nA,1\nC,3\n",
        "2013-03-03.csv": "tail,seats\nA,1\nB,2\n",  # the bytes of the first
    }
    lakehouse = with_sources(readings, planes=PLANES)
    for name, content in sorted(files.items(), key=lambda file: file[0] == late):
        deliver(readings, f"planes/{name}", content)
        run(lakehouse)
    assert rows(lakehouse, "silver.planes__history", "tail", "seats", "valid_from", "valid_to", "fate") == [
        ("A", 1, at(1), None, "version"),
        ("A", 1, at(2), at(2), "unchanged"),
        ("A", 1, at(3), at(3), "unchanged"),
        ("B", 2, at(1), at(2), "version"),
        ("B", 2, at(3), None, "version"),
        ("C", 3, at(2), at(3), "version"),
    ]


def test_an_orphan_is_handled_as_the_contract_says_and_its_source_is_cleaned_after(readings: Readings) -> None:
    lakehouse = with_sources(readings, flights=FLIGHTS, planes=PLANES)
    deliver(readings, "planes/2013-03-02.csv", "tail,seats\nA,1\n")
    deliver(readings, "flights/2013-03-01.csv", "id,tail\n1,A\n2,\n")  # A was not known on that day
    deliver(readings, "flights/2013-03-03.csv", "id,tail\n3,A\n4,B\n")
    run(lakehouse)
    assert rows(lakehouse, "silver.flights__history", "id", "_flags") == [
        (1, ["plane"]), (2, None), (3, None), (4, ["plane"]),
    ]  # fmt: skip
    strict = with_sources(readings, planes=PLANES, flights=FLIGHTS.replace("flag", "{severity: fail, at_most: 50%}"))
    deliver(readings, "flights/2013-03-04.csv", "id,tail\n5,B\n6,C\n7,A\n")
    with pytest.raises(ContractError, match="plane is not in planes") as raised:
        run(strict)
    assert raised.value.found == "2 of 3 rows (66.67%), such as 'B', 'C'"


def test_out_of_date_records_and_repeated_events_change_nothing(readings: Readings) -> None:
    columns = "key: [id]\ncolumns: {id: {type: int}, nr: {type: int}, state: {type: string}}\n"
    lakehouse = with_sources(readings, orders=columns + "sequence: nr\n", clicks=columns + "history: events\n")
    for source in ("orders", "clicks"):
        deliver(readings, f"{source}/2013-03-01.csv", "id,nr,state\n1,2,paid\n1,1,new\n")
        deliver(readings, f"{source}/2013-03-02.csv", "id,nr,state\n1,1,open\n2,,lost\n")
        deliver(readings, f"{source}/2013-03-03.csv", "id,nr,state\n1,3,sent\n")
    run(lakehouse)
    columns_of = ("id", "state", "valid_from", "valid_to", "fate")
    assert rows(lakehouse, "silver.orders__history", *columns_of) == [
        (1, "new", at(1), at(1), "superseded"),
        (1, "open", at(2), at(2), "superseded"),
        (1, "paid", at(1), at(3), "version"),
        (1, "sent", at(3), None, "version"),
    ]
    assert rows(lakehouse, "silver.orders__quarantine", "raw", "reasons.message") == [
        ('{"id":"2","nr":"","state":"lost"}', ["is missing"])
    ]
    assert rows(lakehouse, "silver.clicks__history", *columns_of) == [
        (1, "new", at(1), at(1), "superseded"),
        (1, "open", at(2), at(2), "superseded"),
        (1, "paid", at(1), None, "version"),
        (1, "sent", at(3), at(3), "superseded"),
        (2, "lost", at(2), None, "version"),
    ]


def test_a_source_whose_newest_event_is_old_stops_silver_after_what_came_was_kept(
    new_readings: Callable[[str], Readings],
) -> None:
    made = new_readings("fresh")
    contract = "key: [id]\nevent_time: day\ncolumns: {id: {type: int}, day: {type: date}}\nfreshness: 2d\n"
    lakehouse = with_sources(made, sales=contract)
    deliver(made, "sales/2013-03-03.csv", "id,day\n1,2013-03-02\n")
    outcome = run(lakehouse)
    assert outcome.total("stale") == 0
    later = datetime(2013, 3, 5, tzinfo=UTC)
    bronze.stage.run(lakehouse, later)
    with pytest.raises(ContractError, match="Source sales is not fresh") as raised:
        silver.stage.run(lakehouse, later)
    assert raised.value.found == "the newest event is of 2013-03-02 00:00Z"
    assert raised.value.expected == "one since 2013-03-03 00:00Z: 2d before the as_of"
    told = with_sources(made, sales=contract.replace("2d", "{within: 2d, on_fail: flag}"))
    outcome = silver.stage.run(told, later)
    assert outcome.total("stale") == 1
    assert outcome.notes == [f"Source sales is not fresh. {raised.value.found}; expected: {raised.value.expected}"]
