"""setup/check_java.sh and check_python.sh: what a machine lacks is named with what to install."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[3] / "setup"


def check(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of setup/ with JAVA_HOME and PYTHON as given here only."""
    kept = {name: value for name, value in os.environ.items() if name not in {"JAVA_HOME", "PYTHON"}}
    command = ["/bin/bash", str(SETUP / script)]
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False)


def fake_java(home: Path, version: str, modules: str = "yes") -> str:
    """A Java home whose java answers with this version, and says no to --add-modules if told so."""
    java = home / "bin" / "java"
    java.parent.mkdir()
    java.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--add-modules*) [ {modules} = yes ] || exit 1 ;; esac\n'
        f"""echo 'openjdk version "{version}" 2024-01-16' >&2\n""",
        encoding="utf-8",
    )
    java.chmod(0o755)
    return str(home)


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_check_java_accepts_17_and_newer(tmp_path: Path, version: str) -> None:
    done = check("check_java.sh", JAVA_HOME=fake_java(tmp_path, version))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2", "16"])
def test_check_java_names_an_older_one_and_the_package(tmp_path: Path, version: str) -> None:
    done = check("check_java.sh", JAVA_HOME=fake_java(tmp_path, version, modules="no"))
    assert done.returncode == 1
    assert f"found     {tmp_path}/bin/java, version {version}\n" in done.stderr
    assert "openjdk-17-jre-headless" in done.stderr


def test_check_java_names_a_missing_module(tmp_path: Path) -> None:
    done = check("check_java.sh", JAVA_HOME=fake_java(tmp_path, "17.0.15", modules="no"))
    assert done.returncode == 1
    assert "lacks the module jdk.incubator.vector" in done.stderr


def test_check_java_says_when_there_is_none(tmp_path: Path) -> None:
    for tool in ("cat", "head", "sed"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    done = check("check_java.sh", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "no java on PATH" in done.stderr


def test_check_java_says_when_java_home_holds_none(tmp_path: Path) -> None:
    done = check("check_java.sh", JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert f"JAVA_HOME is {tmp_path}" in done.stderr


def test_check_python_prints_the_one_to_use() -> None:
    assert check("check_python.sh", PYTHON=sys.executable).stdout == f"{sys.executable}\n"


def test_check_python_names_what_it_found_and_the_package(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\ncase "$2" in *exit*) exit 1 ;; *) echo 3.9.1 ;; esac\n', encoding="utf-8")
    old.chmod(0o755)
    done = check("check_python.sh", PYTHON=str(old))
    assert done.returncode == 1
    assert f"{old} (3.9.1)" in done.stderr
    assert "python3.11" in done.stderr
