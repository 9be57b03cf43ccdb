"""Texts without the secrets that an environment is given."""

from pathlib import Path

import pytest

from assay import redaction
from assay.config import load_environment
from assay.errors import ConfigError, TableError
from assay.redaction import hide, redacted, secret_settings, without_login


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_hidden", set())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://night:pa55@host/x", "http://***@host/x"),
        ("http://night:p@55@host:80/x?a=b@c:d", "http://***@host:80/x?a=b@c:d"),
        ("abfss://data@lake.dfs.core.windows.net/x", "abfss://data@lake.dfs.core.windows.net/x"),
        ("jdbc:postgresql://h/shop?user=a&password=pa55&ssl=true", "jdbc:postgresql://h/shop?user=a&password=***&ssl=true"),
        ("at 12:30 a@b", "at 12:30 a@b"),
        ("spark.master=local[2]", "spark.master=local[2]"),
    ],
)  # fmt: skip
def test_redacted_leaves_out_what_stands_where_passwords_stand(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_redacted_leaves_out_what_was_hidden_however_it_is_written() -> None:
    hide(["open/sesame", "open", "a"])
    assert redacted("open/sesame, open%2Fsesame, open: a") == "***, ***, ***: a"
    assert str(TableError("open", where="open", found="open", expected={"open"})) == (
        "***\n  where:    ***\n  found:    ***\n  expected: {'***'}"
    )


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("http://host/x", ("http://host/x", None, None)),
        ("http://a%20b:c%40d@host/x", ("http://host/x", "a b", "c@d")),
        ("https://token@host", ("https://host", "token", None)),
        ("sqlite:////a/b@c:d", ("sqlite:////a/b@c:d", None, None)),
        ("/a/b", ("/a/b", None, None)),
        ("http://[::1", ("http://[::1", None, None)),
    ],
)
def test_without_login_takes_an_address_apart(address: str, parts: tuple[str, str | None, str | None]) -> None:
    assert without_login(address) == parts


def test_an_environments_secrets_are_known_once_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "env"
    folder.mkdir()
    (folder / "far.yml").write_text(
        "mlflow: {tracking_uri: 'http://me:mlflow0@h'}\nspark:\n  conf:\n    fs.access.key: access0\n    spark.x: 'v ${AN_API_KEY}'\n"
        "    spark.y: ${HARMLESS}\n"
    )
    monkeypatch.setenv("AN_API_KEY", "variable0")
    monkeypatch.setenv("HARMLESS", "harmless0")
    made = load_environment(tmp_path / "x", "far")
    assert redacted("mlflow0 access0 variable0 harmless0") == "*** *** *** harmless0"
    assert secret_settings(made.spark.conf) == ["fs.access.key", "spark.x"]


@pytest.mark.parametrize("key", ["warehouse", "landing"])
def test_an_address_of_data_has_no_password(tmp_path: Path, key: str) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "far.yml").write_text(f"description: F.\n{key}: s3a://me:pa55@bucket/x\n")
    with pytest.raises(ConfigError, match="An address of data has a password") as caught:
        load_environment(tmp_path / "x", "far")
    assert caught.value.where == f"{tmp_path}/env/far.yml:2, key {key}"
    assert "pa55" not in str(caught.value)
