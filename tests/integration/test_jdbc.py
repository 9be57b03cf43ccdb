"""A table of a real PostgreSQL is landed by a cursor: what is new, what was committed late, each row once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

import pytest
from pyspark.sql import functions as F

import bronze.stage
import silver.stage
from assay import stages
from assay.config.environment import Connection
from assay.errors import AssayError, ConfigError, ContractError, SourceError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from bronze import jdbc
from bronze.seen import Seen, seen_files

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
TABLE = """
DROP TABLE IF EXISTS readings CASCADE;
CREATE TABLE readings (
    station text, hour int, temp numeric, changed_at timestamptz, ok boolean, tags int[], note bytea
);
INSERT INTO readings VALUES
    ('b', 1, 7.50, '2013-03-01 10:00+00', true, '{1,2}', '\\x01ff'),
    ('a', 1, 10, '2013-03-01 09:00+00', NULL, NULL, NULL),
    ('a', 2, 'NaN', '2013-03-01 11:00:00.123456+00', false, '{}', '');
"""
CONTRACT = """
description: What a station measured. One row per station and hour.
from: {jdbc: plant, table: readings, cursor: changed_at, overlap: 2h, available: {column: changed_at}}
key: [station, hour]
columns:
  station: {type: string, required: true}
  hour: {type: int, min: 0, max: 23}
  temp: {type: double, max: 60}
  changed_at: {type: timestamp}
"""
UNSEEN = {"readings": Seen(frozenset(), frozenset(), {}, 0)}


class Postgres(Protocol):
    """What the fixture gives."""

    url: str
    password: str

    def execute(self, statements: str) -> None: ...


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse


@pytest.fixture
def plant(readings: Readings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """A lakehouse whose only source is the table."""
    postgres.execute(TABLE)
    for name, value in {"URL": postgres.url, "USER": "reader", "PASSWORD": postgres.password}.items():
        monkeypatch.setenv(f"PLANT_{name}", value)
    conf = readings.lakehouse.conf_dir
    (conf.parent / "env" / "local.yml").write_text(
        'connections: {plant: {url: "${PLANT_URL}", user: "${PLANT_USER}", password: "${PLANT_PASSWORD}"}}\n'
    )
    return with_contract(conf, CONTRACT)


def with_contract(conf: Path, text: str) -> Lakehouse:
    (conf / "sources" / "readings.yml").write_text(text)
    return open_lakehouse(conf)


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in lakehouse.tables.read(table).select(*columns).collect()), key=repr)


def look(lakehouse: Lakehouse, seen: Mapping[str, Seen] = UNSEEN) -> tuple[list[Any], Outcome]:
    """What a landing would find, and the run's notes."""
    outcome = Outcome("bronze", NIGHT)
    return jdbc.look(lakehouse, list(lakehouse.config.sources.values()), seen, outcome).deliveries, outcome


LATER = """
INSERT INTO readings VALUES
    ('c', 1, 3, '2013-03-01 12:00+00', NULL, NULL, NULL),
    ('late', 1, 4, '2013-03-01 09:30+00', NULL, NULL, NULL),
    ('too late', 1, 4, '2013-03-01 08:30+00', NULL, NULL, NULL),
    ('b', 1, 7.50, '2013-03-01 10:00+00', true, '{1,2}', '\\x01ff');
UPDATE readings SET temp = 11, changed_at = '2013-03-01 12:30+00' WHERE station = 'a' AND hour = 1;
"""


class PowerCut(BaseException):
    """Nothing after it runs."""


