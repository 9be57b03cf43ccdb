"""Keep the classes of Java that a night loads in ``.venv/java/classes.jsa``, from which later Javas start in half the time.

Two nights of a few rows (``setup/rehearsal``) load them. Made again where Java, a jar or the rehearsal is another;
how it is used: ``assay/quick_start.py``. Without the file all works as well, only slower: nothing here stops a set-up.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
REHEARSAL = HERE / "rehearsal"
LIMIT = 600
"""Seconds that a rehearsal may take."""

DAYS = (("2013-03-01", "2013-03-02"), ("2013-03-02", "2013-03-03"))
"""Of which the rows are, and the night that takes them in."""


def made_from(java: str, jars: list[Path]) -> str:
    """What the file depends on, as a hash: Java's version, the jars, and what the rehearsal does."""
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    told = "\n".join(line for line in version.splitlines() if not line.startswith("Picked up"))
    told += "".join(f"{jar} {jar.stat().st_size}\n" for jar in jars)
    texts = [Path(__file__), *sorted(path for path in REHEARSAL.rglob("*") if path.is_file())]
    return hashlib.sha256(told.encode() + b"".join(path.read_bytes() for path in texts)).hexdigest()


def rehearse(folder: Path) -> None:
    """Two nights of a lakehouse in a folder, and Java's end, at which it writes its classes down."""
    from pyspark import SparkContext

    from assay.cli import main

    shutil.copytree(REHEARSAL, folder / "conf")
    landing = folder / "warehouse" / "rehearsal" / "landing" / "readings"
    landing.mkdir(parents=True)
    for day, night in DAYS:
        rows = [f"{station},{hour},{day} {hour:02}:00:00,{7 + hour}" for station in "ab" for hour in range(3)]
        text = "\n".join(["station,hour,measured_at,temp", *rows, f"a,25,{day} 00:00:00,1"])  # a rejected row, too
        (landing / f"{day}.csv").write_text(text + "\n")
        if main(["nightly", "--conf-dir", str(folder / "conf" / "rehearsal"), "--env", "local", "--as-of", night]):
            raise SystemExit(1)
    gateway = SparkContext._gateway  # noqa: SLF001  # nobody else has the process
    if gateway is not None:
        gateway.proc.stdin.close()  # as at the end of Python, which would not wait for it
        if gateway.proc.wait():
            raise SystemExit("Java did not end well")


def keep(folder: Path) -> str | None:
    """Make ``folder/classes.jsa`` in a rehearsal, in one step at its end; what went wrong, if something did."""
    made = folder / ".classes.jsa"
    made.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="assay-rehearsal-") as scratch:
        done = subprocess.run(
            [sys.executable, __file__, "--rehearse", scratch], env={**os.environ, "ASSAY_CLASSES": str(made)},
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
    if done.returncode or not made.exists():
        return "\n".join((done.stdout + done.stderr).splitlines()[-5:])
    made.replace(folder / "classes.jsa")
    return None


def main() -> None:
    """Keep the classes, unless they are kept already."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SystemExit("setup: pyspark is not installed in this environment; run make setup")
    folder = Path(sys.prefix, "java")
    ours = [*Path(sys.prefix, "jars").glob("*.jar"), *folder.glob("*.jar")]
    jars = sorted([*ours, *(Path(spec.origin).parent / "jars").glob("*.jar")])
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    key, about, classes = made_from(java, jars), folder / "classes.txt", folder / "classes.jsa"
    if classes.exists() and about.exists() and about.read_text().split() == [key, str(classes.stat().st_size)]:
        return
    sys.stdout.write("setup: Java's classes, in a rehearsal of two small nights\n")
    sys.stdout.flush()
    classes.unlink(missing_ok=True)
    try:
        wrong = keep(folder)
    except (OSError, subprocess.SubprocessError) as error:
        wrong = str(error)
    if wrong is None:
        about.write_text(f"{key} {classes.stat().st_size}\n")
    else:
        sys.stdout.write(f"setup: they could not be kept, so Spark will start more slowly:\n{wrong}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rehearse"]:
        rehearse(Path(sys.argv[2]))
    else:
        main()
