"""`assay init` as a command: what it prints, and what it refuses."""

import json
from pathlib import Path

import pytest

from assay.cli import main

FILES = {
    f"trips-2024-01-0{d}.csv": "trip_id,at,courier,km\n"
    + "".join(f"{d}-{n},2024-01-0{d}T1{n}:00:00Z,{'ab'[n % 2]},{n + d / 2}\n" for n in range(8))
    for d in range(1, 6)
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with files in `arrived`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_CONF", raising=False)
    (tmp_path / "arrived").mkdir()
    for name, content in {**FILES, "notes\x1b[31m.txt": ""}.items():
        (tmp_path / "arrived" / name).write_text(content)
    return tmp_path


def test_it_tells_what_it_found_and_what_to_do_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop", "--from", "arrived", "--label", "trips.km"]) == 0
    assert (
        capsys.readouterr().out
        == """\
trips: all 40 records of 5 files, 4 columns
    key trip_id; event time at
courier_trips: features of each courier, from trips
notes\\x1b[31m.txt: left out, as its ending does not tell how to read it

Written:
    conf/shop/lakehouse.yml
    conf/shop/sources/trips.yml
    conf/shop/features/courier_trips.yml
    conf/shop/models/km.yml
    conf/env/shop.yml

Read them, above all the lines with "decide:" (grep -rn decide: conf/shop). Then:
    export ASSAY_CONF=conf/shop ASSAY_ENV=shop
    assay validate
    assay bronze --as-of 2024-01-07
    assay silver --as-of 2024-01-07
    assay sql "select * from silver.trips limit 10"
    assay backfill --from 2024-01-02 --to 2024-01-07
    assay train --as-of 2024-01-07
"""
    )


def test_what_it_writes_is_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop", "--from", "arrived", "--label", "trips.km", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sources"] == {
        "trips": {
            "files": 5, "records": 40, "whole": True, "unreadable": 0,
            "columns": {"trip_id": "string", "at": "timestamp", "courier": "string", "km": "double"},
            "key": ["trip_id"], "event_time": "at",
        }
    }  # fmt: skip
    assert told["next"][1] == "assay validate"
    assert all((folder / path).is_file() for path in told["written"])
    assert main(["validate", "--conf-dir", "conf/shop", "--env", "shop"]) == 0
    assert capsys.readouterr().out == "shop: 1 sources, 1 feature tables, 1 models, all valid\n"


def test_a_draft_of_a_model_is_valid_once_it_is_renamed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop", "--from", "arrived"]) == 0
    assert "km: a model, as a draft; --label <source>.<column> asks for another" in capsys.readouterr().out
    (draft,) = (folder / "conf/shop/models").iterdir()
    draft.rename(draft.with_suffix(""))
    assert main(["validate", "--conf-dir", "conf/shop", "--env", "shop"]) == 0


@pytest.mark.parametrize("name", ["2nd", "my shop", "a__b", "../up", "env", ""])
def test_a_name_that_no_lakehouse_has_is_refused(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", name, "--from", "arrived"]) == 2
    assert "This cannot be a lakehouse's name." in capsys.readouterr().err
    assert not (folder / "conf").exists()


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_files_is_refused_before_anything_is_written(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    assert main(["init", "shop", "--from", name]) == 3
    assert "assay: There is no " in capsys.readouterr().err
    assert not (folder / "conf").exists()


def test_a_second_time_nothing_is_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop", "--from", "arrived"]) == 0
    (folder / "conf/shop/lakehouse.yml").write_text("mine")
    assert main(["init", "shop", "--from", "arrived"]) == 2
    assert "There is a configuration of this name." in capsys.readouterr().err
    assert (folder / "conf/shop/lakehouse.yml").read_text() == "mine"