def test_each_row_is_landed_once_whatever_is_late_met_again_or_cut_off(
    plant: Lakehouse, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    bronze.stage.run(plant, NIGHT)
    values = ("source_position", "station", "hour", "temp", "changed_at", "extra", "source_file", "batch")
    first = [
        (1, "a", "1", "10", "2013-03-01 09:00:00+00", {"note": None, "ok": None, "tags": None}, "plant/readings", 1),
        (2, "b", "1", "7.50", "2013-03-01 10:00:00+00", {"note": "\\x01ff", "ok": "true", "tags": "{1,2}"}, "plant/readings", 1),
        (3, "a", "2", "NaN", "2013-03-01 11:00:00.123456+00", {"note": "\\x", "ok": "false", "tags": "{}"}, "plant/readings", 1),
    ]  # fmt: skip
    assert rows(plant, "bronze.readings", *values) == first

    assert (look(plant, seen_files(plant))[0], look(plant, seen_files(plant))[1].notes) == (
        [],
        ["readings: no new row"],
    )

    postgres.execute(LATER)
    with monkeypatch.context() as patched:

        def cut(*_: Sequence[Any]) -> None:
            raise PowerCut

        patched.setattr(bronze.stage, "_record_files", cut)
        patched.setattr(stages, "record", lambda *_: None)
        with pytest.raises(PowerCut):
            bronze.stage.run(plant, NIGHT)
    postgres.execute("INSERT INTO readings VALUES ('d', 1, 5, '2013-03-01 13:00+00', NULL, NULL, NULL)")
    bronze.stage.run(plant, NIGHT)
    second = [
        (4, "late", "2013-03-01 09:30:00+00", 2),
        (5, "b", "2013-03-01 10:00:00+00", 2),
        (6, "c", "2013-03-01 12:00:00+00", 2),
        (7, "a", "2013-03-01 12:30:00+00", 2),
        (8, "d", "2013-03-01 13:00:00+00", 2),
    ]
    found = rows(plant, "bronze.readings", "source_position", "station", "changed_at", "batch")
    assert found == [*[(row[0], row[1], row[4], 1) for row in first], *second]
    assert rows(plant, "ops.files", "source_file", "status", "batch", "records", "read_to") == [
        ("plant/readings", "landed", 1, 3, '{"cursor": "changed_at", "highest": "2013-03-01 11:00:00.123456+00"}'),
        ("plant/readings", "landed", 2, 5, '{"cursor": "changed_at", "highest": "2013-03-01 13:00:00+00"}'),
    ]
    silver.stage.run(plant, NIGHT)
    assert rows(plant, "silver.readings__history", "station", "hour", "temp", "valid_from", "fate") == [
        ("a", 1, 10.0, datetime(2013, 3, 1, 9), "version"),  # noqa: DTZ001  # as Spark gives it
        ("a", 1, 11.0, datetime(2013, 3, 1, 12, 30), "version"),  # noqa: DTZ001
        ("b", 1, 7.5, datetime(2013, 3, 1, 10), "duplicate"),  # noqa: DTZ001
        ("b", 1, 7.5, datetime(2013, 3, 1, 10), "version"),  # noqa: DTZ001
        ("c", 1, 3.0, datetime(2013, 3, 1, 12), "version"),  # noqa: DTZ001
        ("d", 1, 5.0, datetime(2013, 3, 1, 13), "version"),  # noqa: DTZ001
        ("late", 1, 4.0, datetime(2013, 3, 1, 9, 30), "version"),  # noqa: DTZ001
    ]
    assert_untold(plant, postgres, caplog.text)


def assert_untold(lakehouse: Lakehouse, postgres: Postgres, said: str) -> None:
    """Neither the password nor the address is in what was said, in a table, or in the log of one."""
    tables = sorted({path.parents[1] for path in Path(lakehouse.root).glob("*/*/_delta_log/*.json")})
    assert len(tables) >= 2
    for table in tables:
        kept = lakehouse.spark.read.format("delta").load(str(table)).select(F.to_json(F.struct("*")))
        said += str(kept.collect()) + "".join(path.read_text() for path in table.glob("_delta_log/*.json"))
    assert postgres.password not in said
    assert postgres.url not in said
    assert postgres.url.partition("//")[2] not in said


def told(error: AssayError) -> tuple[type[AssayError], str, object]:
    return type(error), error.what, error.found


@pytest.mark.parametrize(
    ("statement", "change", "expected"),
    [
        ("", ("table: readings", "table: reading"), (SourceError, "The table of source readings does not exist.", "SQLSTATE 42P01")),
        ("", ("table: readings", "table: other.readings"), (SourceError, "The table of source readings does not exist.", "SQLSTATE 42P01")),
        ("", ("cursor: changed_at", "cursor: change_at"), (SourceError, "The table of source readings does not have its cursor.", "columns station, hour, temp, changed_at, ok, tags, note")),
        ("UPDATE readings SET changed_at = NULL WHERE station = 'a'", ("", ""), (SourceError, "The table of source readings has rows without a cursor: they would never be landed.", "2 rows with changed_at NULL")),
        ("UPDATE readings SET changed_at = 'infinity' WHERE station = 'b'", ("", ""), (SourceError, "The highest cursor of source readings is no moment or number.", "changed_at infinity")),
        ("ALTER TABLE readings DROP COLUMN temp", ("", ""), (ContractError, "The table of source readings lacks a column of the contract.", "columns station, hour, changed_at, ok, tags, note")),
        ("ALTER TABLE readings ALTER hour TYPE date USING now()", ("", ""), (ContractError, "The table of source readings has a column of another type than the contract's.", "hour date")),
        ("", ("overlap: 2h", "on_new_column: fail"), (ContractError, "The table of source readings has a column that the contract does not name.", "note, ok, tags")),
        ("", ("cursor: changed_at", "cursor: station"), (ContractError, "The cursor of source readings is neither a number nor a time.", "station text")),
        ("", ("overlap: 2h", "overlap: 5"), (ContractError, "The overlap of source readings does not go with its cursor.", "changed_at is timestamptz")),
        ("", ("jdbc: plant", "jdbc: plan"), (ConfigError, "There is no connection 'plan' in environment local.", "plan")),
    ],
)  # fmt: skip
def test_what_cannot_be_landed_is_told(
    plant: Lakehouse, postgres: Postgres, statement: str, change: tuple[str, str], expected: tuple[Any, ...]
) -> None:
    if statement:
        postgres.execute(statement)
    with pytest.raises(AssayError) as caught:
        look(with_contract(plant.conf_dir, CONTRACT.replace(*change)))
    assert told(caught.value) == expected
    assert "sources/readings.yml:" in caught.value.where


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"password": "canary-wrong"}, "The database of source readings refuses the user."),
        ({"user": "nobody"}, "The database of source readings refuses the user."),
        ({"url": "jdbc:postgresql://127.0.0.1:1/postgres?password=canary-in-url"}, "The database of source readings cannot be reached."),
        ({"url": "mysql://canary"}, "The address of connection plant is of no database that is known."),
    ],
)  # fmt: skip
def test_a_connection_that_fails_shows_no_secret(
    plant: Lakehouse, postgres: Postgres, change: dict[str, str], what: str
) -> None:
    good = {"url": postgres.url, "user": "reader", "password": postgres.password}
    connection = Connection.model_validate(good | change)
    environment = plant.environment.model_copy(update={"connections": {"plant": connection}})
    with pytest.raises(AssayError) as caught:
        look(replace(plant, environment=environment))
    assert caught.value.what == what
    assert caught.value.__cause__ is None
    assert "canary" not in str(caught.value)


