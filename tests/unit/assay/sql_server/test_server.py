"""What keeps the SQL server from starting is told before Spark is started."""

import socket
from pathlib import Path

import pytest

from assay.errors import ConfigError
from assay.sql_server.server import check_address
from jobs.sql_server import main

PASSWORD = "canary-of-the-server"  # known to this test alone


@pytest.fixture
def conf_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lakehouse without sources, and an environment with a user of the server."""
    monkeypatch.setenv("ASSAY_SQL_PASSWORD", PASSWORD)
    login = 'sql_server: {user: analyst, password: "${ASSAY_SQL_PASSWORD}"}\n'
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "local.yml").write_text(login)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: Numbers.\n")
    return tmp_path / "tiny"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "127.0.0.1.example.org", ""])  # noqa: S104
def test_an_address_that_others_reach_is_refused(host: str, conf_dir: Path) -> None:
    with pytest.raises(ConfigError, match="this machine's own addresses alone"):
        main(["--conf-dir", str(conf_dir), "--host", host, "--port", "0"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_an_address_of_this_machine_is_taken(host: str) -> None:
    check_address(host, 0)


def test_a_port_that_cannot_be_listened_at_is_told(conf_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port, why in ((str(taken.getsockname()[1]), "in use"), ("70000", "0-65535")):
            with pytest.raises(ConfigError, match="cannot be listened at") as error:
                main(["--conf-dir", str(conf_dir), "--port", port])
            assert why in str(error.value.found)


def test_a_variable_by_which_hive_would_listen_elsewhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIVE_SERVER2_THRIFT_BIND_HOST", "0.0.0.0")  # noqa: S104
    with pytest.raises(ConfigError, match="Hive's own variables") as error:
        check_address("127.0.0.1", 0)
    assert error.value.do == "unset them"


def test_an_environment_without_a_user_has_no_server(conf_dir: Path) -> None:
    (conf_dir.parent / "env" / "local.yml").write_text("warehouse: warehouse\n")
    with pytest.raises(ConfigError, match="names no user of the SQL server"):
        main(["--conf-dir", str(conf_dir)])


def test_a_password_that_is_soon_guessed_is_refused_and_not_shown(
    conf_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_SQL_PASSWORD", "hunter2")
    with pytest.raises(ConfigError, match="8") as error:
        main(["--conf-dir", str(conf_dir)])
    assert "hunter2" not in str(error.value)
