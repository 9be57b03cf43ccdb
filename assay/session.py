"""The one place that builds Spark sessions."""

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from assay.config import Environment
from assay.errors import ConfigError
from assay.quick_start import LOG_STORE, quick, without_settings
from assay.redaction import SETTINGS, secret_settings

logger = logging.getLogger(__name__)

SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Training that asks for more tasks than there are slots fails at once; by default it would hang.
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "1",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "1s",
    # For every column that is written down, Spark would note which line of Python did so: of no use to who writes YAML,
    # and more than half of the time that it takes to put a contract's checks together.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.sql.dataFrameQueryContext.enabled": "false",
}
"""What every session needs for assay's results to be what the documentation says."""

STORE = {"spark.delta.logStore.file.impl": "assay.LinkingLogStore"}
"""Commits on local disks by `assay/log_store`, where set-up has compiled it."""

_launching: list[bool] = []
"""Holds something while Java is being started."""
os.register_at_fork(after_in_child=lambda: _leave_to_python() if _launching else None)


def _leave_to_python() -> None:
    """Java is told to stop by this process alone, so that a SIGTERM to both finds it ready for the last rows."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


_REDACTION = "spark.redaction.regex"
_WHOLE_STAGE = "spark.sql.codegen.wholeStage"
MANY = 100_000
"""Rows from which on it pays to have a plan compiled as a whole."""

EMBEDDED = {
    "spark.sql.catalogImplementation": "in-memory",
    "spark.driver.memory": "2g",
    # Throughput: nobody waits for a pause. And Java's second compiler waits ten times as long as by default: it would take
    # a third of a small night, and what it makes is hardly used before the end. To read millions of rows needs it.
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -XX:Tier4InvocationThreshold=50000"
    " -XX:Tier4MinInvocationThreshold=6000 -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",  # what trees score fastest at once
    "spark.scheduler.mode": "FAIR",
    # Delta's checksums of versions are put in place by a rename, not by one for which programs of the system are started.
    "spark.hadoop.spark.sql.streaming.checkpointFileManagerClass": "org.apache.spark.sql.execution.streaming.checkpointing"
    ".FileSystemBasedCheckpointFileManager",
    # A night asks hundreds of small questions. Planning again after every shuffle, and compiling every plan as a
    # whole, costs more than it saves; what is compiled is kept for the next night, of which Spark would keep 100.
    "spark.sql.adaptive.enabled": "false",
    _WHOLE_STAGE: "false",
    "spark.sql.codegen.cache.maxEntries": "4000",
    # What several queries read is held for minutes: to find out how to compress it costs more than memory does.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}
"""Defaults for a Spark inside this process: small tables, no ports open."""


def session(environment: Environment) -> SparkSession:
    """The Spark session of an environment: the running one if there is one, as under `spark-submit`.

    Raises:
        ConfigError: Delta's jars are neither installed nor configured, or Java is missing.
    """
    set_process_defaults()
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    master, jars = environment.spark.master, installed_jars()
    settings: dict[str, str] = {"spark.app.name": f"assay {environment.name}", **SESSION}
    settings |= STORE if LOG_STORE.exists() else {}
    embedded = master is not None and master.startswith("local")
    if embedded:
        settings = {**EMBEDDED, **settings}
    elif jars:
        settings["spark.jars"] = ",".join(jars)
    if master is not None:
        settings["spark.master"] = master
    settings |= {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in environment.spark.conf.items()
    }
    if embedded:
        settings = quick(settings, jars)
    secret = secret_settings(settings)
    settings[_REDACTION] = _redaction(secret, settings.get(_REDACTION))
    builder = SparkSession.builder.config(map={**settings})
    started = time.perf_counter()
    try:
        _launch({key: value for key, value in settings.items() if key not in secret or key.startswith("spark.driver.")})
        spark = builder.getOrCreate()
    except Exception as error:
        raise ConfigError(
            "Spark did not start.",
            where=f"environment {environment.name}",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            do="check that Java 17 or newer is installed (openjdk-17-jre-headless) and spark.master is reachable",
        ) from error
    spark.sparkContext.setLogLevel("ERROR")
    log4j: Any = spark._jvm.org.apache.logging.log4j  # type: ignore[union-attr]  # there is one
    for name in ("org.apache.spark.executor.Executor", "org.apache.spark.scheduler.TaskSetManager"):
        log4j.core.config.Configurator.setLevel(name, log4j.Level.OFF)  # a task's error comes back with its job
    # PySpark logs every analysis error as JSON beside raising it; assay tells errors once.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logger.debug("spark %s started in %.1f s", spark.version, time.perf_counter() - started)
    return spark


def _redaction(secret: Iterable[str], given: str | None) -> str:
    """What Spark's pages and event logs leave out: settings with a secret, under Spark's name and under Hadoop's."""
    names = [re.escape(key.removeprefix("spark.hadoop.")) for key in secret]
    return "|".join([f"(?i){SETTINGS}", *names, *([given] if given else [])])


def _launch(settings: Mapping[str, str]) -> None:
    """Start Java with settings that anybody on the machine may read from its command line; the others come later."""
    conf = SparkConf()
    for key, value in settings.items():
        conf.set(key, value)
    _launching.append(True)
    try:
        with without_settings():
            SparkContext._ensure_initialized(conf=conf)  # noqa: SLF001  # getOrCreate would put all settings there
    finally:
        _launching.clear()


@contextmanager
def compiled(spark: SparkSession, *, rows: int | None = None) -> Iterator[None]:
    """Plans are compiled as a whole inside: for a pass over much data.

    Args:
        spark: The session.
        rows: How many there are, if that is known: for few of them nothing is changed.
    """
    before = str(spark.conf.get(_WHOLE_STAGE))
    if rows is None or rows >= MANY:
        spark.conf.set(_WHOLE_STAGE, "true")
    try:
        yield
    finally:
        spark.conf.set(_WHOLE_STAGE, before)


def jobs_so_far(spark: SparkSession) -> int:
    """How many jobs this process's Spark has started."""
    scheduler: Any = spark.sparkContext._jsc.sc().dagScheduler()
    return int(scheduler.numTotalJobs())


def installed_jars() -> list[str]:
    """The jars that set-up fetched, and the one that it compiled, beside this Python."""
    return sorted(str(path) for folder in ("jars", "java") for path in (Path(sys.prefix) / folder).glob("*.jar"))


def set_process_defaults() -> None:
    """Time zone, Python of the workers and telemetry of this process; settings made by the user stay."""
    # Below, it tells each connection to Java, and each call with its arguments: passwords too.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    os.environ["TZ"] = "UTC"
    time.tzset()
    binaries = str(Path(sys.executable).parent)
    if binaries not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([binaries, os.environ.get("PATH", "")])
    for name, value in {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "DO_NOT_TRACK": "1",
        "FEAST_USAGE": "False",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
    }.items():
        os.environ.setdefault(name, value)
