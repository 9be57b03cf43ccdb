"""Why this prediction: what is told of a real flight is followed to the lines of its raw files, and worked out from them."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from pyspark.sql import functions as F

from assay.errors import AssayError, ConfigError, ModelError
from assay.lakehouse import Lakehouse
from assay.report.explanation import Explanation, RecordFacts
from assay.session import jobs_so_far
from jobs.explain import explanation, main
from model.registry import champion

MANY = 1_000


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    landing: Path
    nights: tuple[datetime, datetime]


@dataclass(frozen=True)
class Told:
    """A flight of the last night, and what is told of it."""

    row: Mapping[str, Any]
    inputs: Mapping[str, Any]
    found: Explanation


def key_of(row: Mapping[str, Any]) -> list[str]:
    return [str(row[name]) for name in ("carrier", "flight", "origin", "flight_date")]


@pytest.fixture(scope="module")
def told(flights: Flights) -> Told:
    """A flight with a history: its number flew before, and so did its plane."""
    tables, night = flights.lakehouse.tables, F.col("as_of") == F.lit(flights.nights[1])
    rows = tables.read("gold.late_arrival_inputs").where(night)
    known = F.col("flight_delays__arr_delay_28d").isNotNull() & (F.col("tail_delays__flights_28d") > 2)
    inputs = rows.where(known).orderBy("carrier", "flight", "origin").first()
    assert inputs is not None
    predictions = tables.read("gold.late_arrival_predictions").where(night)
    row = predictions.where((F.col("flight") == inputs["flight"]) & (F.col("origin") == inputs["origin"])).collect()[0]
    model = flights.lakehouse.config.models["late_arrival"]
    found = explanation(flights.lakehouse, model, key_of(inputs.asDict()), flights.nights[1], MANY)
    return Told(row.asDict(recursive=True), inputs.asDict(), found)


def line(flights: Flights, record: RecordFacts) -> dict[str, str]:
    """The record in the raw file, on the line that is told."""
    path = flights.landing.parent / record.source_file
    lines = path.read_text().splitlines()
    return next(csv.DictReader([lines[0], lines[record.source_position - 1]]))


def test_every_record_is_on_the_line_of_the_raw_file_that_is_told(flights: Flights, told: Told) -> None:
    records = [*told.found.spine, *(record for table in told.found.lineage for record in table.newest)]
    assert len(records) > 20
    for record in records:
        raw = line(flights, record)
        assert {name: str(value) for name, value in record.key.items()} == {name: raw[name] for name in record.key}
        assert record.raw == raw
        assert record.valid_from <= told.found.as_of
        assert record.valid_to is None or record.valid_to > told.found.as_of


def test_the_row_itself_is_the_flight_of_the_schedule(flights: Flights, told: Told) -> None:
    assert [record.source for record in told.found.spine] == ["schedule"]
    raw = line(flights, told.found.spine[0])
    assert [raw[name] for name in ("carrier", "flight", "origin", "flight_date")] == key_of(told.row)
    assert raw["tailnum"] == told.inputs["tailnum"]


def late(raw: Mapping[str, str]) -> bool:
    return raw["arr_delay"] == "NA" or int(raw["arr_delay"]) >= 15


def test_features_are_what_the_lines_that_are_told_give(flights: Flights, told: Told) -> None:
    """Mean, rate and number, worked out from the lines that each feature is said to be made of."""
    checked = 0
    for table in told.found.lineage:
        assert table.records == len(table.newest)
        for feature in table.features:
            name = feature.input.partition("__")[2]
            lines = [line(flights, record) for record in table.newest if name in record.counts_for]
            assert feature.records == len(lines)
            delays = [int(raw["arr_delay"]) for raw in lines if raw["arr_delay"] != "NA"]
            if name.startswith("late_rate"):
                expected: float | None = sum(map(late, lines)) / len(lines) if lines else None
            elif name.startswith("arr_delay"):
                expected = sum(delays) / len(delays) if delays else None
            else:
                expected = len(lines)
            assert feature.value == told.inputs[feature.input] == expected, feature
            checked += 1
    assert checked == 9


def test_windows_end_where_features_do(told: Told) -> None:
    delay = timedelta(hours=19)
    for table in told.found.lineage:
        assert table.night == told.found.as_of
        assert (table.version, table.run_id) != (None, None)
        times = [record.event_time for record in table.newest if record.event_time]
        assert times == sorted(times, reverse=True)
        assert len(times) == len(table.newest)
        assert all(time < told.found.as_of - delay for time in times)


def test_contributions_lead_from_the_bias_to_the_score(told: Told) -> None:
    prediction = told.found.predictions[0]
    assert (prediction.score, prediction.run_id) == (told.row["score"], told.row["run_id"])
    assert prediction.notes == ()
    margin = prediction.bias + sum(each.contribution for each in prediction.inputs)
    assert margin == pytest.approx(prediction.margin, abs=1e-5)
    assert prediction.score == pytest.approx(1 / (1 + math.exp(-margin)), abs=1e-6)
    assert {each.input: each.value for each in prediction.inputs} == {
        each.input: told.inputs[each.input] for each in prediction.inputs
    }
    stored = told.row["contributions"]
    assert [(each["input"], each["contribution"]) for each in stored] == [
        (each.input, each.contribution) for each in prediction.inputs[:5]
    ]
    assert told.row["bias"] == prediction.bias
    assert [(gate.gate, gate.passed) for gate in prediction.gates] == [("auc", True)]


def test_values_stand_where_they_do_among_the_training_rows(flights: Flights, told: Told) -> None:
    prediction = told.found.predictions[0]
    version = champion(flights.lakehouse, flights.lakehouse.config.models["late_arrival"])
    assert version is not None
    first, last = map(datetime.fromisoformat, version.artifact.about["ranges"]["train"])
    training = flights.lakehouse.tables.read(prediction.training_table, prediction.training_version)
    rows = training.where(F.col("as_of").between(F.lit(first), F.lit(last))).collect()
    assert prediction.training_rows == len(rows) > 100
    for each in prediction.inputs:
        values = [row[each.input] for row in rows if row[each.input] is not None]
        assert each.missing == len(rows) - len(values)
        lower = None if each.value is None else sum(value < each.value for value in values)
        assert (each.below, each.equal) == (lower, sum(value == each.value for value in values))


def test_jobs_do_not_grow_with_the_records(flights: Flights, told: Told) -> None:
    model = flights.lakehouse.config.models["late_arrival"]
    jobs = []
    for most in (1, MANY):
        before = jobs_so_far(flights.lakehouse.spark)
        found = explanation(flights.lakehouse, model, key_of(told.row), flights.nights[1], most)
        jobs.append(jobs_so_far(flights.lakehouse.spark) - before)
        assert [table.records for table in found.lineage] == [table.records for table in told.found.lineage]
        assert max(len(table.newest) for table in found.lineage) <= most
    assert jobs[0] == jobs[1] <= 30


def test_a_flight_that_never_flew_has_no_records_and_an_answer(flights: Flights) -> None:
    rows = flights.lakehouse.tables.read("gold.late_arrival_inputs").where(F.col("as_of") == F.lit(flights.nights[1]))
    new = rows.where("flight_delays__late_rate_28d IS NULL").orderBy("carrier", "flight", "origin").first()
    assert new is not None
    model = flights.lakehouse.config.models["late_arrival"]
    found = explanation(flights.lakehouse, model, key_of(new.asDict()), flights.nights[1], 5)
    table = next(table for table in found.lineage if table.table == "flight_delays")
    assert (table.night, table.records, table.newest) == (None, 0, ())
    assert table.notes == (
        "the entity had no row: none of its records was in the longest window when the table was built",
    )


def test_the_command_answers_as_text_json_and_page(
    flights: Flights, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["late_arrival", *key_of(told.row), "--as-of", f"{flights.nights[1]:%Y-%m-%d}"]
    arguments += ["--conf-dir", str(flights.lakehouse.conf_dir), "--rows", "2"]
    main([*arguments, "--page"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"late_arrival  carrier={told.row['carrier']} flight={told.row['flight']} ")
    file = told.found.lineage[0].newest[0]
    assert any(f"{file.source_file}:{file.source_position}  " in text for text in lines)
    page = Path(lines[-1].removeprefix("Page  "))
    assert page.parent == flights.lakehouse.folder("reports") / "explanations"
    assert f"{file.source_file}:{file.source_position}" in page.read_text()
    main([*arguments, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["page"] is None
    assert answer["predictions"][0]["trees_sha256"] == told.found.predictions[0].trees_sha256
    assert answer["predictions"][0]["inputs"][0]["standing"] == told.found.predictions[0].inputs[0].standing
    assert [len(table["newest"]) <= 2 for table in answer["lineage"]] == [True] * 6


@pytest.mark.parametrize(
    ("arguments", "error", "what", "do"),
    [
        (["late_arival", "UA"], ConfigError, "There is no model late_arival.", "assay models"),
        (["late_arrival", "fligt=1"], ConfigError, "This is not a key of late_arrival.", "assay explain late_arrival"),
        (["late_arrival", "UA"], ModelError, "Several keys of late_arrival are like this.", "give more of the key: flight"),
        (["late_arrival", "no"], ModelError, "late_arrival has no prediction of this key on this night.", "assay sql"),
        (["late_arrival", "UA", "many"], ModelError, "late_arrival has no prediction of this key", "assay sql"),
        (["late_arrival", "UA", "--as-of", "2013-02-20"], ModelError, "late_arrival has not scored this night.",
         "assay score --as-of 2013-02-20"),
        (["late_arrival", "UA", "--rows", "0"], ConfigError, "This is not a number of records.", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_says_why(
    flights: Flights, arguments: list[str], error: type[AssayError], what: str, do: str
) -> None:
    night = f"{flights.nights[1]:%Y-%m-%d}"
    with pytest.raises(error) as raised:
        main(["--as-of", night, *arguments, "--conf-dir", str(flights.lakehouse.conf_dir)])
    assert raised.value.what.startswith(what)
    assert do in raised.value.do
