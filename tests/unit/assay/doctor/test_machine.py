"""Checks of a machine, in surroundings that are broken."""

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest

from assay.doctor import machine


def test_this_machine_is_well() -> None:
    assert {name: check().state for name, check in machine.CHECKS.items()} == dict.fromkeys(machine.CHECKS, "ok")


def test_no_java_on_the_path_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine.java()
    assert (found.state, found.found) == ("bad", "no java on PATH, and JAVA_HOME is not set")
    assert "openjdk-17" in found.do


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'openjdk version \"11.0.2\"' >&2", "Java 11.0.2, "),
        ("echo 'java version \"1.8.0_402\"' >&2", "Java 8.0_402, "),
        ('[ "$1" = --add-modules ] && exit 1; echo \'openjdk version "21"\' >&2', "without the module"),
        ("exit 3", "whose version is not to be read"),
    ],
)
def test_a_java_that_cannot_start_spark_is_bad(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, told: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = machine.java()
    assert found.state == "bad"
    assert told in found.found


def test_a_java_home_without_java_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "does not run" in machine.java().found


def test_a_missing_log_store_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "LOG_STORE", tmp_path / "log_store.jar")
    found = machine.log_store()
    assert (found.state, "at once, one may be lost" in found.found) == ("warn", True)


def test_a_jar_that_was_changed_or_is_missing_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jars = sorted((Path(sys.prefix) / "jars").glob("*.jar"))
    (tmp_path / "jars").mkdir()
    for jar in jars:
        shutil.copy(jar, tmp_path / "jars")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert machine.jars().state == "ok"
    with (tmp_path / "jars" / jars[0].name).open("ab") as file:
        file.write(b"\0")
    (tmp_path / "jars" / jars[1].name).unlink()
    found = machine.jars()
    assert (found.state, found.do) == ("bad", "make setup")
    assert f"{jars[0].name}, {jars[1].name}," in found.found


def test_a_package_of_another_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "wrapt" else real(name))
    found = machine.packages()
    assert (found.state, found.found.split("==")[0]) == ("warn", "not of the lock's version: wrapt")
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "pyspark" else real(name))
    assert machine.packages().found == "missing, or of another version: pyspark==4.2.0"


def test_a_clock_before_the_installation_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "assay").mkdir()
    (tmp_path / "assay" / "new.py").touch()
    os.utime(tmp_path / "assay" / "new.py", (2**33, 2**33))
    monkeypatch.setattr(machine, "_ROOT", tmp_path)
    assert machine.clock().state == "bad"
