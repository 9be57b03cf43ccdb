"""Java starts from the classes that set-up has kept, and without them where anything is not as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay import quick_start
from assay.quick_start import kept_classes, quick, without_settings

OPTIONS, CLASS_PATH = "spark.driver.extraJavaOptions", "spark.driver.extraClassPath"
STARTED = """
import sys
from assay.config.environment import Environment, Spark
from assay.session import session
log = {"spark.driver.extraJavaOptions": f"-XX:TieredStopAtLevel=1 -Xlog:class+load:file={sys.argv[1]}"}
session(Environment(name="quick", spark=Spark(master="local[1]", conf=log))).range(1).count()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set-up's folder, with classes of 5 bytes."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "classes.jsa").write_bytes(b"12345")
    (tmp_path / "classes.txt").write_text("abc 5\n")
    monkeypatch.setattr(quick_start, "FOLDER", tmp_path)
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    return tmp_path


def test_spark_s_classes_and_delta_s_come_from_the_file(tmp_path: Path) -> None:
    assert kept_classes() is not None, "make setup has not kept Java's classes"
    log = tmp_path / "loaded.txt"
    subprocess.run([sys.executable, "-c", STARTED, str(log)], check=True, capture_output=True)
    kept = [line.split()[1] for line in log.read_text().splitlines() if "shared objects file (top)" in line]
    for name in ("io.delta.sql.DeltaSparkSessionExtension", "org.apache.spark.SparkContext"):
        assert any(found.startswith(name) for found in kept), name


def test_what_is_asked_for_goes_on_beside_the_classes(folder: Path) -> None:
    found = quick({OPTIONS: "-Xss4m", CLASS_PATH: "own.jar", "spark.jars": "other.jar"}, ["a.jar", "b.jar"])
    assert found[CLASS_PATH].split(os.pathsep) == ["a.jar", "b.jar", "own.jar"]
    assert found["spark.jars"] == "other.jar"
    assert f'"-XX:SharedArchiveFile={folder / "classes.jsa"}"' in found[OPTIONS]
    assert found[OPTIONS].endswith(" -Xss4m")


@pytest.mark.parametrize("about", ["abc 6\n", "abc 0\n", "abc\n", "", None])
def test_half_a_file_is_none(folder: Path, about: str | None) -> None:
    if about is None:
        (folder / "classes.txt").unlink()
    else:
        (folder / "classes.txt").write_text(about)
    assert kept_classes() is None
    assert "SharedArchiveFile" not in quick({}, [])[OPTIONS]


def test_settings_of_one_s_own_are_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with without_settings():
        assert os.environ["SPARK_CONF_DIR"] == str(folder / "conf")
    assert "SPARK_CONF_DIR" not in os.environ
    monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    with without_settings():
        assert os.environ["SPARK_CONF_DIR"] == "/etc/spark"
    assert quick({OPTIONS: "-Xss4m"}, []) == {OPTIONS: "-Xss4m"}


def test_a_file_that_set_up_did_not_write_is_a_setting(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pyspark" / "conf"
    conf.mkdir(parents=True)
    monkeypatch.setattr(quick_start, "_spark_settings", lambda: conf)
    (conf / "spark-defaults.conf").touch()
    assert "SharedArchiveFile" in quick({}, [])[OPTIONS]
    (conf / "core-site.xml").touch()
    assert quick({}, []) == {}
    assert (folder / "conf").is_dir()
