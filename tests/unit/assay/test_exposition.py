"""A night's numbers in Prometheus' format: what stands there, what hostile names become, and the endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from assay import exposition
from assay.config.environment import Metrics
from assay.errors import ConfigError
from assay.exposition import Facts, Watched
from assay.redaction import hide
from assay.report.night import StageRow
from jobs import metrics

NIGHT = datetime(2013, 3, 7, tzinfo=UTC)
FACTS = Facts(
    "flights", NIGHT, NIGHT, stages=(StageRow("bronze", "done", 3.5, 9, None, 120), StageRow("silver", "failed", 1.0))
)


@contextmanager
def served(path: Path) -> Iterator[str]:
    server, thread = exposition.serve(path, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_a_number_that_is_not_known_is_told_nowhere(tmp_path: Path) -> None:
    exposition.write(FACTS, tmp_path / "new" / "assay.prom")
    told = lines(tmp_path / "new" / "assay.prom")
    assert 'assay_stage_rows_out{lakehouse="flights",model="",stage="bronze"} 120.0' in told
    assert [line for line in told if "stage_rows_out" in line and "silver" in line] == []
    assert 'assay_stage_success{lakehouse="flights",model="",stage="silver"} 0.0' in told
    assert 'assay_night_success{lakehouse="flights"} 0.0' in told
    assert 'assay_night_as_of_timestamp_seconds{lakehouse="flights"} 1.3626144e+09' in told
    assert [line for line in told if "alerts_open" in line] == []  # nobody is told of problems, so none is known


def test_a_night_that_did_nothing_is_no_success(tmp_path: Path) -> None:
    exposition.write(Facts("flights", NIGHT, NIGHT), tmp_path / "a.prom")
    assert 'assay_night_success{lakehouse="flights"} 0.0' in lines(tmp_path / "a.prom")


def test_names_from_data_make_no_line_of_their_own_and_tell_no_secret(tmp_path: Path) -> None:
    hide(["canary-in-a-label"])
    name = 'x"} 1\nassay_evil 1\\' + "canary-in-a-label" + "y" * 500
    exposition.write(Facts("flights", NIGHT, NIGHT, watched=[Watched("s", "m", name, "bad", 1.0)]), tmp_path / "a.prom")
    (value,) = [line for line in lines(tmp_path / "a.prom") if "watch_value" in line]
    assert value.startswith(
        'assay_watch_value{lakehouse="flights",monitor="m",name="x\\"} 1\\\\nassay_evil 1\\\\***yyy'
    )
    assert len(value) < 300


def test_the_endpoint_serves_what_the_newest_night_has_written(tmp_path: Path) -> None:
    path = tmp_path / "assay.prom"
    with served(path) as address:
        with urlopen(f"http://{address}", timeout=10) as answer:
            assert answer.read() == b""
        exposition.write(FACTS, path)
        with urlopen(f"http://{address}", timeout=10) as answer:
            assert answer.read().decode() == path.read_text()
        with pytest.raises(HTTPError), urlopen(Request(f"http://{address}", method="POST", data=b"x"), timeout=10):
            pass
    assert [one.name for one in tmp_path.iterdir()] == ["assay.prom"]


@pytest.mark.parametrize("path", ["/var/lib/assay.txt", "lib/assay.prom"])
def test_a_file_that_node_exporter_would_not_read_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"not a whole path that ends in \.prom"):
        Metrics(textfile=path)


def test_a_port_that_cannot_be_listened_at_is_told(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "lakehouse.yml").write_text("name: x\ndescription: X.\n")
    (tmp_path / "env" / "local.yml").write_text(f"metrics: {{textfile: {tmp_path}/a.prom}}\n")
    with served(tmp_path / "a.prom") as address:
        taken = address.partition(":")[2].partition("/")[0]
        for port, why in ((taken, "Address already in use"), ("70000", "port must be 0-65535")):
            with pytest.raises(ConfigError, match="cannot be listened at") as error:
                metrics.main(["--conf-dir", str(tmp_path / "x"), "--serve", port])
            assert why in str(error.value.found)
