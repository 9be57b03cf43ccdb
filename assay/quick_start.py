"""Java's classes as set-up has kept them, from which an embedded Spark starts in half the time.

Java need not look for a class of the file among 300 jars, read it and verify it (class data sharing, JEP 350). It takes the
file only while the class path is the one that the file was made with, in which no folder may hold a file: so Delta's jars are
on the class path itself, and an empty folder stands for Spark's folder of settings. Where anything differs, and be it the
version of Java, it does without, and says nothing.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(sys.prefix) / "java"
"""Where set-up has put the classes, beside an empty folder."""

LOG_STORE = FOLDER / "log_store.jar"
"""The log store for local disks, where set-up has compiled it."""

_WRITTEN_BY_SETUP = {"spark-defaults.conf", "log4j2.properties"}
_OPTIONS, _CLASS_PATH, _WHERE = "spark.driver.extraJavaOptions", "spark.driver.extraClassPath", "SPARK_CONF_DIR"


def kept_classes() -> Path | None:
    """The file of classes, if it is there and whole: on half a file Java would die."""
    file, about = FOLDER / "classes.jsa", FOLDER / "classes.txt"
    try:
        whole = file.stat().st_size == int(about.read_text().split()[-1])
    except (OSError, ValueError, IndexError):
        return None
    return file if whole else None


def quick(settings: Mapping[str, str], jars: list[str]) -> dict[str, str]:
    """The settings of an embedded Spark, with jars on Java's class path and the classes that were kept, if any.

    Args:
        settings: What is asked for; its own class path and options for Java go on.
        jars: What goes on the class path.
    """
    path = [*jars, *([settings[_CLASS_PATH]] if settings.get(_CLASS_PATH) else [])]
    result = {**settings, **({_CLASS_PATH: os.pathsep.join(path)} if path else {})}
    if _is_without_settings():
        classes = kept_classes()
        kept = [f'"-XX:SharedArchiveFile={classes}"', "-Xlog:cds=off", "-Xlog:cds+dynamic=off"] if classes else []
        logging = f'"-Dlog4j2.configurationFile={_spark_settings() / "log4j2.properties"}"'
        result[_OPTIONS] = " ".join([logging, *kept, settings.get(_OPTIONS, "")])
    return result


@contextmanager
def without_settings() -> Iterator[None]:
    """While Java starts: an empty folder in place of Spark's settings, of which there are none but set-up's."""
    instead = _is_without_settings()
    if instead:
        os.environ[_WHERE] = str(FOLDER / "conf")
    try:
        yield
    finally:
        if instead:
            del os.environ[_WHERE]


def _is_without_settings() -> bool:
    """Whether set-up has made an empty folder, and there are no settings of Spark's but those that assay gives anyway."""
    own = _WHERE in os.environ or {path.name for path in _spark_settings().glob("*")} - _WRITTEN_BY_SETUP
    return (FOLDER / "conf").is_dir() and not own


def _spark_settings() -> Path:
    spec = importlib.util.find_spec("pyspark")
    return Path((spec and spec.origin) or "").parent / "conf"
