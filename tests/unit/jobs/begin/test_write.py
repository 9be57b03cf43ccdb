"""A configuration is written whole or not at all, and over nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from assay.errors import ConfigError
from jobs.begin.write import write

FILES = {"lakehouse.yml": "name: shop\ndescription: A shop.\n", "models/late.yml.draft": "task: binary\n"}
ENVIRONMENT = "warehouse: warehouse\n"


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_and_its_environment_are_written(tmp_path: Path) -> None:
    conf = tmp_path / "new" / "conf"
    written = write(conf, "shop", FILES, ENVIRONMENT)
    assert tree(conf) == {**{f"shop/{path}": text for path, text in FILES.items()}, "env/shop.yml": ENVIRONMENT}
    assert set(written) == {conf / path for path in tree(conf)}
    assert {path.name for path in conf.iterdir()} == {"shop", "env"}


@pytest.mark.parametrize("there", ["shop/lakehouse.yml", "shop", "env/shop.yml"])
def test_what_is_there_is_not_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    with pytest.raises(ConfigError, match="There is a configuration of this name"):
        write(tmp_path, "shop", FILES, ENVIRONMENT)
    assert tree(tmp_path) == {there: "mine"}


@pytest.mark.parametrize("files", [{"lakehouse.yml": "name: shop\n"}, {**FILES, "sources/a.yml": "key: [id]\n"}])
def test_what_would_not_load_is_not_written(tmp_path: Path, files: Mapping[str, str]) -> None:
    with pytest.raises(ConfigError):
        write(tmp_path, "shop", files, ENVIRONMENT)
    assert tree(tmp_path) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["env"]


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "conf", "shop", FILES, ENVIRONMENT)
