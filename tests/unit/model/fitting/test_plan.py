"""How much memory a training may take."""

from pathlib import Path

import psutil
import pytest

from model.fitting.plan import free_memory


def test_free_memory_is_what_a_container_s_limit_leaves(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("30000000\n")
    (tmp_path / "memory.current").write_text("25000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 15000000\n")
    assert free_memory(tmp_path) == 20_000_000
    (tmp_path / "memory.max").write_text("5000000\n")
    assert free_memory(tmp_path) == 0


@pytest.mark.parametrize("limit", [None, "max\n"])
def test_free_memory_is_the_machine_s_where_nothing_limits_it(tmp_path: Path, limit: str | None) -> None:
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    assert free_memory(tmp_path) == pytest.approx(psutil.virtual_memory().available, rel=0.2)
