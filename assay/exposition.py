"""A night's numbers as metrics of Prometheus: gauges that a night writes to a file at its end, and a server of that file.

A night is no process that lives between two scrapes, so that there is nothing to count up: all are gauges, of the last
night. Times are of the wall clock, in seconds since 1970.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Metric, start_http_server, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from assay import __version__
from assay.printable import printable
from assay.redaction import redacted
from assay.report.night import StageRow

STATUS = {"ok": 0, "warn": 1, "bad": 2, "unknown": -1}
"""How the status of what is watched stands in a metric."""
FATES = ("landed", "accepted", "quarantined", "duplicates")
LONGEST = 200
"""Characters of a label's value."""


@dataclass(frozen=True)
class Watched:
    """What was watched of a night: a row of `ops.watch`."""

    subject: str
    monitor: str
    name: str
    status: str
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Facts:
    """What there is to tell of the last night."""

    lakehouse: str
    as_of: datetime
    at: datetime
    """When it was told."""
    stages: Sequence[StageRow] = ()
    successes: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """Stage and model -> when it was done last, for whichever night."""
    sources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Source -> fate of its rows -> how many."""
    versions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Model and role -> the version that scored."""
    watched: Sequence[Watched] = ()
    open_problems: Mapping[str, int] | None = None
    """Severity -> how many; None where nobody is told of problems."""


@dataclass(frozen=True, eq=False)
class Told(Collector):
    """Facts as metrics."""

    facts: Facts

    def collect(self) -> Iterator[Metric]:
        """The metrics, in order."""
        yield from (_gauge(self.facts.lakehouse, *given) for given in _of_night(self.facts))
        yield from (_gauge(self.facts.lakehouse, *given) for given in _of_stages(self.facts))
        yield from (_gauge(self.facts.lakehouse, *given) for given in _of_watch(self.facts))


Given = tuple[str, str, Sequence[str], Iterable[tuple[Sequence[str], float | None]]]
"""Name without `assay_`, help, labels, and values by label; None is told nowhere."""


def _of_night(facts: Facts) -> Iterator[Given]:
    yield "build_info", "The version of assay that wrote this.", ["version"], [((__version__,), 1)]
    yield "metrics_written_timestamp_seconds", "When this was written: at the end of a night.", [], [((), facts.at.timestamp())]  # fmt: skip
    yield "night_as_of_timestamp_seconds", "The as_of of the last night.", [], [((), facts.as_of.timestamp())]
    yield (
        "night_success", "Whether no stage of the last night failed or was stopped.", [],
        [((), float(bool(facts.stages) and all(one.status in ("done", "skipped") for one in facts.stages)))],
    )  # fmt: skip
    yield (
        "source_rows", "Rows that a source brought in the last night, by what became of them.", ["source", "fate"],
        [((source, fate), rows.get(fate, 0)) for source, rows in facts.sources.items() for fate in FATES],
    )  # fmt: skip
    yield (
        "model_info", "The version of a model that scored the last night, by role.", ["model", "role", "version"],
        [((model, role, str(version)), 1) for (model, role), version in facts.versions.items()],
    )  # fmt: skip
    counts = facts.open_problems
    yield (
        "alerts_open", "Problems that are open, by severity.", ["severity"],
        [((one,), counts.get(one, 0)) for one in ("bad", "warn")] if counts is not None else [],
    )  # fmt: skip


def _of_stages(facts: Facts) -> Iterator[Given]:
    def each(values: Iterable[float | None]) -> list[tuple[Sequence[str], float | None]]:
        return [((one.stage, one.model or ""), value) for one, value in zip(facts.stages, values, strict=True)]

    labels, stages = ["stage", "model"], facts.stages
    yield "stage_success", "Whether a stage was done in the last night.", labels, each(float(one.status in ("done", "skipped")) for one in stages)  # fmt: skip
    yield "stage_duration_seconds", "How long a stage took in the last night.", labels, each(one.seconds for one in stages)  # fmt: skip
    yield "stage_rows_in", "Rows that a stage was given in the last night.", labels, each(one.rows_in for one in stages)
    yield "stage_rows_out", "Rows that a stage made in the last night.", labels, each(one.rows_out for one in stages)
    yield "stage_spark_jobs", "Spark jobs of a stage in the last night.", labels, each(one.spark_jobs for one in stages)
    yield "stage_cpu_seconds", "CPU time that a stage took in the last night.", labels, each(one.cpu_seconds for one in stages)  # fmt: skip
    yield "stage_shuffle_bytes", "Bytes that a stage sent through shuffles in the last night.", labels, each(one.shuffle_bytes for one in stages)  # fmt: skip
    yield "stage_files_written", "Files that a stage wrote into tables in the last night.", labels, each(one.files_written for one in stages)  # fmt: skip
    yield (
        "stage_last_success_timestamp_seconds", "When a stage was done last, for whichever night.", labels,
        [(key, at.timestamp()) for key, at in facts.successes.items()],
    )  # fmt: skip


def _of_watch(facts: Facts) -> Iterator[Given]:
    labels = ["subject", "monitor", "name"]
    keys = [(one.subject, one.monitor, one.name) for one in facts.watched]
    for name, about, values in (
        ("watch_value", "What was watched of the last night: drift, volume, realised quality.", [one.value for one in facts.watched]),
        ("watch_limit", "Where what is watched begins to be bad.", [one.limit for one in facts.watched]),
        ("watch_status", "How it stands: 0 ok, 1 warn, 2 bad, -1 unknown.", [STATUS.get(one.status, -1) for one in facts.watched]),
    ):  # fmt: skip
        yield name, about, labels, list(zip(keys, values, strict=True))


def _gauge(
    lakehouse: str, name: str, about: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float | None]]
) -> Metric:
    family = GaugeMetricFamily(f"assay_{name}", about, labels=["lakehouse", *labels])
    for key, value in values:
        if value is not None:
            family.add_metric([lakehouse, *(printable(redacted(text))[:LONGEST] for text in key)], value)
    return family


def write(facts: Facts, path: Path) -> None:
    """Write the metrics to a file in one step: who reads it has the ones of before, or all of these."""
    path.parent.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    registry.register(Told(facts))
    write_to_textfile(str(path), registry)


@dataclass(frozen=True, eq=False)
class Written(Collector):
    """The metrics of a file."""

    path: Path

    def collect(self) -> Iterator[Metric]:
        """What stands there now; nothing before the first night, which the rule AssayNightMissing tells."""
        if self.path.exists():
            yield from text_string_to_metric_families(self.path.read_text(encoding="utf-8"))


def serve(path: Path, host: str, port: int) -> tuple[WSGIServer, Thread]:
    """Serve a file's metrics over HTTP: it is read at each scrape, and nothing else is.

    Args:
        path: The file that nights write.
        host: The address to listen at.
        port: The port; 0 for any.

    Returns:
        The server, and the thread that it runs in.
    """
    registry = CollectorRegistry()
    registry.register(Written(path))
    return start_http_server(port, host, registry)
