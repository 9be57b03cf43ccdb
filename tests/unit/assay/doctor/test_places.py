"""Checks of a lakehouse's places, some of which are not there."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.doctor import places
from assay.lakehouse import Lakehouse, open_lakehouse

SOURCE = """
description: What a station measured. One row per station.
from: {files: "landing/readings/*.csv", available: modified}
key: [station]
columns: {station: {type: string, required: true}}
"""

Make = Callable[[str], Lakehouse]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a lakehouse of one source in an environment."""

    def made(environment: str) -> Lakehouse:
        (tmp_path / "conf" / "env").mkdir(parents=True)
        (tmp_path / "conf" / "env" / "local.yml").write_text(environment)
        (tmp_path / "conf" / "tiny" / "sources").mkdir(parents=True)
        (tmp_path / "conf" / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: One source.\n")
        (tmp_path / "conf" / "tiny" / "sources" / "readings.yml").write_text(SOURCE)
        return open_lakehouse(tmp_path / "conf" / "tiny")

    return made


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_new_lakehouse_lacks_its_landing_folder_only(make: Make) -> None:
    lakehouse = make("warehouse: warehouse\n")
    found = {name: check(lakehouse).state for name, check in places.CHECKS.items()}
    assert found | {"memory": "ok", "warehouse": "ok"} == dict.fromkeys(places.CHECKS, "ok") | {"landing": "warn"}
    folder = Path(lakehouse.root) / "landing" / "readings"
    folder.mkdir(parents=True)
    (folder / "1.csv").touch()
    assert places.landing(lakehouse).found == "1 files of 1 sources"


def test_a_warehouse_that_cannot_be_written_is_bad(make: Make) -> None:
    found = places.warehouse(make("warehouse: /proc/warehouse\n"))
    assert found.state == "bad"
    assert "cannot be written" in found.found


def test_a_full_disk_is_bad(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lakehouse = make("warehouse: warehouse\n")
    monkeypatch.setattr(places, "_LEAST", 2**70)
    assert (places.warehouse(lakehouse).state, places.warehouse(lakehouse).do) == ("bad", "make room")


@pytest.mark.parametrize(("asked", "state"), [("100t", "bad"), ("1m", "ok"), ("1", "ok"), ("104857600", "bad")])
def test_more_memory_than_there_is_is_bad(make: Make, asked: str, state: str) -> None:
    found = places.memory(make(f"spark: {{conf: {{spark.driver.memory: '{asked}'}}}}\n"))
    assert found.state == state


def test_servers_that_do_not_answer_are_bad(make: Make, closed_port: int) -> None:
    lakehouse = make(
        f"spark: {{master: 'spark://127.0.0.1:{closed_port}'}}\nmlflow: {{tracking_uri: 'http://127.0.0.1:{closed_port}'}}\n"
    )
    assert (places.spark(lakehouse).state, places.mlflow(lakehouse).state) == ("bad", "bad")
    assert f"127.0.0.1:{closed_port} does not answer" in places.mlflow(lakehouse).found


def test_a_port_that_is_taken_is_told(make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lakehouse = make(f"spark: {{conf: {{spark.ui.enabled: true, spark.ui.port: {port}}}}}\n")
        assert places.spark(lakehouse).state == "warn"
    assert places.spark(lakehouse).state == "ok"
