"""Set-up compiles the log store with what Spark carries, and says so where it cannot."""

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "setup" / "compile_log_store.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_log_store", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_jar_has_the_class_that_spark_is_told_of_and_nothing_is_left_beside_it(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jars").symlink_to(Path(sys.prefix) / "jars")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    script.main()
    with zipfile.ZipFile(tmp_path / "java" / "log_store.jar") as jar:
        assert jar.namelist() == ["assay/LinkingLogStore.class"]
    assert [path.name for path in (tmp_path / "java").iterdir()] == ["log_store.jar"]


def test_what_does_not_compile_stops_set_up_with_the_reason(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "LinkingLogStore.java").write_text("package assay; public final class LinkingLogStore { int x() { } }")
    monkeypatch.setattr(script, "SOURCE", tmp_path / "LinkingLogStore.java")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(SystemExit, match=r"LinkingLogStore\.java does not compile"):
        script.main()
    assert not (tmp_path / "java" / "log_store.jar").exists()
