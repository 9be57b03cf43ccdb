"""What configuration and the command line name lies where it should, whatever links say."""

import shutil
from pathlib import Path

import pytest

from assay.config import load_environment, load_lakehouse
from assay.config.lakehouse import LakehouseFile
from assay.errors import ConfigError
from assay.lakehouse import open_lakehouse
from assay.paths import below, leads_out
from jobs.dbt import project_dir

SOURCE = "description: R.\nfrom: {files: landing/*.csv}\nkey: [a]\ncolumns: {a: {type: string}}\n"
FEATURES = (
    "description: U.\nentity: {a: [a]}\nsource: readings\nwindows: [1d]\nfeatures: {n: {count: '*', description: N}}\n"
)
MODEL = (
    "description: D.\nspine: {train: select 1, score: select 1}\nkey: [a]\nfeatures: {usage: all}\n"
    "split: {holdout: 1d}\ntrain: {every: 7d, window: 28d}\ngates: {auc: {min: 0.6}}\n"
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The folder of a lakehouse that is valid."""
    for name, text in {
        "x/lakehouse.yml": "name: x\ndescription: Meters.\ndbt: models\n",
        "x/sources/readings.yml": SOURCE,
        "x/features/usage.yml": FEATURES,
        "env/local.yml": "description: Here.\n",
    }.items():
        path = tmp_path / "base" / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "base" / "conf" / "x"


@pytest.mark.parametrize("path", ["/a", "a/../../b", "..", "a\0b", "file:///a", "s3a://b/a", "\\a", "a\\..\\b"])
def test_below_refuses_what_leaves_the_folder(path: str) -> None:
    with pytest.raises(ValueError, match="leaves the house; give a path below it"):
        below(path, "the house")


@pytest.mark.parametrize("path", ["a", "a/b/*.csv", "a..b/c", "./a", "...", "a b/ü.csv"])
def test_below_takes_any_other(path: str) -> None:
    assert below(path, "the house") == path


def test_leads_out_follows_every_link_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "back").symlink_to(tmp_path / "in" / "deep")
    (tmp_path / "in" / "out").symlink_to("..")
    (tmp_path / "in" / "loop").symlink_to("loop")
    (tmp_path / "also").symlink_to("in")
    assert leads_out(tmp_path / "in" / "back" / "a", tmp_path / "in") is None
    assert leads_out(tmp_path / "also" / "a", tmp_path / "in") is None
    assert leads_out(tmp_path / "in" / "a", tmp_path / "also") is None
    assert leads_out(tmp_path / "in" / "loop", tmp_path / "in") is None
    assert leads_out(tmp_path / "in" / "out" / "a", tmp_path / "in") == str(tmp_path / "a")
    assert leads_out(tmp_path / "in" / ".." / "inn", tmp_path / "in") == str(tmp_path / "inn")


@pytest.mark.parametrize("file", ["lakehouse.yml", "sources/readings.yml", "features/usage.yml"])
def test_a_configuration_file_that_is_a_link_out_is_refused(conf: Path, file: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yml"
    (conf / file).rename(elsewhere)
    (conf / file).symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="a link that leads out") as caught:
        load_lakehouse(conf)
    assert (caught.value.where, caught.value.found) == (f"{conf}/{file}", f"a link to {elsewhere}")


def test_a_folder_and_an_environment_that_are_links_out_are_refused(conf: Path, tmp_path: Path) -> None:
    shutil.move(conf / "sources", tmp_path / "elsewhere")
    (conf / "sources").symlink_to(tmp_path / "elsewhere")
    (conf.parent / "env" / "far.yml").symlink_to(tmp_path / "elsewhere" / "readings.yml")
    for load in (load_lakehouse, lambda folder: load_environment(folder, "far")):
        with pytest.raises(ConfigError, match="a link that leads out"):
            load(conf)


def test_links_within_the_configuration_are_followed_as_in_a_mounted_volume(conf: Path) -> None:
    (conf / "..data").mkdir()
    (conf / "sources" / "readings.yml").rename(conf / "..data" / "readings.yml")
    (conf / "sources" / "readings.yml").symlink_to(Path("..") / "..data" / "readings.yml")
    assert list(load_lakehouse(conf).sources) == ["readings"]


@pytest.mark.parametrize("name", ["../x/lakehouse", "/etc/passwd", "..", "", "local\0", "lócal"])
def test_an_environment_is_named_and_no_path(conf: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="There is no environment"):
        load_environment(conf, name)


@pytest.mark.parametrize("name", ["../y", "y/z", "..", "/y", "y\0", "y y", "\u0445\u0443", "y\u200b", "con:", ""])
def test_a_lakehouses_name_is_no_path(conf: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        LakehouseFile(name=name, description="")


def test_a_source_is_named_in_ascii(conf: Path) -> None:
    (conf / "sources" / "rеadings.yml").write_text(SOURCE)  # noqa: RUF001  # the Cyrillic e
    with pytest.raises(ConfigError, match="is not a name"):
        load_lakehouse(conf)


def test_names_that_are_one_in_sql_are_refused(conf: Path) -> None:
    (conf / "sources" / "Readings.yml").write_text(SOURCE)
    with pytest.raises(ConfigError, match="differ only in upper and lower case") as caught:
        load_lakehouse(conf)
    assert caught.value.where == f"{conf}/sources/Readings.yml, readings.yml"


def test_a_feature_table_is_not_named_like_a_table_of_a_model(conf: Path) -> None:
    (conf / "models").mkdir()
    (conf / "models" / "Demand.yml").write_text(MODEL)
    (conf / "features" / "demand_inputs.yml").write_text(FEATURES)
    with pytest.raises(ConfigError, match="has the name of a table of the model Demand") as caught:
        load_lakehouse(conf)
    assert caught.value.where == f"{conf}/features/demand_inputs.yml"


@pytest.mark.parametrize("folder", ["../elsewhere", "/elsewhere", "a/../../b"])
def test_a_dbt_project_lies_beside_the_configuration(conf: Path, folder: str) -> None:
    (conf / "lakehouse.yml").write_text(f"name: x\ndescription: Meters.\ndbt: {folder}\n")
    with pytest.raises(ConfigError, match="leaves the folder that holds conf") as caught:
        load_lakehouse(conf)
    assert caught.value.where == f"{conf}/lakehouse.yml:3, key dbt"


def test_a_dbt_project_that_is_a_link_out_is_refused(conf: Path, tmp_path: Path) -> None:
    base = conf.parents[1]
    (base / "models").mkdir()
    assert project_dir(open_lakehouse(conf)) == base / "models"
    (base / "models").rename(tmp_path / "elsewhere")
    (base / "models").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="a link that leads elsewhere") as caught:
        project_dir(open_lakehouse(conf))
    assert caught.value.found == str(tmp_path / "elsewhere")
