"""What a gate is: a function of a candidate under a name, with settings of its own, that says what it found."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, model_validator
from pyspark.sql import DataFrame

from assay.config import Model
from assay.config.base import Config
from model.candidate import Candidate


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict."""

    gate: str
    value: float
    """NaN where there is none."""
    limit: str
    passed: bool
    why: str


@dataclass(frozen=True)
class Found:
    """What a gate found, before it is known under which name it was asked for."""

    value: float
    limit: str
    passed: bool
    why: str
    part: str = ""
    """Which one, of a gate that finds several things."""


class NotJudgedError(Exception):
    """A gate cannot be evaluated, and so has failed: the reason, for people."""


class Settings(Config):
    """What a model's file says of one gate."""

    @property
    def limit(self) -> str:
        """What is asked, for people."""
        return ""

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:
        """Raise ConfigError where the settings do not fit the model.

        Args:
            model: The model.
            name: The gate, as the model's file names it.
            rows: The training set, once there is one: which columns it has.
        """


Number = Annotated[float, Field(strict=True)]
"""A number, and no text or truth value that could be read as one."""


class Limits(Settings):
    """The least and the greatest value that pass."""

    min: Number | None = None
    """The least value that passes."""

    max: Number | None = None
    """The greatest value that passes."""

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a gate needs a limit: min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self

    @property
    def limit(self) -> str:
        """As `at least 0.62`."""
        if self.min is None:
            return f"at most {number(self.max)}"
        return f"at least {number(self.min)}" if self.max is None else f"{number(self.min)} to {number(self.max)}"

    def found(self, value: float, why: str) -> Found:
        """Whether a value lies within the limits; NaN does not."""
        passed = (self.min is None or value >= self.min) and (self.max is None or value <= self.max)
        return Found(value, self.limit, passed and not math.isnan(value), why)


def number(value: float | None) -> str:
    """A limit as it is written: 0.62, 20,000."""
    return f"{value:,.15g}"


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Gate:
    """A registered gate."""

    judge: Callable[[Candidate, Any], Iterable[Found]]
    settings: type[Settings]


GATES: dict[str, Gate] = {}


def gate(
    name: str, settings: type[S]
) -> Callable[[Callable[[Candidate, S], Iterable[Found]]], Callable[[Candidate, S], Iterable[Found]]]:
    """Register a gate.

    Args:
        name: Its name in YAML.
        settings: The model of what may stand below the name.
    """

    def register(function: Callable[[Candidate, S], Iterable[Found]]) -> Callable[[Candidate, S], Iterable[Found]]:
        GATES[name] = Gate(function, settings)
        return function

    return register


def kind_of(name: str) -> str:
    """The gate that `fairness.carrier` names: what follows the dot tells it from another of its kind."""
    return name.partition(".")[0]
