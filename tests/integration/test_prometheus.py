"""A real Prometheus reads a night's numbers from the endpoint, and its rules and the dashboard's queries find them."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from assay import exposition
from assay.exposition import Facts, Told, Watched
from assay.report.night import StageRow
from tests.servers import free_port

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
NOW = datetime.now(UTC)
GOOD = Facts(
    "flights", datetime(2013, 3, 7, tzinfo=UTC), NOW,
    stages=(
        StageRow("bronze", "done", 3.5, 9, None, 120, None, None, 4.5, 2048, 1),
        StageRow("silver", "done", 7.25, 14, 120, 110),
        StageRow("score", "done", 2.0, 5, None, 40, None, "late"),
    ),
    successes={("bronze", ""): NOW, ("score", "late"): NOW},
    sources={"weather": {"landed": 120.0, "accepted": 110.0, "quarantined": 2.0, "duplicates": 8.0}},
    versions={("late", "champion"): 3, ("late", "challenger"): 4},
    watched=(Watched("model:late", "drift", "hour", "ok", 0.1, 0.2), Watched("feed:weather", "volume", "", "unknown")),
    open_problems={"bad": 0, "warn": 1},
)  # fmt: skip
"""A night on which nothing is wrong, with each metric there is."""
BAD = replace(
    GOOD,
    at=NOW - timedelta(hours=30),
    stages=(replace(GOOD.stages[0], status="failed"), *GOOD.stages[1:]),
    successes={("bronze", ""): NOW - timedelta(hours=60)},
    sources={"weather": {"landed": 120.0, "accepted": 60.0, "quarantined": 60.0}},
    watched=(Watched("model:late", "drift", "hour", "bad", 0.3, 0.2),),
    open_problems={"bad": 2},
)
"""A night on which everything is."""
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"][0]["rules"]
PANELS: list[dict[str, Any]] = json.loads((MONITORING / "grafana.json").read_text())["panels"]
QUERIES = [target["expr"].replace("$lakehouse", ".*") for panel in PANELS for target in panel["targets"]]
NAMES = {family.name for family in Told(GOOD).collect()}


def program(name: str) -> str:
    """One of Prometheus' programs."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH; on Debian, Ubuntu: apt-get install prometheus, as .ci/run does")
    return found


@dataclass(frozen=True)
class Prometheus:
    """A server of this test's own, and the file that it reads by way of the endpoint."""

    address: str
    textfile: Path

    def ask(self, path: str, **given: str) -> Any:
        with urlopen(f"http://{self.address}/api/v1/{path}?{urlencode(given)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def told(self, facts: Facts) -> None:
        """Write a night's numbers, and wait until they were read and the rules looked at since."""
        exposition.write(facts, self.textfile)
        at, written = time.time(), f"assay_metrics_written_timestamp_seconds == {facts.at.timestamp()!r}"
        while not self.ask("query", query=written)["result"]:
            time.sleep(0.1)
        seen = time.time()
        while datetime.fromisoformat(self.ask("rules")["groups"][0]["lastEvaluation"]).timestamp() < max(at, seen):
            time.sleep(0.1)

    def firing(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The example's configuration, in a hurry."""
    folder = tmp_path_factory.mktemp("prometheus")
    server, thread = exposition.serve(folder / "assay.prom", "127.0.0.1", 0)
    conf = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    conf["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
    conf["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{server.server_port}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(conf))
    shutil.copy(MONITORING / "rules.yml", folder)
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}", "--log.level=warn",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    made = Prometheus(address, folder / "assay.prom")
    try:
        while True:
            assert running.poll() is None, (folder / "log").read_text()
            try:
                made.ask("rules")["groups"][0]["lastEvaluation"]
                break
            except (OSError, IndexError):
                time.sleep(0.1)
        yield made
    finally:
        running.kill()
        running.wait()
        server.shutdown()
        server.server_close()
        thread.join()


def test_rules_and_the_example_are_valid() -> None:
    for what in (["rules", "rules.yml"], ["config", "prometheus.yml"]):
        done = subprocess.run(
            [program("promtool"), "check", *what], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_metrics_are_named_as_prometheus_asks(tmp_path: Path) -> None:
    exposition.write(GOOD, tmp_path / "assay.prom")
    with (tmp_path / "assay.prom").open() as file:
        done = subprocess.run(
            [program("promtool"), "check", "metrics"], stdin=file, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_every_query_asks_for_metrics_that_exist(query: str) -> None:
    asked = set(re.findall(r"\bassay_\w+", query))
    assert asked
    assert asked - NAMES == set()


def test_the_dashboard_shows_every_metric_but_the_version() -> None:
    shown = set(re.findall(r"\bassay_\w+", " ".join(QUERIES)))
    assert NAMES - shown == {"assay_build_info", "assay_night_as_of_timestamp_seconds"}


def test_nothing_fires_on_a_good_night_and_every_rule_on_a_bad_one(prometheus: Prometheus) -> None:
    prometheus.told(GOOD)
    assert prometheus.firing() == set()
    empty = [query for query in QUERIES if not prometheus.ask("query", query=query)["result"]]
    assert empty == []
    prometheus.told(BAD)
    assert prometheus.firing() == {rule["alert"] for rule in RULES} - {"AssayMetricsMissing"}
    told = {one["labels"]["alertname"]: one["annotations"]["summary"] for one in prometheus.ask("alerts")["alerts"]}
    assert told["AssayStageFailed"] == "flights: the stage bronze  of the last night is not done"
    assert told["AssayQuarantineHigh"] == "flights: 50% of weather is in quarantine"
    prometheus.told(replace(GOOD, at=NOW + timedelta(seconds=1)))
    assert prometheus.firing() == set()
