"""A folder that a test fills with files, and what is proposed for it."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from jobs.begin.files import groups_of
from jobs.begin.propose import Proposal, _proposed, propose
from jobs.begin.source import Proposed

Deliver = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Puts files into a folder; those whose texts are given."""

    def put(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / "arrived" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return tmp_path / "arrived"

    return put


@pytest.fixture
def source_of(deliver: Deliver) -> Callable[..., Proposed]:
    """What is proposed for the files of one source; `written` says when each of them was."""

    def look(files: Mapping[str, str], written: Callable[[str], datetime] | None = None) -> Proposed:
        folder = deliver(files)
        if written is not None:
            for name in files:
                os.utime(folder / name, (written(name).timestamp(),) * 2)
        ((group,), _) = groups_of(folder)
        with duckdb.connect() as connection:
            return _proposed(connection, folder, group)

    return look


@pytest.fixture
def proposal_of(deliver: Deliver) -> Callable[..., Proposal]:
    """What is proposed for files of any sources."""

    def look(files: Mapping[str, str], label: str | None = None) -> Proposal:
        return propose(deliver(files), "shop", label)

    return look
