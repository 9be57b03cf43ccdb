"""A source's contract, read from its file."""

from datetime import timedelta
from pathlib import Path

import pytest

from assay.config.baseline import Baseline
from assay.config.column import Column, Derived
from assay.config.load import read_document
from assay.config.origins import AvailableAfterEvent, AvailableColumn, DeltaTable, Files, Jdbc
from assay.config.source import Source
from assay.errors import ConfigError

GOOD = """\
description: Readings. One row per meter and hour.
from: {files: landing/readings/*.csv}
key: [meter, hour]
event_time: hour
columns:
  meter: {type: string}
  hour: {type: timestamp}
  value: {type: int}
"""
"""A contract of eight lines; what a test adds begins on line 9."""

TYPES = "string, int, long, double, boolean, date, timestamp, hhmm, decimal(p,s)"


def read(folder: Path, text: str) -> Source:
    path = folder / "readings.yml"
    path.write_text(text)
    return read_document(path, Source, name="readings")


def refusal(folder: Path, text: str) -> tuple[str, str]:
    """What is wrong and where, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return caught.value.what.removeprefix("The configuration is not valid: "), caught.value.where.removeprefix(
        f"{folder}/"
    )


def with_column(column: str) -> str:
    return GOOD.replace("value: {type: int}", f"value: {column}")


def with_from(come_from: str) -> str:
    return GOOD.replace("{files: landing/readings/*.csv}", come_from)


def test_source_reads_short_and_long_forms(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        with_column("{type: 'decimal(10, 2)', from: Value (kWh), min: 0}")
        + "nulls: ['', NA]\nderived:\n  is_high: value > 100\n  day: {expr: to_date(hour), required: true}\n",
    )
    assert source.model_dump() == {
        "name": "readings",
        "description": "Readings. One row per meter and hour.",
        "come_from": Files(files="landing/readings/*.csv").model_dump(),
        "key": ("meter", "hour"),
        "event_time": "hour",
        "nulls": ("", "NA"),
        "columns": {
            "meter": Column(type="string").model_dump(),
            "hour": Column(type="timestamp").model_dump(),
            "value": Column(type="decimal(10,2)", raw="Value (kWh)", min=0).model_dump(),
        },
        "derived": {
            "is_high": Derived(expr="value > 100").model_dump(),
            "day": Derived(expr="to_date(hour)", required=True).model_dump(),
        },
        "checks": {},
        "history": "versions",
        "sequence": None,
        "references": {},
        "freshness": None,
        "expectations": (),
        "baseline": None,
    }
    assert source.raw_names == {"meter": "meter", "hour": "hour", "value": "Value (kWh)"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("modified", "modified"),
        ("file_name", "file_name"),
        ("{column: hour}", AvailableColumn(column="hour")),
        ("{after_event: 6h}", AvailableAfterEvent(after_event=timedelta(hours=6))),
    ],
)
def test_source_says_when_a_record_became_available(tmp_path: Path, given: str, expected: object) -> None:
    source = read(tmp_path, with_from(f"{{files: landing/x.csv, available: {given}}}"))
    assert source.come_from.available == expected


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (GOOD + "colums: {}\n", "unknown key colums: did you mean 'columns'?", "readings.yml:9, key colums"),
        (
            GOOD + "event_tme: hour\n",
            "unknown key event_tme: did you mean 'event_time'?",
            "readings.yml:9, key event_tme",
        ),
        (
            with_column("{type: int, requird: true}"),
            "unknown key requird: did you mean 'required'?",
            "readings.yml:8, key columns.value.requird",
        ),
        (with_from("{file: x.csv}"), "unknown key file: did you mean 'files'?", "readings.yml:2, key from.file"),
        (
            GOOD + "derived:\n  day: {exp: to_date(hour)}\n",
            "unknown key exp: did you mean 'expr'?",
            "readings.yml:10, key derived.day.exp",
        ),
    ],
    ids=["top", "time", "column", "from", "derived"],
)
def test_typo_in_a_key_is_answered_with_line_and_nearest_key(tmp_path: Path, text: str, what: str, where: str) -> None:
    assert refusal(tmp_path, text) == (what, where)


@pytest.mark.parametrize("glob", ["../x.csv", "a/../../x.csv", "/etc/passwd", "s3://other/x.csv", "a/.."])
def test_files_may_not_leave_the_landing_root(tmp_path: Path, glob: str) -> None:
    what, where = refusal(tmp_path, with_from(f"{{files: '{glob}'}}"))
    assert what.startswith(f"'{glob}' leaves the landing root; give a path below it")
    assert where == "readings.yml:2, key from.files"


@pytest.mark.parametrize(
    ("column", "what", "key"),
    [
        (
            "{type: strng}",
            f"'strng' is not a column type; known: {TYPES}.",
            ".type",
        ),
        (
            "{type: 'decimal(5,6)'}",
            f"'decimal(5,6)' is not a column type; known: {TYPES}.",
            ".type",
        ),
        ("{}", "Field required.", ".type"),
        ("{type: int, min: 5, max: 1}", "min 5.0 is above max 1.0.", ""),
        ("{type: int, length: 3}", "length is for strings, not for type int.", ""),
        ("{type: string, length: {min: 4, max: 3}}", "min 4 is above max 3.", ".length"),
        ("{type: string, fold: second}", "fold is for timestamps, not for type string.", ""),
        ("{type: int, not_in_future: true}", "not_in_future is for dates and timestamps, not for type int.", ""),
        (
            "{type: date, not_in_future: soon}",
            "'soon' is not a duration: a whole number and one of s, m, h, d, w, as in 7d.",
            ".not_in_future",
        ),
        ("{type: boolean, monotone: increasing}", "monotone is for what has an order, not for type boolean.", ""),
        ("{type: int, allowed_file: x.txt}", "allowed_file is for strings, not for type int.", ""),
        (
            "{type: string, allowed: [a], allowed_file: x.txt}",
            "allowed and allowed_file are given; one of them says it.",
            "",
        ),
        ("{type: string, min: 1}", "min is for numbers, not for type string.", ""),
        (
            "{type: string, pattern: '('}",
            "pattern is not a regular expression: missing ), unterminated subpattern at position 0.",
            "",
        ),
        (
            "{type: int, max: high}",
            "Input should be a valid number, unable to parse string as a number.",
            ".max",
        ),
        (
            "{type: string, allowed: [SE, NO]}",
            "allowed has a truth value: put quotes around yes, no, on, off, true, false.",
            "",
        ),
        (
            "{type: timestamp, time_zone: Mars/Base}",
            "'Mars/Base' is not a time zone of the IANA database, such as America/New_York.",
            ".time_zone",
        ),
        ("int", "Input should be a valid dictionary or instance of Column.", ""),
    ],
)
def test_column_that_makes_no_sense_is_refused(tmp_path: Path, column: str, what: str, key: str) -> None:
    assert refusal(tmp_path, with_column(column)) == (what, f"readings.yml:8, key columns.value{key}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (GOOD.replace("[meter, hour]", "[meter, our]"), "key column 'our' is neither a column nor derived."),
        (GOOD.replace("[meter, hour]", "[]"), "key needs at least one column."),
        (GOOD.replace("event_time: hour", "event_time: our"), "event_time 'our' is neither a column nor derived."),
        (GOOD + "sequence: nr\n", "sequence 'nr' is neither a column nor derived."),
        (
            GOOD + "sequence: value\nhistory: events\n",
            "sequence orders versions; a history of events has its own order.",
        ),
        (
            with_from("{files: x, available: {column: hour}}") + "history: snapshot\n",
            "history: snapshot needs one available time for a whole file: file_name or modified.",
        ),
        (
            GOOD + "references: {place: {source: places, columns: [plce]}}\n",
            "references' column 'plce' is neither a column nor derived.",
        ),
        (
            GOOD + "checks: {a: value > 1}\nreferences: {a: {source: places, columns: [meter]}}\n",
            "a is the name of a check and of a reference.",
        ),
        (GOOD.replace("event_time: hour\n", "freshness: 36h\n"), "freshness needs event_time."),
        (GOOD + "derived: {value: '1'}\n", "value: both a column and derived."),
        (GOOD + "derived: {batch: '1'}\n", "batch: reserved for assay's own columns."),
        (GOOD.replace("value:", "Valid_From:"), "Valid_From: reserved for assay's own columns."),
        (
            GOOD.replace("value:", "Meter:"),
            "columns that differ only in upper and lower case are one column in SQL.",
        ),
        (with_from("{files: x, available: {column: our}}"), "available.column 'our' is not a column."),
        (
            with_from("{files: x, available: {after_event: 1h}}").replace("event_time: hour\n", ""),
            "available.after_event needs event_time.",
        ),
    ],
)
def test_names_within_a_contract_must_be_known_and_free(tmp_path: Path, text: str, what: str) -> None:
    assert refusal(tmp_path, text) == (what, "readings.yml")


def test_column_name_that_is_no_name_is_refused_at_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, GOOD.replace("value:", '"value; --":')) == (
        "'value; --' is not a name: letters, digits and single underscores, not starting with a digit.",
        "readings.yml:8, key columns.value; --",
    )


@pytest.mark.parametrize(
    ("available", "what", "key"),
    [
        ("filename", "Input should be 'modified' or 'file_name'.", ""),
        ("{colum: hour}", "unknown key colum: did you mean 'column'?", ".colum"),
        (
            "{after_event: 6x}",
            "'6x' is not a duration: a whole number and one of s, m, h, d, w, as in 7d.",
            ".after_event",
        ),
    ],
)
def test_bad_availability_is_told_by_its_key(tmp_path: Path, available: str, what: str, key: str) -> None:
    found = refusal(tmp_path, with_from(f"{{files: x, available: {available}}}"))
    assert found == (what, f"readings.yml:2, key from.available{key}")


@pytest.mark.parametrize(
    ("on_fail", "severities"),
    [
        ("flag", {"all": "flag"}),
        ("{severity: fail, at_most: 0.1%}", {"all": "fail"}),
        ("{max: flag, type: {severity: fail}}", {"max": "flag", "type": "fail"}),
    ],
)
def test_handling_is_of_all_checks_or_of_named_ones(tmp_path: Path, on_fail: str, severities: dict[str, str]) -> None:
    source = read(tmp_path, with_column(f"{{type: int, max: 9, on_fail: {on_fail}}}"))
    assert {name: handling.severity for name, handling in source.columns["value"].on_fail.items()} == severities


@pytest.mark.parametrize("share", ["0.1", "101%", "'-1%'", "'%'", "some"])
def test_a_share_of_rows_is_in_per_cent(tmp_path: Path, share: str) -> None:
    what, where = refusal(tmp_path, with_column(f"{{type: int, on_fail: {{at_most: {share}}}}}"))
    assert "is not a share of rows: write it as 0.1%" in what
    assert where.startswith("readings.yml:8, key columns.value.on_fail")


def test_a_condition_between_columns_has_a_short_and_a_long_form(tmp_path: Path) -> None:
    added = "checks:\n  low: value < 10\n  high: {holds: value > 1, on_fail: {severity: flag, at_most: 5%}}\n"
    checks = read(tmp_path, GOOD + added).checks
    assert [(name, check.holds, check.on_fail.severity, check.on_fail.limit) for name, check in checks.items()] == [
        ("low", "value < 10", "quarantine", 1.0), ("high", "value > 1", "flag", 0.05),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "{jdbc: shop, table: public.orders, cursor: updated_at, overlap: 1h}",
            Jdbc(jdbc="shop", table="public.orders", cursor="updated_at", overlap=timedelta(hours=1)),
        ),
        ("{jdbc: shop, table: orders, cursor: id, overlap: 100}", Jdbc(jdbc="shop", table="orders", cursor="id", overlap=100)),
        ("{delta: landing/orders/}", DeltaTable(delta="landing/orders")),
        ("{delta: 's3a://lake/orders', on_changed: version}", DeltaTable(delta="s3a://lake/orders", on_changed="version")),
    ],
)  # fmt: skip
def test_source_comes_from_a_database_or_another_table(tmp_path: Path, given: str, expected: object) -> None:
    assert read(tmp_path, with_from(given)).come_from == expected


@pytest.mark.parametrize(
    ("given", "what", "key"),
    [
        (
            "{jdbc: shop, table: orders, curser: id}",
            "unknown key curser: did you mean 'cursor'?",
            ".curser",
        ),
        ("{jdbc: shop, table: orders}", "Field required.", ".cursor"),
        ("{jdbs: shop, table: orders, cursor: id}", "unknown key jdbs: did you mean 'jdbc'?", ".jdbs"),
        ("{jdbc: shop, table: orders, cursor: id, format: csv}", "unknown key format: known: available, cursor, jdbc, on_new_column, overlap, table.", ".format"),
        ("{jdbc: shop, table: 'orders; drop table x', cursor: id}", "'orders; drop table x' is not a table: write name or schema.name, as the database spells them.", ".table"),
        ("{jdbc: shop, table: orders, cursor: id, overlap: 1x}", "'1x' is not a duration: a whole number and one of s, m, h, d, w, as in 7d.", ".overlap"),
        ("{jdbc: shop, table: orders, cursor: id, overlap: -1}", "-1 is not an overlap: a duration such as 1h, or for a cursor of numbers a whole number.", ".overlap"),
        ("{jdbc: shop, table: orders, cursor: id, available: modified}", "Input should be 'landed'.", ".available"),
        ("{delt: landing/orders}", "unknown key delt: did you mean 'delta'?", ".delt"),
        ("{delta: ../orders}", "'../orders' leaves the landing root; give a path below it, without .., or a URI such as s3a://….", ".delta"),
        ("{delta: /etc}", "'/etc' leaves the landing root; give a path below it, without .., or a URI such as s3a://….", ".delta"),
        ("{files: x, delta: y}", "unknown key delta: known: available, files, format, on_changed, on_new_column.", ".delta"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_of_an_origin_is_told_by_its_key(tmp_path: Path, given: str, what: str, key: str) -> None:
    found = refusal(tmp_path, with_from(given))
    assert (found[0].rstrip("."), found[1]) == (what.rstrip("."), f"readings.yml:2, key from{key}")


def test_a_baseline_is_off_unless_it_is_written_and_then_has_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, with_column("{type: int}")).baseline is None
    for written in ("baseline:\n", "baseline: {}\n"):
        assert read(tmp_path, with_column("{type: int}") + written).baseline == Baseline()
    weekly = read(
        tmp_path, with_column("{type: int}") + "baseline: {nights: 8, at_least: 5, same_weekday: true}\n"
    ).baseline
    assert weekly is not None
    assert (weekly.remembered, Baseline().remembered) == (56, 28)
    with pytest.raises(ConfigError, match="at_least 14 is above nights 8"):
        read(tmp_path, with_column("{type: int}") + "baseline: {nights: 8}\n")
