"""Channels in an environment: what is valid, what is told of what is not, and what is never shown."""

from pathlib import Path
from typing import Any

import pytest

from assay.config import load_environment
from assay.config.alerts import Alerts, Command, Email, Slack, Webhook
from assay.errors import ConfigError
from assay.redaction import redacted

VALID = """
alerts:
  channels:
    oncall: {webhook: "${ONCALL_URL}", headers: {Authorization: "Bearer ${ONCALL_SAYS}"}}
    team: {slack: "${TEAM_URL}"}
    mail: {email: [data@example.com], from: assay@example.com, server: smtp.example, user: "${SMTP_USER}", password: "${SMTP_PASSWORD}"}
    pager: {command: [page, "--team", data]}
  remind: 3d
"""
VALUES = {
    "ONCALL_URL": "https://oncall.example/in/canary-1", "ONCALL_SAYS": "canary-2", "TEAM_URL": "https://chat.example/canary-3",
    "SMTP_USER": "night", "SMTP_PASSWORD": "canary-4",
}  # fmt: skip


def load(folder: Path, text: str) -> Alerts:
    (folder / "env").mkdir(exist_ok=True)
    (folder / "env" / "local.yml").write_text(text)
    return load_environment(folder / "x", "local").alerts


def test_channels_are_told_apart_by_their_key_and_no_secret_of_them_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    alerts = load(tmp_path, VALID)
    assert {name: type(channel) for name, channel in alerts.channels.items()} == {
        "oncall": Webhook, "team": Slack, "mail": Email, "pager": Command,
    }  # fmt: skip
    assert (alerts.remind.days, alerts.timeout.seconds, alerts.warnings) == (3, 10, False)
    assert "canary" not in repr(alerts)
    assert "canary" not in redacted(" ".join(VALUES.values()))


def test_there_is_no_channel_by_default(tmp_path: Path) -> None:
    assert load(tmp_path, "warehouse: warehouse\n") == Alerts()
    assert Alerts().channels == {}


MAIL = {"email": ["a@b.example"], "from": "c@d.example", "server": "s"}


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        ({"webhook": "ftp://host/x"}, "no address of a web server"),
        ({"webhook": "https://me:pw@host/x"}, "no address of a web server"),
        ({"webhook": "https://host/x y"}, "no address of a web server"),
        ({"slak": "https://host/x"}, "unknown key slak: did you mean 'slack'?"),
        ({"webhook": "https://h/x", "slack": "https://h/x"}, "unknown key slack"),
        ({**MAIL, "email": []}, "at least 1 item"),
        ({**MAIL, "email": ["a@b.example\nBcc: eve@evil.example"]}, "is not one e-mail address"),
        ({**MAIL, "from": "x <a@b.example>"}, "is not one e-mail address"),
        ({**MAIL, "user": "me"}, "user and password are given together"),
        ({**MAIL, "user": "me", "password": "hidden", "security": "none"}, "not sent over an open line"),
        ({"command": "page --all"}, "valid list"),
        ({"command": []}, "at least 1 item"),
    ],
)
def test_a_channel_that_is_wrong_is_refused(tmp_path: Path, channel: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, f"alerts: {{channels: {{one: {as_yaml(channel)}}}}}\n")
    assert told in str(error.value)
    assert "hidden" not in str(error.value)
    assert str(tmp_path / "env" / "local.yml:1") in error.value.where


def as_yaml(channel: dict[str, Any]) -> str:
    """One line of YAML that is JSON too."""
    import json

    return json.dumps(channel)
