"""Runs as events of OpenLineage, in a file and at a server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from assay.errors import ConfigError
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.lineage import Ran
from assay.openlineage import API_KEY, events, send
from tests.servers import web_server

AT = datetime(2013, 3, 2, 1, tzinfo=UTC)


def ran(status: str = "done", error: str = "") -> Ran:
    inputs = (Input("gold.late_inputs", 4), Input("models:/late", 2))
    made = Target("late", "key", "gold.late_predictions", 7, inputs)
    end = AT + timedelta(seconds=30)
    return Ran("af01", "score", datetime(2013, 3, 2, tzinfo=UTC), status, AT, end, "0.1.0", error, (made,))


def lakehouse(root: str) -> Lakehouse:
    """As much of a lakehouse as names its tables."""
    tables = SimpleNamespace(path=lambda name: f"{root}/{name.replace('.', '/')}")
    return cast("Lakehouse", SimpleNamespace(name="shop", tables=tables, spark=SimpleNamespace(version="4.2.0")))


def told(run: Ran, to: Path, root: str = "/data/shop") -> list[dict[str, Any]]:
    send(events(lakehouse(root), [run]), str(to))
    return [json.loads(line) for line in to.read_text().splitlines()]


def test_a_run_is_a_start_and_an_end_with_what_it_read_and_made(tmp_path: Path) -> None:
    start, end = told(ran(), tmp_path / "events.json")
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["job"] == {"namespace": "shop", "name": "score", "facets": {}}
    assert end["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2013-03-02T00:00:00+00:00"
    assert [(each["namespace"], each["name"]) for each in end["inputs"]] == [
        ("file", "/data/shop/gold/late_inputs"),
        ("mlflow", "shop.late"),
    ]
    (output,) = end["outputs"]
    assert output["name"] == "/data/shop/gold/late_predictions"
    assert output["facets"]["version"]["datasetVersion"] == "7"
    assert output["facets"]["symlinks"]["identifiers"] == [
        {"namespace": "shop", "name": "gold.late_predictions", "type": "TABLE"}
    ]


def test_the_same_run_is_the_same_when_it_is_told_again(tmp_path: Path) -> None:
    assert told(ran(), tmp_path / "events.json") == told(ran(), tmp_path / "events.json")


@pytest.mark.parametrize(("status", "kind"), [("failed", "FAIL"), ("stopped", "ABORT")])
def test_a_run_that_is_not_done_says_why(tmp_path: Path, status: str, kind: str) -> None:
    _, end = told(ran(status, "Too few rows."), tmp_path / "events.json")
    assert (end["eventType"], end["run"]["facets"]["errorMessage"]["message"]) == (kind, "Too few rows.")


def test_a_table_in_an_object_store_is_named_by_its_bucket(tmp_path: Path) -> None:
    _, end = told(ran(), tmp_path / "events.json", root="s3a://lake/shop")
    assert (end["outputs"][0]["namespace"], end["outputs"][0]["name"]) == ("s3a://lake", "shop/gold/late_predictions")


def test_a_server_gets_every_event_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY, "s3cret")
    with web_server() as web:
        send(events(lakehouse("/data/shop"), [ran()]), web.url.removesuffix("/hook"))
        send(events(lakehouse("/data/shop"), [ran()]), web.url)
    assert [path for path, _, _ in web.got] == ["/api/v1/lineage"] * 2 + ["/hook"] * 2
    assert [sent["eventType"] for _, _, sent in web.got] == ["START", "COMPLETE"] * 2
    assert all(headers["Authorization"] == "Bearer s3cret" for _, headers, _ in web.got)


def test_a_server_that_refuses_is_told() -> None:
    with web_server() as web:
        web.status, web.reason = 403, "Forbidden"
        with pytest.raises(ConfigError, match=r"The events of OpenLineage were not taken\.") as error:
            send(events(lakehouse("/data/shop"), [ran()]), web.url)
    assert "403" in str(error.value.found)
