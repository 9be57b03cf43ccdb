"""`assay doctor` as a command: what it prints, and its exit code."""

import json
from pathlib import Path

import pytest

from assay.cli import main


def test_a_missing_java_ends_with_code_2_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert main(["doctor", "--conf-dir", "conf/flights"]) == 2
    told = capsys.readouterr().out
    assert "\nok    jars " in told
    assert f"BAD   java          {tmp_path}/bin/java does not run" in told
    assert "do: install Java 17" in told


def test_a_wrong_configuration_is_one_of_the_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--conf-dir", str(tmp_path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)["findings"]
    assert found["java"]["state"] == "ok"
    assert found["configuration"]["state"] == "bad"
    assert "memory" not in found


def test_a_machine_that_is_well_ends_with_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--conf-dir", "conf/flights", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["state"] for finding in found.values()} <= {"ok", "warn"}
