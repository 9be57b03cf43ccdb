"""Tell this environment's Spark where Delta is, so that plain `spark-submit`, `pyspark` and `dbt` have it too.

Writes `conf/spark-defaults.conf` and `conf/log4j2.properties` into the pyspark package.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

DEFAULTS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.showConsoleProgress": "false",
}
STORE = {"spark.delta.logStore.file.impl": "assay.LinkingLogStore"}
"""Where set-up has compiled it."""

LOGGING = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
logger.repl.name = org.apache.spark.repl.Main
logger.repl.level = error
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n
"""


def write(package: Path, jars: Path, store: Path) -> Path:
    """Write both files; returns their folder.

    Args:
        package: The folder of the pyspark package.
        jars: The folder that holds Delta's jars.
        store: The jar of the log store, which may be missing.
    """
    folder = package / "conf"
    folder.mkdir(exist_ok=True)
    stores = [store] if store.exists() else []
    named = ",".join(map(str, [*sorted(jars.glob("*.jar")), *stores]))
    settings = {"spark.jars": named, **DEFAULTS, **(STORE if stores else {})}
    lines = [f"{name} {value}" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("\n".join(lines) + "\n")
    (folder / "log4j2.properties").write_text(LOGGING)
    return folder


if __name__ == "__main__":
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SystemExit("setup: pyspark is not installed in this environment; run make setup")
    write(Path(spec.origin).parent, Path(sys.prefix) / "jars", Path(sys.prefix) / "java" / "log_store.jar")
