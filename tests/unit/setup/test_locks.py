"""What is installed is locked by hash, named without a server, and explained."""

import re
import tomllib
from pathlib import Path

import pytest

from setup.fetch_jars import read_lock

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def direct_dependencies() -> set[str]:
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return {re.split(r"[^\w-]", line, maxsplit=1)[0].lower() for line in [*project["dependencies"], *extras]}


def locked(lock: Path) -> dict[str, str]:
    """Each requirement of a lock and the lines that belong to it."""
    text = re.sub(r"^ *#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {entry.split("==")[0]: entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_its_hashes(lock: Path) -> None:
    assert [name for name, entry in locked(lock).items() if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_names_a_server(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "-url" not in text


def test_every_direct_dependency_is_locked() -> None:
    assert direct_dependencies() - set(locked(ROOT / "requirements" / "lock.txt")) == set()


def test_every_direct_dependency_and_jar_has_its_reason() -> None:
    jars = {jar.name for jar in read_lock(ROOT / "setup" / "jars.lock")}
    table = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = {
        name for cell in re.findall(r"^\| (.*?) \|", table, flags=re.MULTILINE) for name in re.findall(r"`(.+?)`", cell)
    }
    assert (direct_dependencies() | jars) - {name.lower() for name in explained} == set()
