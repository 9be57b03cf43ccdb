"""A gate on how fast a model scores on this machine: trees that are too many are found here, not at night."""

import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from model.candidate import Candidate
from model.gates.gate import Found, Number, Settings, gate, number
from model.gates.rows import brought, holdout_metrics, sample, split_of
from model.split import HOLDOUT

BATCH = 10_000
"""Rows that are scored at once; of a smaller holdout the rows are repeated."""

REPEATS = 5
SINGLE_ROWS = 200


class Speed(Settings):
    """How fast a model must score, by one thread of this machine."""

    rows_per_second: Annotated[Number, Field(gt=0)] | None = None
    """The least rows a second, in batches of 10,000: the median of five after one to warm up."""

    latency_ms: Annotated[Number, Field(gt=0)] | None = None
    """The most milliseconds for one row by itself, of which 95% of 200 stay below."""

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.rows_per_second is None and self.latency_ms is None:
            raise ValueError("a gate needs a limit: rows_per_second, latency_ms or both")
        return self

    @property
    def limit(self) -> str:
        """As `at least 10,000 rows/s, at most 50 ms`."""
        rows = f"at least {number(self.rows_per_second)} rows/s" if self.rows_per_second else ""
        latency = f"at most {number(self.latency_ms)} ms" if self.latency_ms else ""
        return ", ".join(filter(None, (rows, latency)))


@gate("speed", Speed)
def speed(candidate: Candidate, settings: Speed) -> Iterable[Found]:
    """Rows a second in batches, and milliseconds for one row, by one thread of this machine: rows as numbers in, scores out."""
    share = BATCH / holdout_metrics(candidate)["rows"]
    rows = sample(split_of(candidate, HOLDOUT), [*candidate.model.key, "as_of"], share)
    table = brought(rows, candidate.artifact.inputs.columns())
    numbers = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float32)
    score = _scorer(candidate)
    if settings.rows_per_second is not None:
        yield _batches(score, numbers, settings.rows_per_second)
    if settings.latency_ms is not None:
        yield _single(score, numbers, settings.latency_ms)


def _scorer(candidate: Candidate) -> Callable[[NDArray[np.float32]], object]:
    import xgboost as xgb

    trees = candidate.artifact
    booster = xgb.Booster(params={"nthread": 1})
    booster.load_model(bytearray(trees.booster))
    types, counted = trees.inputs.types, trees.rounds

    def score(numbers: NDArray[np.float32]) -> object:
        data = xgb.DMatrix(numbers, feature_types=types, enable_categorical=True, nthread=1)
        return booster.predict(data, iteration_range=counted, validate_features=False)

    return score


def _batches(score: Callable[[NDArray[np.float32]], object], numbers: NDArray[np.float32], least: float) -> Found:
    batch = np.resize(numbers, (BATCH, numbers.shape[1]))
    score(batch)
    value = BATCH / median(_seconds(score, [batch] * REPEATS))
    why = f"{value:,.0f} rows a second by one thread, the median of {REPEATS} batches of {BATCH:,}"
    return Found(value, f"at least {number(least)} rows/s", value >= least, why, "rows_per_second")


def _single(score: Callable[[NDArray[np.float32]], object], numbers: NDArray[np.float32], most: float) -> Found:
    rows = np.resize(numbers, (SINGLE_ROWS, numbers.shape[1]))
    score(rows[:1])
    value = 1000 * float(np.quantile(list(_seconds(score, [rows[at : at + 1] for at in range(SINGLE_ROWS)])), 0.95))
    why = f"one row takes {value:.2f} ms or less in 95 of 100 cases"
    return Found(value, f"at most {number(most)} ms", value <= most, why, "latency_ms")


def _seconds(score: Callable[[NDArray[np.float32]], object], batches: Iterable[NDArray[np.float32]]) -> Iterator[float]:
    for batch in batches:
        start = time.perf_counter()
        score(batch)
        yield time.perf_counter() - start
