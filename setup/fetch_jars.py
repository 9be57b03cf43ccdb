"""Put the jars of ``setup/jars.lock`` into ``.venv/jars``, each with the SHA-256 that the lock states.

A jar is resolved by its coordinate with the Ivy that Spark carries, so that whatever serves Maven
artifacts here serves these. Two settings in the environment change where they come from:

- ``ASSAY_JARS_FROM``: a folder that holds the jars already (a machine without network).
- ``ASSAY_IVY_SETTINGS``: an Ivy settings file (a company's own artifact server).

Runs on the standard library alone, and does nothing where the jars are there and right.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("jars.lock")
LINE = re.compile(r"(?P<group>[\w.-]+):(?P<name>[\w.-]+):(?P<version>[\w.-]+) sha256:(?P<sha256>[0-9a-f]{64})")

IVY_SETTINGS = """\
<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true"/></resolvers>
</ivysettings>
"""
IVY_MODULE = """\
<ivy-module version="2.0">
  <info organisation="assay" module="jars"/>
  <configurations><conf name="default"/></configurations>
  <dependencies>
{dependencies}
  </dependencies>
</ivy-module>
"""
IVY_DEPENDENCY = (
    '    <dependency org="{0.group}" name="{0.name}" rev="{0.version}" conf="default->master" transitive="false"/>'
)


class JarError(Exception):
    """The jars cannot be had as the lock states them."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """As Maven writes it: group:name:version."""
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def file_name(self) -> str:
        """The jar's name in a folder of jars."""
        return f"{self.name}-{self.version}.jar"


def read_lock(path: Path) -> list[Jar]:
    """The jars that a lock file lists.

    Raises:
        JarError: a line is neither a comment nor ``group:name:version sha256:<64 hex digits>``.
    """
    jars = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = LINE.fullmatch(text)
        if match is None:
            raise JarError(
                f"{path}, line {number}: found {text!r}, expected 'group:name:version sha256:<64 hex digits>'"
            )
        jars.append(Jar(**match.groupdict()))
    return jars


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_right(jar: Jar, folder: Path) -> bool:
    """Whether the folder holds the jar, with the content that the lock states."""
    path = folder / jar.file_name
    return path.is_file() and sha256_of(path) == jar.sha256


def copy_from(folder: Path) -> Callable[[list[Jar], Path], None]:
    """A fetch that takes the jars from a folder."""

    def fetch(jars: list[Jar], into: Path) -> None:
        for jar in jars:
            source = folder / jar.file_name
            if not source.is_file():
                raise JarError(f"{jar.coordinate}: ASSAY_JARS_FROM is {folder}, and there is no {jar.file_name} in it")
            shutil.copyfile(source, into / jar.file_name)

    return fetch


def fetch_with_ivy(jars: list[Jar], into: Path) -> None:
    """Resolve the jars by coordinate with Spark's own Ivy, nothing they depend on, into a folder.

    Raises:
        JarError: Spark or Java is missing, or Ivy found no such jar.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="assay-ivy-") as work:
        settings = Path(os.environ.get("ASSAY_IVY_SETTINGS") or Path(work, "settings.xml"))
        if "ASSAY_IVY_SETTINGS" not in os.environ:
            settings.write_text(IVY_SETTINGS, encoding="utf-8")
        module = Path(work, "ivy.xml")
        dependencies = "\n".join(IVY_DEPENDENCY.format(jar) for jar in jars)
        module.write_text(IVY_MODULE.format(dependencies=dependencies), encoding="utf-8")
        done = subprocess.run(
            [
                *(java(), "-cp", f"{spark_jars()}{os.sep}*", "org.apache.ivy.Main", "-warn"),
                *("-settings", str(settings), "-ivy", str(module), "-cache", str(Path(work, "cache"))),
                *("-retrieve", f"{into}/[artifact]-[revision].[ext]", "-types", "jar"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise JarError(
            "Ivy could not resolve: " + ", ".join(jar.coordinate for jar in jars) + "\n"
            f"{last_lines(done.stdout + done.stderr)}\n"
            "  do: check the network (a proxy for Java goes into JAVA_TOOL_OPTIONS), or name an Ivy settings file\n"
            "      in ASSAY_IVY_SETTINGS, or a folder that holds the jars in ASSAY_JARS_FROM"
        )


def last_lines(output: str, count: int = 12) -> str:
    """The end of a program's output, indented, without Ivy's progress dots."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(".")]
    return "\n".join(f"  | {line.strip()}" for line in lines[-count:])


def java() -> str:
    """The Java that Spark would use."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin", "java")) if home else "java"


def spark_jars() -> Path:
    """The folder of jars inside the installed pyspark; pyspark itself is not imported."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise JarError("pyspark is not installed in this environment: run `make setup`")
    return Path(spec.origin).parent / "jars"


def make_right(jars: list[Jar], folder: Path, fetch: Callable[[list[Jar], Path], None]) -> list[Jar]:
    """Bring a folder to hold exactly these jars, and say which had to be fetched.

    A jar comes into the folder in one step, and only once its SHA-256 is the lock's. Any other jar
    (damaged, or of an older lock) leaves it at once, since Spark is given the whole folder.

    Raises:
        JarError: a jar cannot be fetched, or what came is not what the lock states.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not is_right(jar, folder)]
    right = {jar.file_name for jar in jars if jar not in missing}
    for path in folder.glob("*.jar"):
        if path.name not in right:
            path.unlink()
    if missing:
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as incoming:
            fetch(missing, Path(incoming))
            for jar in missing:
                refuse_unless_right(jar, Path(incoming))
            for jar in missing:
                Path(incoming, jar.file_name).replace(folder / jar.file_name)
    return missing


def refuse_unless_right(jar: Jar, folder: Path) -> None:
    """Raise JarError unless the folder holds the jar with the lock's SHA-256."""
    path = folder / jar.file_name
    if not path.is_file():
        raise JarError(f"{jar.coordinate}: nothing came under the name {jar.file_name}")
    found = sha256_of(path)
    if found != jar.sha256:
        raise JarError(
            f"{jar.coordinate}: what came is not the jar that {LOCK.name} states; it is not used\n"
            f"  expected sha256 {jar.sha256}\n"
            f"  found    sha256 {found}\n"
            "  do: find out why it differs (a server in between, a damaged copy). Change the lock only for a jar\n"
            "      that you mean to use, with its SHA-256 from a source that you trust"
        )


def main() -> int:
    """Make ``<environment>/jars`` right; 0 when it is, 1 with the reason on stderr when it cannot be."""
    local = os.environ.get("ASSAY_JARS_FROM")
    fetch = copy_from(Path(local)) if local else fetch_with_ivy
    folder = Path(sys.prefix, "jars")
    try:
        for jar in make_right(read_lock(LOCK), folder, fetch):
            sys.stdout.write(f"setup: jar {jar.coordinate}\n")
    except JarError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
