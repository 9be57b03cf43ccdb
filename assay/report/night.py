"""What a night's report shows, as plain values: the caller fills these from the tables.

Counts are rows unless a field says otherwise, shares are fractions between 0 and 1, durations are
seconds, and times are UTC (a naive time is taken as UTC). `None` always means "not known", never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from assay.config.environment import Prices
from assay.report.text import of_model

Level = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class Verdict:
    """Whether the night can be trusted, and why: one sentence per reason."""

    level: Level
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageRow:
    """One stage of the night, in the order in which it ran."""

    stage: str
    status: str
    """`done`, `failed` or `skipped`; anything else is shown as it is."""
    seconds: float | None
    spark_jobs: int | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    error: str | None = None
    model: str | None = None
    """Whose run it is, where the lakehouse has several models."""
    cpu_seconds: float | None = None
    shuffle_bytes: int | None = None
    files_written: int | None = None

    @property
    def told(self) -> str:
        """Its name, as `score` or `score of late_arrival`."""
        return of_model(self.stage, self.model)


@dataclass(frozen=True)
class FeedRow:
    """What one source delivered for the night; `landed` must equal the sum of the next three."""

    source: str
    files: int
    landed: int
    accepted: int
    quarantined: int
    duplicates: int
    available_at: datetime | None = None
    """The newest available time known of the source."""
    days_of_last_seven: int = 0
    """On how many of the seven days before the night's last the source had delivered something."""

    @property
    def unaccounted(self) -> int:
        """Landed rows that are neither accepted, quarantined nor duplicates: 0 on a sound night."""
        return self.landed - self.accepted - self.quarantined - self.duplicates


@dataclass(frozen=True)
class RejectRow:
    """How many rows of a source one check rejected; a row with two reasons counts under both."""

    source: str
    check: str
    column: str | None
    rows: int
    example: str | None = None
    """One rejected value as it came; `None` where the value was missing."""


@dataclass(frozen=True)
class FeatureRow:
    """One feature table as computed for the night."""

    table: str
    rows: int
    """One per entity."""


@dataclass(frozen=True)
class AuditRow:
    """The newest audit of a kind, of this night or one before."""

    audit: str
    """`replay` or `leaks`."""
    as_of: datetime
    status: str
    """`done` or `failed`."""
    rows: int | None = None
    values: int | None = None
    """Values compared."""
    known_before: float | None = None
    """Hours between the newest record in a row's features and the row's time: the least of all."""
    error: str | None = None
    model: str | None = None
    """Whose inputs it is of, where the lakehouse has several models."""

    @property
    def told(self) -> str:
        """Its name, as `replay` or `replay of late_arrival`."""
        return of_model(self.audit, self.model)


@dataclass(frozen=True)
class WatchRow:
    """What a monitor found of one thing, and what it had found on the nights before."""

    subject: str
    """`feed:weather`, `features:late_arrival`, `model:late_arrival` or `stage:silver`."""
    monitor: str
    name: str
    """The column, slice or metric; empty where the subject says it all."""
    status: str
    """`ok`, `warn`, `bad` or `unknown`."""
    why: str
    value: float | None = None
    expected: float | None = None
    limit: float | None = None
    past: tuple[float | None, ...] = ()
    """The value on the last nights that were watched, in order of time; this night's is the last."""


@dataclass(frozen=True)
class GateRow:
    """One gate that the model had to pass."""

    gate: str
    value: float | None
    limit: str
    passed: bool
    why: str = ""


