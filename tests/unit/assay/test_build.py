"""What an installation says it is made of."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from assay import build


def test_commit_is_that_of_the_checkout_or_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    build.commit.cache_clear()
    found = build.commit()
    if (Path(build.__file__).parents[1] / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{40}\+?", found or "")
    else:
        assert found is None
    monkeypatch.setenv("ASSAY_COMMIT", "abc123")
    build.commit.cache_clear()
    assert build.commit() == "abc123"
    build.commit.cache_clear()


def test_packages_hash_changes_with_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build.packages()["pyspark"] == version("pyspark")
    before = build.packages_hash()
    monkeypatch.setattr(build, "packages", lambda: {"pyspark": "0.1"})
    assert re.fullmatch("[0-9a-f]{12}", before)
    assert build.packages_hash() != before
