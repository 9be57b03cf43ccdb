"""Compile ``assay/log_store`` into ``.venv/java/log_store.jar``, with the compiler that Spark carries: a JRE has none."""

import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "assay" / "log_store" / "LinkingLogStore.java"


def compiled(java: str, jars: list[Path], into: Path) -> None:
    """Write the class files of the source into a folder.

    Raises:
        SystemExit: It does not compile against these jars.
    """
    path = os.pathsep.join(map(str, jars))
    done = subprocess.run(
        [java, "-cp", path, "org.codehaus.commons.compiler.samples.CompilerDemo", "-d", into, "-classpath", path, SOURCE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not list(into.rglob("*.class")):
        raise SystemExit(f"setup: {SOURCE.name} does not compile:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Make the jar anew, in one step."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SystemExit("setup: pyspark is not installed in this environment; run make setup")
    jars = sorted([*Path(sys.prefix, "jars").glob("*.jar"), *(Path(spec.origin).parent / "jars").glob("*.jar")])
    folder = Path(sys.prefix, "java")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        classes, made = Path(scratch, "classes"), Path(scratch, "log_store.jar")
        classes.mkdir()
        compiled(java, jars, classes)
        with zipfile.ZipFile(made, "w") as jar:
            for file in sorted(classes.rglob("*.class")):
                jar.writestr(zipfile.ZipInfo(str(file.relative_to(classes))), file.read_bytes())
        made.replace(folder / "log_store.jar")


if __name__ == "__main__":
    main()
