"""Suites that a contract names: a file below the configuration folder, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assay.config import Source
from assay.config.suites import UserSuite
from assay.errors import ConfigError
from silver.user_suites import check_suites

GOOD = {"name": "extra", "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}


def contract(*suites: Any) -> Source:
    return Source.model_validate({
        "name": "readings", "description": "", "from": {"files": "a/*.csv"}, "key": ["id"],
        "columns": {"id": {"type": "int"}}, "expectations": suites,
    })  # fmt: skip


def test_a_suite_is_written_short_or_long() -> None:
    assert contract("gx/extra.json", {"suite": "gx/more.json", "on_fail": "flag"}).expectations == (
        UserSuite(suite="gx/extra.json", on_fail="fail"), UserSuite(suite="gx/more.json", on_fail="flag"),
    )  # fmt: skip


@pytest.mark.parametrize("path", ["../x.json", "/etc/x.json", "a/../x.json", "s3://x/y.json", "x.yml", "a b.json"])
def test_a_suite_may_not_lie_elsewhere(path: str) -> None:
    with pytest.raises(ValidationError, match=r"configuration folder|name of a suite"):
        contract(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "not there"), ("{", "no suite"), ("[]", "no suite"), ('{"expectations": []}', "no suite"),
     ('{"expectations": [{"kwargs": {}}]}', "no suite")],
)  # fmt: skip
def test_a_file_that_is_no_suite_is_refused_before_the_night(tmp_path: Path, content: str | None, what: str) -> None:
    if content is not None:
        (tmp_path / "extra.json").write_text(content)
    with pytest.raises(ConfigError, match=what):
        check_suites(contract("extra.json"), tmp_path)


def test_a_link_out_of_the_folder_and_a_name_used_twice_are_refused(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    (conf / "more").mkdir(parents=True)
    (tmp_path / "outside.json").write_text(json.dumps(GOOD))
    (conf / "extra.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(ConfigError, match="not there"):
        check_suites(contract("extra.json"), conf)
    for path in ("more/extra.json", "inside.json"):
        (conf / path).write_text(json.dumps(GOOD))
    check_suites(contract("more/extra.json", "inside.json"), conf)
    (conf / "extra.json").unlink()
    (conf / "extra.json").write_text(json.dumps(GOOD))
    with pytest.raises(ConfigError, match="one name"):
        check_suites(contract("extra.json", "more/extra.json"), conf)
