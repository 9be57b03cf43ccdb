"""Why a prediction is what it is, as plain values: the model, its inputs, and the records that they came from.

`None` always means "not known", never 0. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assay.report import text


@dataclass(frozen=True)
class InputFacts:
    """An input of a prediction: what it was, how far it moved the margin, and how it compares with training."""

    input: str
    value: Any
    contribution: float
    rows: int | None = None
    """Of the training range."""
    missing: int | None = None
    """Of them, those without a value."""
    below: int | None = None
    """Those with a lower value; of an input that is no number, not known."""
    equal: int | None = None
    """Those with the same value."""

    @property
    def standing(self) -> str:
        """Where the value stands among those of the training range, in words."""
        if not self.rows or self.missing is None or self.equal is None:
            return text.NOTHING
        if self.value is None:
            return f"missing, as in {text.share(self.missing / self.rows)}"
        there = self.rows - self.missing
        if not there:
            return "missing in all of them"
        same = f"as in {text.share(self.equal / there)}"
        if self.below is None:
            return same if self.equal else "in none of them"
        if self.equal * 20 >= there:
            return f"above {text.share(self.below / there)}, {same}"
        return f"above {text.share(self.below / there)}"


@dataclass(frozen=True)
class GateFacts:
    """What a gate said of a model version."""

    gate: str
    passed: bool
    why: str


@dataclass(frozen=True)
class PredictionFacts:
    """A prediction of the key, by one version of the model."""

    version: int
    role: str
    """As what it scored the night: `champion` or `challenger`."""
    score: float
    margin: float
    """What the trees add up to: log odds of a probability, the margin of the predicted class, else the score."""
    bias: float
    """The margin when nothing is known of a row; the inputs' contributions lead from it to the margin."""
    is_probability: bool
    run_id: str | None
    """The run in `ops.runs` that scored."""
    trees_sha256: str
    trained_as_of: datetime
    training_table: str
    training_version: int | None
    """Its Delta version."""
    training_rows: int | None
    """Rows of the training range; None where that version can no longer be read."""
    mlflow_run: str
    gates: tuple[GateFacts, ...]
    inputs: tuple[InputFacts, ...]
    """The input that moved the margin most comes first."""
    notes: tuple[str, ...] = ()
    predicted: str | None = None
    """Of several classes, the one that is most probable."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Of several classes, each one's."""

    @property
    def unit(self) -> str:
        """What the margin and the contributions are counted in."""
        if self.predicted is not None:
            return f"margin of {self.predicted}"
        return "log odds" if self.is_probability else "score"

    @property
    def is_log_odds(self) -> bool:
        """Whether a margin alone gives a probability."""
        return self.is_probability and self.predicted is None


@dataclass(frozen=True)
class RecordFacts:
    """A version of a record in silver, and the record in bronze that it was made of."""

    source: str
    key: Mapping[str, Any]
    event_time: datetime | None
    valid_from: datetime
    valid_to: datetime | None
    source_file: str
    source_position: int
    """The line where the record begins, or its number."""
    batch: int
    taken: Mapping[str, str | None] = field(default_factory=dict)
    """Expression -> what features took of it."""
    counts_for: tuple[str, ...] = ()
    """The features that it has a part in."""
    raw: Mapping[str, str | None] | None = None
    """Column -> the text that was delivered; None where bronze no longer has the record."""


@dataclass(frozen=True)
class FeatureFacts:
    """An input that is a feature: how it is worked out, and of how many records."""

    input: str
    told: str
    value: Any
    """In the feature table."""
    records: int | None
    """Of an expression over other features, not known."""


@dataclass(frozen=True)
class LineageFacts:
    """The row of a feature table that a prediction was given, and the records in its windows."""

    table: str
    source: str
    entity: Mapping[str, Any]
    night: datetime | None
    """Its `event_timestamp`; None where the entity had no row."""
    written_at: datetime | None
    version: int | None
    """The Delta version that wrote it."""
    run_id: str | None
    features: tuple[FeatureFacts, ...]
    records: int
    """In any of the windows, with a part in a feature."""
    newest: tuple[RecordFacts, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """All that is known of why a key was given its score on a night."""

    lakehouse: str
    model: str
    description: str
    key: Mapping[str, Any]
    as_of: datetime
    inputs_version: int | None
    """The Delta version of the model's inputs that was scored."""
    predictions: tuple[PredictionFacts, ...]
    request: Mapping[str, str]
    """Input that is worked out from the row itself -> its expression."""
    spine: tuple[RecordFacts, ...]
    """Records of the key itself, in the sources that the model's rows are made of."""
    lineage: tuple[LineageFacts, ...]
