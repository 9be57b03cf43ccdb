"""What a contract says of batches that are unlike the ones before."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from assay.config.base import Config, Identifier
from assay.config.checks import Share


class Baseline(Config):
    """The last good nights that a source's new records are compared with. A batch that is unlike them stops.

    A batch that brings what several nights would have landed is compared night by night.
    """

    nights: int = Field(default=28, ge=3, le=400)
    """The last good nights that a night is compared with."""

    at_least: int = Field(default=14, ge=3)
    """With fewer nights known nothing is compared, and the run says so."""

    same_weekday: bool = False
    """Compare a night with nights of the same weekday alone."""

    tolerance: float = Field(default=6, gt=0, le=100)
    """How far a number may be from the median of those nights, in robust standard deviations: 1.4826 times the median
    distance from the median, or half the second greatest distance where that is more."""

    floors: dict[str, Share] = {}
    """Metric -> the least difference that can stop a batch, such as `{rows: 40%, nulls: 2%}`, where it is not the
    metric's own."""

    columns: dict[Identifier, tuple[str, ...]] = {}
    """Column -> the metrics it is measured by, where they are not all that there are for its type. A number in the key
    has no mean, stddev and quantiles unless they are named here."""

    ignore: tuple[Identifier, ...] = ()
    """Columns that are not measured."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.at_least > self.nights:
            raise ValueError(f"at_least {self.at_least} is above nights {self.nights}")
        return self

    @property
    def remembered(self) -> int:
        """How many nights back the nights can lie that a night is compared with."""
        return self.nights * (7 if self.same_weekday else 1)


def _written(value: Any) -> Any:
    """`baseline:` with nothing behind it means all defaults; it is off where it is not written."""
    return {} if value is None else value


OptionalBaseline = Annotated[Baseline | None, BeforeValidator(_written)]
