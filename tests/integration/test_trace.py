"""Tables of real flights traced back to their files, and from there to the predictions."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from assay.errors import AssayError
from assay.lakehouse import Lakehouse
from assay.ledger import RUNS
from assay.session import jobs_so_far
from jobs.trace import main


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


def traced(flights: Flights, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    main([*words, "--conf-dir", str(flights.lakehouse.conf_dir), "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_predictions_are_traced_to_the_files_of_every_source_behind_them(
    flights: Flights, capsys: pytest.CaptureFixture[str]
) -> None:
    found = traced(flights, capsys, "gold.late_arrival_predictions", "--as-of", "2013-02-14")
    assert (found["stage"], found["as_of"]) == ("score", "2013-02-14 00:00:00+00:00")
    behind: dict[str, list[dict[str, Any]]] = {}
    for one in found["found"]:
        behind.setdefault(one["table"], []).append(one)
    assert {"gold.late_arrival_inputs", "models:/late_arrival", "gold.late_arrival_training"} <= {*behind}
    read = flights.lakehouse.config.models["late_arrival"].features
    assert {f"gold.{name}" for name in read} <= {*behind}
    landed = {name for name in behind if name.startswith("bronze.")}
    assert landed == {"bronze.airlines", "bronze.outcomes", "bronze.schedule"}  # no feature of the model is of weather
    assert all(one["files"] for name in landed for one in behind[name])
    files = [file for one in behind["bronze.schedule"] for file in one["files"]]
    assert "landing/schedule/2013-02-13T18-00.csv" in files
    newest = flights.lakehouse.tables.version("gold.late_arrival_inputs")
    assert found["inputs"][0] == {"table": "gold.late_arrival_inputs", "version": newest}


def test_what_was_landed_is_followed_to_the_predictions(flights: Flights, capsys: pytest.CaptureFixture[str]) -> None:
    before = traced(flights, capsys, "bronze.outcomes", "--as-of", "2013-02-14", "--forward")
    reached = {(one["table"], one["as_of"][:10]) for one in before["found"]}
    assert ("silver.outcomes__history", "2013-02-14") in reached
    assert ("gold.late_arrival_predictions", "2013-02-14") in reached
    assert ("gold.late_arrival_predictions", "2013-02-13") not in reached


def test_a_trace_is_a_tree_in_the_terminal(flights: Flights, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    jobs = jobs_so_far(flights.lakehouse.spark)
    main(["silver.weather", "--conf-dir", str(flights.lakehouse.conf_dir)])
    assert jobs_so_far(flights.lakehouse.spark) - jobs <= 4
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("silver.weather__history version ")
    assert re.search(", by silver of 2013-02-1[45],", first)  # the last night that other tests have run here
    assert second.startswith("└ bronze.weather version ")
    assert ".csv" in second
    main(["bronze.weather", "--as-of", "2013-02-14", "--forward", "--conf-dir", str(flights.lakehouse.conf_dir)])
    assert "may be in gold." in capsys.readouterr().out


def test_a_nights_runs_are_events_of_openlineage(
    flights: Flights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "events.json"
    told = traced(flights, capsys, "--as-of", "2013-02-14", "--openlineage", str(to))
    sent = [json.loads(line) for line in to.read_text().splitlines()]
    runs = flights.lakehouse.tables.read(RUNS).where("as_of = '2013-02-14'").count()
    assert (told["runs"], len(sent)) == (runs, 2 * runs)
    made = {each["name"].rpartition("/")[2] for event in sent for each in event["outputs"]}
    assert {"late_arrival_predictions", "late_arrival_inputs"} <= made


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "There is nothing to trace."),
        (["gold.late_arrival_prediction"], "did you mean 'gold.late_arrival_predictions'?"),
        (["gold.late_arrival_predictions", "1", "--as-of", "2013-02-14"], "two ways to say which"),
        (["gold.late_arrival_predictions", "--as-of", "2012-02-14"], "of the nights 2013-02-13 to 2013-02-14"),
    ],
)
def test_what_cannot_be_traced_is_told(flights: Flights, words: list[str], says: str) -> None:
    with pytest.raises(AssayError) as error:
        main([*words, "--conf-dir", str(flights.lakehouse.conf_dir)])
    assert says in str(error.value)
