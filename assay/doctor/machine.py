"""Checks of the machine and of what is installed on it. Neither Java nor Spark need be there."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from assay.doctor.finding import Finding, bad, ok, warn
from assay.quick_start import LOG_STORE, kept_classes

_ROOT = Path(__file__).parents[2]
JAVA = 17
"""The oldest Java that starts Spark 4.2."""
_JAR = re.compile(r"[\w.-]+:(?P<name>[\w.-]+):(?P<version>[\w.-]+) sha256:(?P<sha256>[0-9a-f]{64})")
_INSTALL_JAVA = "install Java 17, such as openjdk-17-jre-headless, or set JAVA_HOME to the folder of one"


def java() -> Finding:
    """The Java that Spark would start: that of JAVA_HOME, else the first on PATH."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if program is None:
        return bad("no java on PATH, and JAVA_HOME is not set", _INSTALL_JAVA)
    try:
        done = _java(program, "--add-modules", "jdk.incubator.vector", "-version")
        told = done if done.returncode == 0 else _java(program, "-version")
    except (OSError, subprocess.TimeoutExpired) as error:
        return bad(f"{program} does not run: {error}", _INSTALL_JAVA)
    version = re.search(r'version "(?:1\.)?((\d+)[^"]*)"', told.stderr + told.stdout)
    if version is None:
        return bad(f"{program}, whose version is not to be read", _INSTALL_JAVA)
    if int(version[2]) < JAVA:
        return bad(f"Java {version[1]}, {program}", _INSTALL_JAVA)
    if done.returncode:
        return bad(f"Java {version[1]} without the module jdk.incubator.vector, {program}", _INSTALL_JAVA)
    return ok(f"Java {version[1]}, {program}")


def _java(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60)


def jars() -> Finding:
    """The jars beside this Python: those that the lock lists, with its SHA-256."""
    lock, folder = _ROOT / "setup" / "jars.lock", Path(sys.prefix) / "jars"
    there = sorted(folder.glob("*.jar"))
    if not lock.is_file():
        told = f"{len(there)} jars in {folder}; what they should be is not known here, without setup/jars.lock"
        return ok(told) if there else warn(told, "give Delta's jars to Spark: spark.jars in the environment")
    locked = {f"{one['name']}-{one['version']}.jar": one["sha256"] for one in _JAR.finditer(lock.read_text("utf-8"))}
    wrong = [name for name in locked if not (folder / name).is_file()]
    wrong += [path.name for path in there if locked.get(path.name) != _sha256(path)]
    if wrong:
        return bad(f"missing, or not as locked: {', '.join(sorted(wrong))}, in {folder}", "make setup")
    return ok(f"{len(locked)} as locked, in {folder}")


def classes() -> Finding:
    """Java's classes, which set-up has kept for Spark to start from."""
    kept = kept_classes()
    if kept is None:
        return warn(
            "Java's classes are not kept: Spark takes twice as long to start", "make setup, in a clone of assay"
        )
    return ok(f"Java's classes, {kept.stat().st_size / 2**20:,.0f} MB, in {kept}")


def log_store() -> Finding:
    """The log store for local disks, which set-up has compiled."""
    if not LOG_STORE.is_file():
        return warn(
            "Delta's own log store is used: of two processes that commit to one table on a local disk at once, one may be lost",
            "make setup, in a clone of assay",
        )
    return ok(f"only one process can make a version on a local disk, by {LOG_STORE}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packages() -> Finding:
    """What assay stands on is installed; and all that is, in the version of the lock."""
    needed = [Requirement(line) for line in metadata.requires("assay") or ()]
    missing = [
        str(one) for one in needed if (one.marker is None or one.marker.evaluate({"extra": ""})) and not _has(one)
    ]
    if missing:
        return bad(f"missing, or of another version: {', '.join(missing)}", "make setup")
    lock = _ROOT / "requirements" / "lock.txt"
    if not lock.is_file():
        return ok("all that assay names; no requirements/lock.txt here to compare the rest with")
    lines = [Requirement(line.rstrip(" \\")) for line in lock.read_text("utf-8").splitlines() if re.match(r"\w", line)]
    locked = [one for one in lines if one.marker is None or one.marker.evaluate()]
    other = [str(one) for one in locked if _version(one.name) and not _has(one)]
    if other:
        return warn(f"not of the lock's version: {', '.join(other)}", "make setup")
    return ok(f"{sum(_version(one.name) is not None for one in locked)} as locked")


def _has(wanted: Requirement) -> bool:
    version = _version(wanted.name)
    return version is not None and wanted.specifier.contains(version, prereleases=True)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def clock() -> Finding:
    """The machine's clock, which is not behind the newest file of the program."""
    now = datetime.now(UTC)
    installed = datetime.fromtimestamp(max(path.stat().st_mtime for path in _ROOT.glob("assay/**/*.py")), UTC)
    if now < installed:
        return bad(f"{now:%Y-%m-%d %H:%M}Z, before assay was installed", "set the clock; let NTP keep it")
    return ok(f"{now:%Y-%m-%d %H:%M}Z")


CHECKS: Mapping[str, Callable[[], Finding]] = {
    "java": java, "jars": jars, "classes": classes, "log store": log_store, "packages": packages, "clock": clock,
}  # fmt: skip
