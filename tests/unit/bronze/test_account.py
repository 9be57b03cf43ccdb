"""What was seen is landed, a duplicate, quarantined or waiting: by name, each once."""

from dataclasses import replace
from pathlib import Path

import pytest

from assay.config.load import read_document
from assay.config.source import Source
from assay.errors import TableError
from bronze.account import account
from bronze.delivery import Delivery

CONTRACT = "description: Readings.\nfrom: {files: landing/*}\nkey: [a]\ncolumns: {a: {type: string}}\n"


@pytest.fixture
def deliveries(tmp_path: Path) -> list[Delivery]:
    """One of each status."""
    (tmp_path / "readings.yml").write_text(CONTRACT)
    source = read_document(tmp_path / "readings.yml", Source, name="readings")
    return [
        Delivery(source, "a", "landed", batch=1),
        Delivery(source, "b", "duplicate"),
        Delivery(source, "c", "quarantined"),
        Delivery(source, "d", "waiting"),
    ]


def test_an_account_has_each_delivery_once(deliveries: list[Delivery]) -> None:
    assert account("readings", ["d", "c", "b", "a"], deliveries) == {
        "seen": 4, "landed": 1, "duplicate": 1, "quarantined": 1, "waiting": 1,
    }  # fmt: skip
    assert account("readings", [], []) == {"seen": 0, "landed": 0, "duplicate": 0, "quarantined": 0, "waiting": 0}


def test_what_is_missing_twice_or_astray_does_not_add_up(deliveries: list[Delivery]) -> None:
    landed, *others = deliveries
    for seen, told, where in (
        (["a", "b", "c", "d", "e"], deliveries, "e"),
        (["a", "b", "c"], deliveries, "d"),
        (["a", "b", "c", "d"], [*deliveries, others[0]], "a, b, c, d"),  # the numbers would add up with another seen
        (["a", "b", "c", "d"], [landed, replace(landed), *others[1:]], "b"),  # as many, but not the same
        (["a", "b", "c", "d"], [replace(landed, batch=None), *others], "a"),
        (["a", "b", "c", "d"], [replace(landed, status="lost", batch=None), *others], "a"),
    ):
        with pytest.raises(TableError, match="What was seen of source readings does not add up") as caught:
            account("readings", seen, told)
        assert caught.value.where == where
