"""Data Docs of a Great Expectations project, built in time that does not grow with the nights before.

The library's own renderers and templates write what the pages say; around them goes a frame of ours,
because the library's frame loads style sheets and scripts from the internet, shows raw values unescaped,
and its site builder reads every result that was ever stored. Our pages need no network and no script, and
only those of the batches given are written. The index lists the newest batches of every source; older
pages stay where they are.

A project folder, which `gx.get_context(context_root_dir=...)` opens:

    great_expectations.yml
    expectations/<source>.json
    validations/<source>/<run>/<as_of>/<batch>.json
    data_docs/index.html, index.json (what the index lists), and a page per suite and validation result
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from silver.data_docs_frame import FRAME, view

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
    from great_expectations.data_context.store import ExpectationsStore, ValidationResultsStore
    from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier

INDEXED_PER_SOURCE = 50
"""The index lists this many of the newest batches of every source."""

_STORES = {
    "expectations_store": ("ExpectationsStore", "expectations"),
    "validation_results_store": ("ValidationResultsStore", "validations"),
    "checkpoint_store": ("CheckpointStore", "checkpoints"),
    "validation_definition_store": ("ValidationDefinitionStore", "validation_definitions"),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """What the index says of one batch.

    Attributes:
        checks: How many checks there were.
        failing: Label and failed rows of each check that failed.
        page: The batch's page, relative to the index.
    """

    lakehouse: str
    source: str
    description: str
    batch: int
    as_of: datetime
    run_id: str
    rows: int
    checks: int
    failing: tuple[tuple[str, int], ...]
    page: str = ""

    @property
    def age(self) -> tuple[datetime, int]:
        """Sorts the entries of a source from the oldest to the newest; of two that have the same the later run's counts."""
        return (self.as_of, self.batch)


@dataclass(frozen=True)
class Page:
    """One batch to publish: its line in the index, its suite and its validation result."""

    entry: Entry
    suite: "ExpectationSuite"
    validation: "ExpectationSuiteValidationResult"


def write(root: Path, pages: Sequence[Page]) -> Path:
    """Store suites and validation results, write their pages and the index.

    Writes nothing outside `root` and replaces what was written for the same source, batch and run.

    Returns:
        Path of the index.
    """
    root = root.resolve()
    site = root / "data_docs"
    suites, validations = _stores(root)
    entries = []
    latest: dict[str, Page] = {}
    for page in sorted(pages, key=lambda page: page.entry.age):
        identifier = _identifier(page.entry)
        entry = replace(page.entry, page="/".join(["validations", *identifier.to_tuple()]) + ".html")
        validations.set(identifier, page.validation)
        _write(site / entry.page, _validation_page(entry, page.validation))
        entries.append(entry)
        latest[entry.source] = page
    for page in latest.values():
        suites.set(_identifier(page.entry).expectation_suite_identifier, page.suite)
        _write(site / _suite_page_of(page.entry.source), _suite_page(page.entry, page.suite))
    _write_index(site, entries)
    return site / "index.html"


def _stores(root: Path) -> tuple["ExpectationsStore", "ValidationResultsStore"]:
    """The project's stores, opened without a data context, which would become the whole process's project."""
    from great_expectations.data_context.store import ExpectationsStore, ValidationResultsStore

    backends = {
        name: {
            "class_name": "TupleFilesystemStoreBackend",
            "suppress_store_backend_id": True,
            "base_directory": f"{folder}/",
        }
        for name, (_, folder) in _STORES.items()
    }
    project = root / "great_expectations.yml"
    if not project.exists():
        settings = {
            "config_version": 4.0,
            "analytics_enabled": False,
            "stores": {
                name: {"class_name": kind, "store_backend": backends[name]} for name, (kind, _) in _STORES.items()
            },
            "expectations_store_name": "expectations_store",
            "validation_results_store_name": "validation_results_store",
            "checkpoint_store_name": "checkpoint_store",
            "data_docs_sites": {},
        }
        _write(project, json.dumps(settings, indent=2) + "\n")  # JSON is YAML
    at = {"root_directory": str(root)}
    return (
        ExpectationsStore(store_backend=dict(backends["expectations_store"]), runtime_environment=at),
        ValidationResultsStore(store_backend=dict(backends["validation_results_store"]), runtime_environment=at),
    )


def _identifier(entry: Entry) -> "ValidationResultIdentifier":
    """Where a batch's validation result is stored; made of the entry alone, so that a rerun meets it."""
    from great_expectations.core import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run_name = re.sub(r"[^\w.=-]+", "-", entry.run_id).lstrip(".") or "-"
    return ValidationResultIdentifier(
        ExpectationSuiteIdentifier(entry.source),
        RunIdentifier(run_name=run_name, run_time=entry.as_of),
        str(entry.batch),
    )


def _suite_page_of(source: str) -> str:
    return f"expectations/{source}.html"


def _validation_page(entry: Entry, validation: "ExpectationSuiteValidationResult") -> str:
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    document = ValidationResultsPageRenderer().render(validation)
    return _render(document, entry, home="../" * entry.page.count("/"))


def _suite_page(entry: Entry, suite: "ExpectationSuite") -> str:
    from great_expectations.render.renderer import ExpectationSuitePageRenderer

    return _render(ExpectationSuitePageRenderer().render(suite), entry, home="../")


def _render(document: object, entry: Entry, home: str) -> str:
    text = view().render(document, template=FRAME, entry=entry, home=home, suite=_suite_page_of(entry.source))
    return str(text)


def _write_index(site: Path, entries: Iterable[Entry]) -> None:
    """Bring the index up to date: what it listed and the new entries, the newest of every source."""
    listed = {(entry.source, *entry.age): entry for entry in [*_read_index(site), *entries]}
    by_source = groupby(
        sorted(listed.values(), key=lambda entry: (entry.source, *entry.age)), lambda entry: entry.source
    )
    kept = {source: list(group)[-INDEXED_PER_SOURCE:] for source, group in by_source}
    newest = sorted((entry for group in kept.values() for entry in group), key=lambda entry: entry.source)
    newest.sort(key=lambda entry: entry.age, reverse=True)
    latest = [(group[-1], _suite_page_of(source)) for source, group in kept.items()]
    page = view().env.get_template(FRAME).render(latest=latest, entries=newest, home="")
    _write(site / "index.json", json.dumps([asdict(entry) for entry in newest], default=str))
    _write(site / "index.html", page)


def _read_index(site: Path) -> list[Entry]:
    path = site / "index.json"
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text("utf-8"))
        return [
            Entry(
                **{
                    **each,
                    "as_of": datetime.fromisoformat(each["as_of"]),
                    "failing": tuple((label, failed) for label, failed in each["failing"]),
                }
            )
            for each in found
        ]
    except (ValueError, TypeError, KeyError) as error:
        logger.warning("the list of earlier batches in %s cannot be read and starts anew: %s", path, error)
        return []


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, "utf-8")
    partial.replace(path)
