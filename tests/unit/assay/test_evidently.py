"""Evidently's page: of every kind of column, and of none that has no value; it needs no network."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assay.errors import ConfigError
from assay.report import evidently
from tests.browser import look

RANDOM = np.random.default_rng(7)


def rows(count: int, shift: float) -> pd.DataFrame:
    number = RANDOM.normal(size=count) + shift
    return pd.DataFrame({
        "drifting": np.where(number > 1.5, np.nan, number),
        "steady": np.tile(np.arange(100.0), count // 100),
        "whole": pd.array([None if n % 9 == 0 else n % 4 for n in range(count)], dtype="Int64"),
        "kind": [None if n % 7 == 0 else "abc"[n % 3] for n in range(count)],
        "truth": [n % 2 == 0 for n in range(count)],
        "day": [date(2013, 3, 1 + n % 5) for n in range(count)],
        "empty": [None] * count,
    })  # fmt: skip


def test_the_page_has_each_column_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    path = tmp_path / "night.html"
    evidently.write(rows(800, 0), rows(400, 2), path)
    html = path.read_text()
    assert all(f'"{name}"' in html for name in ("drifting", "steady", "whole", "kind", "truth", "day"))
    assert '"empty"' not in html
    assert [each.name for each in tmp_path.iterdir()] == ["night.html"]
    assert look(path, tmp_path, width=1100).requested == []


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidently, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="Evidently is not installed") as raised:
        evidently.check_installed()
    assert "assay[evidently]" in raised.value.do