@dataclass(frozen=True)
class Scores:
    """Distribution of the night's scores: `len(edges) == len(counts) + 1`, edges ascending.

    Raises:
        ValueError: the edges do not fit the counts.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    rows: int
    """Rows scored."""

    def __post_init__(self) -> None:
        if self.counts and len(self.edges) != len(self.counts) + 1:
            raise ValueError(
                f"Scores: found {len(self.edges)} edges for {len(self.counts)} counts, "
                f"expected {len(self.counts) + 1}: pass both ends of every bin"
            )
        if any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError(f"Scores: edges must ascend, found {self.edges}")


@dataclass(frozen=True)
class CalibrationBin:
    """Rows with about the same score over the realised nights: predicted against what happened."""

    mean_score: float
    actual_rate: float
    rows: int


@dataclass(frozen=True)
class NightQuality:
    """How the scores of one night turned out; `auc` is `None` where only one class occurred."""

    as_of: datetime
    rows: int
    auc: float | None
    baseline_auc: float | None = None
    log_loss: float | None = None


@dataclass(frozen=True)
class ChallengeRow:
    """Champion and challenger over the rows of a night that both have scored and whose outcome is known."""

    as_of: datetime | None
    """`None` for all nights together."""
    rows: int
    champion: float | None
    challenger: float | None
    versions: tuple[str, str]
    """Which versions had the roles."""


@dataclass(frozen=True)
class Challenge:
    """A challenger that scores in the champion's shadow."""

    version: int
    metric: str
    greater_is_better: bool
    nights: tuple[ChallengeRow, ...] = ()
    """Oldest first, then all together; empty as long as no outcome is known."""

    @property
    def ahead(self) -> int:
        """On how many nights the challenger was better."""
        better = [n.challenger > n.champion if self.greater_is_better else n.challenger < n.champion
                  for n in self.nights if n.as_of and n.champion is not None and n.challenger is not None]  # fmt: skip
        return sum(better)


@dataclass(frozen=True)
class Refused:
    """A training of the night that its gates did not let pass: another version scores."""

    version: int
    gates: tuple[GateRow, ...]
    """Those that it did not pass."""

    @property
    def names(self) -> str:
        """The gates' names."""
        return ", ".join(gate.gate for gate in self.gates)


@dataclass(frozen=True)
class ModelBlock:
    """A model of the lakehouse: the version that scored the night, and how it did."""

    name: str
    version: int | str | None
    """`None` where no version was in use."""
    trained_as_of: datetime | None
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """split -> metric -> value, as `{"holdout": {"auc": 0.69}}`."""
    gates: tuple[GateRow, ...] = ()
    baseline: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """The same shape as `metrics`, of the baseline that the model has to beat."""
    challenger: int | None = None
    """The version that scored in its shadow."""
    scores: Scores | None = None
    challenge: Challenge | None = None
    training_page: str | None = None
    """Address of the page of its training, relative to this one."""
    refused: Refused | None = None


@dataclass(frozen=True)
class HistoryNight:
    """One night in the history of the lakehouse."""

    as_of: datetime
    landed: int | None
    quarantined: int | None
    seconds: float | None
    verdict: Verdict | None = None
    """What its page says, where that is on record."""


@dataclass(frozen=True)
class NightReport:
    """Everything on the page. Only the first group is required: the rest may be empty or `None`."""

    lakehouse: str
    description: str
    as_of: datetime
    run_id: str
    generated_at: datetime
    verdict: Verdict

    stages: tuple[StageRow, ...] = ()
    feeds: tuple[FeedRow, ...] = ()
    rejects: tuple[RejectRow, ...] = ()
    feature_tables: tuple[FeatureRow, ...] = ()
    audits: tuple[AuditRow, ...] = ()
    models: tuple[ModelBlock, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    realised: tuple[NightQuality, ...] = ()
    """The nights scored whose outcomes are known."""
    history: tuple[HistoryNight, ...] = ()
    """Of about a year, also of nights after this one: the page shows the last month before it, and the index all."""
    watch: tuple[WatchRow, ...] = ()
    """What was watched; empty as long as nobody has watched the night."""
    prices: Prices | None = None
    """What CPU time costs, where the environment says so."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Name -> address, as `{"Data Docs": "../docs/index.html"}`; relative to the page, or a URL."""

    @property
    def seconds(self) -> float:
        """Seconds spent in all stages."""
        return sum(stage.seconds or 0.0 for stage in self.stages)

    @property
    def cpu_seconds(self) -> float | None:
        """CPU seconds of the stages of which they are known."""
        known = [stage.cpu_seconds for stage in self.stages if stage.cpu_seconds is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> tuple[float, float | None] | None:
        """What the night is estimated to have cost, and that for a million of the rows that landed."""
        if self.prices is None or self.cpu_seconds is None:
            return None
        cost, landed = self.prices.of(self.cpu_seconds), sum(feed.landed for feed in self.feeds)
        return cost, cost / landed * 1e6 if landed else None
