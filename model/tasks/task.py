"""What a kind of label decides: the estimator's objective, what a score is, and how it is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame

Metrics = Mapping[str, float]
"""Metric -> value, of some scored rows; `rows` is always among them. NaN where it cannot be computed."""


@dataclass(frozen=True)
class Task:
    """A kind of label."""

    objective: str
    """XGBoost's objective."""

    loss: str
    """XGBoost's metric that early stopping looks at."""

    main: str
    """The metric that two models are compared by."""

    greater_is_better: bool
    """Of the main metric."""

    probability: bool
    """Whether a score lies between 0 and 1."""

    metrics: tuple[str, ...]
    """What `evaluate` tells beside `rows`."""

    evaluate: Callable[[DataFrame, str], dict[str, Metrics]]
    """Metrics of rows with `label` and the columns of `scored`, per value of the named column."""

    scored: tuple[str, ...] = ("score",)
    """The columns that a row gets by being scored."""
