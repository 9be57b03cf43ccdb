"""Set-up keeps Java's classes once for what they depend on, and no trouble with them stops it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "setup" / "keep_classes.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, of an environment in a folder with one jar."""
    spec = importlib.util.spec_from_file_location("keep_classes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "a.jar").write_bytes(b"a")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return module


def test_classes_are_kept_once_and_again_for_another_jar(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Path] = []

    def keep(folder: Path) -> None:
        kept.append(folder)
        (folder / "classes.jsa").write_bytes(b"classes")

    monkeypatch.setattr(script, "keep", keep)
    script.main()
    script.main()
    assert kept == [tmp_path / "java"]
    assert (tmp_path / "java" / "classes.txt").read_text().split()[1] == "7"
    assert not list((tmp_path / "java" / "conf").iterdir())
    (tmp_path / "jars" / "a.jar").write_bytes(b"another")
    script.main()
    assert len(kept) == 2


def test_half_a_file_is_made_again(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "keep", lambda folder: (folder / "classes.jsa").write_bytes(b"classes") and None)
    script.main()
    (tmp_path / "java" / "classes.jsa").write_bytes(b"cla")
    script.main()
    assert (tmp_path / "java" / "classes.jsa").read_bytes() == b"classes"


def test_what_goes_wrong_is_said_and_tried_again_by_the_next_set_up(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "keep", lambda folder: f"no room in {folder}")
    for _ in range(2):
        script.main()
        assert f"could not be kept, so Spark will start more slowly:\nno room in {tmp_path}" in capsys.readouterr().out
    assert not (tmp_path / "java" / "classes.txt").exists()
