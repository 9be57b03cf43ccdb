"""Runs of the ledger as events of OpenLineage, for catalogues that show the lineage of many systems.

Names are as its specification has them (openlineage.io/docs/spec/naming): a table is known by where it lies, with its
name in the lakehouse beside it; a model by its name in the registry.
"""

import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from openlineage.client import set_producer
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    dataset_version_dataset,
    error_message_run,
    nominal_time_run,
    processing_engine_run,
    symlinks_dataset,
)
from openlineage.client.serde import Serde
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider
from requests import RequestException

from assay import __version__
from assay.errors import ConfigError
from assay.known import Input
from assay.lakehouse import Lakehouse
from assay.lineage import MODELS, Ran
from assay.redaction import redacted
from assay.whole_file import whole

API_KEY = "OPENLINEAGE_API_KEY"
"""The variable with the key that a server asks for."""
_ENDS = {"done": RunState.COMPLETE, "stopped": RunState.ABORT}
_RUNS = uuid.uuid5(uuid.NAMESPACE_URL, "assay:ops.runs")
"""OpenLineage wants UUIDs. A run's is made of its own id, so that the same run is the same when it is told again."""


def events(lakehouse: Lakehouse, runs: Iterable[Ran]) -> list[RunEvent]:
    """A start and an end of each run, in order of time."""
    set_producer(f"assay/{__version__}")
    found = [event for run in runs for event in _of_run(lakehouse, run)]
    return sorted(found, key=lambda event: event.eventTime)


def send(found: Iterable[RunEvent], to: str) -> None:
    """Write events to a file, a line of JSON each, in the place of what was there; or send them to an `http(s)` server.

    Raises:
        ConfigError: The server did not take one; those before it were taken, and the same may be sent again.
    """
    parts = urlsplit(to)
    if parts.scheme not in ("http", "https"):
        with whole(Path(to.removeprefix("file://"))) as partial:
            partial.write_text("".join(f"{Serde.to_json(event)}\n" for event in found), encoding="utf-8")
        return
    key = os.environ.get(API_KEY)
    config = HttpConfig(url=to, auth=ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({}))
    if parts.path.strip("/"):
        config.url, config.endpoint = f"{parts.scheme}://{parts.netloc}", parts.path
    transport = HttpTransport(config)
    try:
        for event in found:
            transport.emit(event)
    except RequestException as error:
        raise ConfigError(
            "The events of OpenLineage were not taken.", where=redacted(to), found=redacted(str(error)),
            do=f"check the address and, where the server asks for a key, {API_KEY}; then send them again",
        ) from error  # fmt: skip


def _of_run(lakehouse: Lakehouse, run: Ran) -> Iterator[RunEvent]:
    facets: dict[str, RunFacet] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(_instant(run.as_of)),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            lakehouse.spark.version, "spark", openlineageAdapterVersion=run.code
        ),
    }
    of = Run(str(uuid.uuid5(_RUNS, run.run_id)), facets)
    job = Job(lakehouse.name, run.stage)
    yield RunEvent(eventType=RunState.START, eventTime=_instant(run.started_at), run=of, job=job)
    if run.error:
        facets = {**facets, "errorMessage": error_message_run.ErrorMessageRunFacet(run.error, "python")}
    yield RunEvent(
        eventType=_ENDS.get(run.status, RunState.FAIL), eventTime=_instant(run.ended_at), job=job,
        run=Run(of.runId, facets),
        inputs=[
            InputDataset(*_place(lakehouse, each.table), facets=_facets(lakehouse, each))
            for each in dict.fromkeys(each for made in run.made for each in made.inputs)
        ],
        outputs=[
            OutputDataset(*_place(lakehouse, made.table), facets=_facets(lakehouse, Input(made.table, made.version)))
            for made in run.made
        ],
    )  # fmt: skip


def _place(lakehouse: Lakehouse, table: str) -> tuple[str, str]:
    """The namespace and the name of a dataset."""
    if table.startswith(MODELS):
        return "mlflow", f"{lakehouse.name}.{table.removeprefix(MODELS)}"
    parts = urlsplit(lakehouse.tables.path(table))
    if parts.scheme in ("", "file"):
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")


def _facets(lakehouse: Lakehouse, each: Input) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {"version": dataset_version_dataset.DatasetVersionDatasetFacet(str(each.version))}
    if not each.table.startswith(MODELS):
        name = symlinks_dataset.Identifier(lakehouse.name, each.table, "TABLE")
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet([name])
    return facets


def _instant(at: datetime) -> str:
    return at.isoformat()