def test_a_database_that_fails_while_it_is_read_stops_the_run(
    plant: Lakehouse, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    postgres.execute("CREATE VIEW broken AS SELECT station, 1 / (hour - 1) AS hour, temp, changed_at FROM readings")
    lakehouse = with_contract(plant.conf_dir, CONTRACT.replace("table: readings", "table: broken"))
    with pytest.raises(SourceError, match="The database of source readings failed") as caught:
        bronze.stage.run(lakehouse, NIGHT)
    assert caught.value.found == "SQLSTATE unknown: ERROR: division by zero"
    assert rows(lakehouse, "ops.runs", "stage", "status") == [("bronze", "failed")]
    assert not lakehouse.tables.exists("ops.files")
    assert_untold(lakehouse, postgres, caplog.text + str(caught.value))


def test_numbers_as_cursor_are_in_their_order_and_may_be_unknown_to_the_contract(
    plant: Lakehouse, postgres: Postgres
) -> None:
    postgres.execute("ALTER TABLE readings ADD COLUMN id numeric; UPDATE readings SET id = temp WHERE hour = 1")
    postgres.execute("UPDATE readings SET id = 9.5 WHERE id IS NULL")
    cursor = CONTRACT.replace("cursor: changed_at, overlap: 2h", "cursor: id, overlap: 1, on_new_column: ignore")
    lakehouse = with_contract(plant.conf_dir, cursor)
    (delivery,), _ = look(lakehouse)
    assert delivery.read_to == '{"cursor": "id", "highest": "10"}'
    assert delivery.notes == ("plant/readings: has note, ok, tags, which the contract does not name: left out",)
    found = jdbc.read(lakehouse, [delivery]).select("source_position", "station", "hour", "extra").collect()
    assert sorted(tuple(row) for row in found) == [(1, "b", "1", None), (2, "a", "2", None), (3, "a", "1", None)]


def test_a_table_that_shrank_or_has_no_rows_is_said(plant: Lakehouse, postgres: Postgres) -> None:
    bronze.stage.run(plant, NIGHT)
    postgres.execute("DELETE FROM readings WHERE hour = 2")
    shrunk = bronze.stage.run(plant, NIGHT)
    below = "the highest changed_at is 2013-03-01 10:00:00+00, below 2013-03-01 11:00:00.123456+00 that was landed"
    assert shrunk.notes == [
        f"plant/readings: {below}: rows that were added below it are met only within the overlap",
        "readings: no new row",
    ]
    assert {metric.metric: metric.value for metric in shrunk.metrics} == {
        "files": 0, "seen": 0, "landed": 0, "duplicate": 0, "quarantined": 0, "waiting": 0,
    }  # fmt: skip
    other = CONTRACT.replace("cursor: changed_at, overlap: 2h", "cursor: hour, overlap: 1")
    (again,), _ = look(with_contract(plant.conf_dir, other), seen_files(plant))
    assert jdbc.read(plant, [again]).count() == 0  # another cursor reads all anew, and knows what was landed
    postgres.execute("DELETE FROM readings")
    deliveries, outcome = look(plant)
    assert (deliveries, outcome.notes) == ([], ["readings: plant/readings has no rows"])


Row = tuple[str, int, int, datetime]
"""Station, hour, temp and cursor."""

OVERLAP = timedelta(hours=2)


def shuffled(random: Random, table: list[Row], highest: datetime) -> list[Row]:
    """The table after some statements of its users: rows added, also late, too late and twice, changed, removed."""
    table = list(table)
    for _ in range(random.randrange(3, 12)):
        changed_at = highest + timedelta(minutes=random.choice((-200, -121, -120, -60, -1, 0, 1, 30, 150)))
        match random.choice(("add", "add", "again", "change", "remove")):
            case "add":
                table.append((random.choice("ab"), random.randrange(3), random.randrange(2), changed_at))
            case "again" if table:
                table.append(random.choice(table))
            case "change" if table:
                station, hour, temp, _ = table.pop(random.randrange(len(table)))
                table.append((station, hour, 1 - temp, changed_at))
            case "remove" if table:
                table.pop(random.randrange(len(table)))
    return table


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_between_landings_nothing_is_lost_and_nothing_is_landed_twice(
    plant: Lakehouse, postgres: Postgres, seed: int
) -> None:
    postgres.execute("ALTER TABLE readings DROP COLUMN ok, DROP COLUMN tags, DROP COLUMN note")
    random, highest = Random(seed), datetime(2013, 3, 1, 12, tzinfo=UTC)  # noqa: S311  # no secret
    table: list[Row] = []
    landed: Counter[Row] = Counter()
    since = datetime.min.replace(tzinfo=UTC)
    for _ in range(6):
        table = shuffled(random, table, highest)
        values = ", ".join(f"('{station}', {hour}, {temp}, '{at.isoformat()}')" for station, hour, temp, at in table)
        postgres.execute("TRUNCATE readings" + (f"; INSERT INTO readings VALUES {values}" if values else ""))
        bronze.stage.run(plant, NIGHT)
        landed |= Counter(row for row in table if row[3] >= since)
        if landed:
            highest = max(row[3] for row in landed)
            since = highest - OVERLAP
    found = rows(plant, "bronze.readings", "station", "hour", "temp", "changed_at")
    expected = [(row[0], str(row[1]), str(row[2]), f"{row[3]:%Y-%m-%d %H:%M:%S}+00") for row in landed.elements()]
    assert found == sorted(expected, key=repr)
    assert len(found) > 10
    places = [place for (place,) in rows(plant, "bronze.readings", "source_position")]
    assert sorted(places) == list(range(1, len(found) + 1))
    assert sum(records for (records,) in rows(plant, "ops.files", "records")) == len(found)
