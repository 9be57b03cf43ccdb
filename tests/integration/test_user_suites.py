"""Suites of the user's own: run on the accepted rows before silver is written, and shown in the Data Docs."""

import json
import re
import warnings
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pytest
from pyspark.sql import functions as F

import bronze.stage
import silver.stage
from assay.cli import main
from assay.errors import ContractError
from assay.lakehouse import Lakehouse, open_lakehouse

NIGHT = datetime(2013, 3, 3, tzinfo=UTC)
WARM = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "temp", "min_value": 8}}
SQL = {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "select * from {batch} where hour > 20"},
}
NOWHERE = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "nowhere"}}
RAISED = "could not be evaluated"
UNKNOWN = {"type": "expect_the_moon", "kwargs": {}}


class Readings(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    """The library's own imports warn of what they use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("great_expectations")


def with_suites(lakehouse: Lakehouse, named: str, **suites: list[dict[str, Any]]) -> Lakehouse:
    """The lakehouse once its contract names suites."""
    path = lakehouse.conf_dir / "sources" / "readings.yml"
    text = path.read_text()
    path.write_text(re.sub(r"(?m)^expectations:.*\n", "", text) + f"expectations: {named}\n")
    for name, expectations in suites.items():
        told = {"name": name, "expectations": expectations, "meta": {"great_expectations_version": "1.24.1"}}
        (lakehouse.conf_dir / f"{name}.json").write_text(json.dumps(told))
    return open_lakehouse(lakehouse.conf_dir)


def pages(lakehouse: Lakehouse) -> dict[str, Any]:
    """What the index of the Data Docs lists: name -> what fails."""
    listed = json.loads((Path(lakehouse.root) / "expectations" / "data_docs" / "index.json").read_text())
    assert all((Path(lakehouse.root) / "expectations" / "data_docs" / each["page"]).is_file() for each in listed)
    return {each["source"]: each["failing"] for each in listed}


def test_a_suite_that_is_not_met_stops_the_batch_and_one_that_flags_is_told(
    readings: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    readings.deliver("2013-03-01.csv", "station,hour,temp\na,1,10\nb,2,7\nc,21,99\n")
    lakehouse = with_suites(readings.lakehouse, "[strict.json]", strict=[WARM, SQL, NOWHERE, UNKNOWN])
    lakehouse.spark.catalog.clearCache()  # other tests may leave frames and views to the session
    views = lakehouse.spark.catalog.listTables()
    bronze.stage.run(lakehouse, NIGHT)
    with pytest.raises(ContractError) as caught:
        silver.stage.run(lakehouse, NIGHT)
    assert caught.value.what == "Batch 1 of source readings breaks the suite strict."
    assert "sources/readings.yml:9, key expectations.0" in caught.value.where
    assert str(caught.value.found).split("; ") == [
        f'expect_column_values_to_not_be_null:nowhere: {RAISED}: Error: The column "nowhere" in BatchData does not exist.',
        "expect_column_values_to_be_between:temp: 1 of 2 rows, such as 7.0",
        f"expect_the_moon: {RAISED}: expect_the_moon not found",
    ]
    assert not lakehouse.tables.exists("silver.readings__history")
    assert pages(lakehouse) == {
        "readings.strict": [
            ["expect_column_values_to_not_be_null:nowhere", 1], ["expect_column_values_to_be_between:temp", 1],
            ["expect_the_moon", 1],
        ]
    }  # fmt: skip
    assert lakehouse.spark.catalog.listTables() == views
    assert lakehouse.spark._jsparkSession.sharedState().cacheManager().isEmpty()
    assert main(["validate", "--conf-dir", str(lakehouse.conf_dir)]) == 0
    capsys.readouterr()

    named = "[{suite: strict.json, on_fail: flag}, met.json]"
    flagged = with_suites(lakehouse, named, strict=[WARM], met=[SQL])
    outcome = silver.stage.run(flagged, NIGHT)
    assert outcome.notes == [
        "readings, batch 1: suite strict is not met: expect_column_values_to_be_between:temp: 1 of 2 rows, such as 7.0"
    ]
    assert sorted(row["station"] for row in flagged.tables.read("silver.readings__history").collect()) == ["a", "b"]
    found = flagged.tables.read("ops.runs").where("status = 'done'").select(F.inline("metrics"))
    assert sorted(tuple(row) for row in found.where("label like 'suite:%'").select("label", "metric", "value").collect()) == [
        ("suite:met", "expectations", 1.0), ("suite:met", "unmet", 0.0), ("suite:strict", "expectations", 1.0),
        ("suite:strict", "unmet", 1.0),
    ]  # fmt: skip
    assert {name: failing for name, failing in pages(flagged).items() if "." in name} == {
        "readings.strict": [["expect_column_values_to_be_between:temp", 1]], "readings.met": []
    }  # fmt: skip
