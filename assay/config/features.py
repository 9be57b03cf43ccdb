"""A feature table: aggregates of a source's events per entity, as of a time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from assay.config.base import Config, Document, Identifier
from assay.errors import nearest
from assay.times import Duration, format_duration

Category = (
    Annotated[str, Field(pattern=r"^[A-Za-z0-9]+(_[A-Za-z0-9]+)*$", max_length=60)] | bool | Annotated[int, Field(ge=0)]
)
"""A value of a column that may be part of a feature's name."""


@dataclass(frozen=True)
class FeatureColumn:
    """One output column of a feature table: a feature over one window (None: all that was ever known)."""

    name: str
    feature: str
    window: timedelta | None
    by: str | int | bool | None = None
    """The category that it is about, of a feature that is told by category."""


class Feature(Config):
    """One aggregate over one or several windows.

    Written as `{mean: arr_delay, description: …}`: the one key that is no setting names the aggregate, its value
    the SQL expression that it takes. `{expression: late_rate_7d - late_rate_28d}` is worked out from the table's other
    features instead.
    """

    aggregate: str
    """A registered aggregate, or `expression`."""

    argument: str
    """A column or a SQL expression over the source's columns; `*` for count. Of `expression`: over the features that
    stand before it, by their full names."""

    description: str
    """What the feature means, for people."""

    unit: str = ""
    """Unit of the value, for people."""

    where: str | None = None
    """A SQL condition: only events for which it holds are taken."""

    windows: tuple[Duration, ...] | None = None
    """Windows that end at the as_of; the feature is named `<name>_<window>`. The table's by default."""

    within: Duration | Literal["lifetime"] | None = None
    """One window (or all that was ever known) without a suffix in the name; for last values, mostly."""

    by: dict[Identifier, Annotated[tuple[Category, ...], Field(min_length=1)]] | None = None
    """A column of the source and some of its values: a feature for each, named `<name>_<value>`, of the rows that have it."""

    q: float | None = Field(default=None, ge=0, le=1)
    """Of quantile: the share of the values that is not above it; 0.5 is the median."""

    k: int | None = Field(default=None, ge=1)
    """Of top_share: how many values are the most frequent ones."""

    half_life: Duration | None = None
    """Of decayed_sum: the time in which the weight of a value halves."""

    @model_validator(mode="before")
    @classmethod
    def _aggregate_key(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "aggregate" in data:
            return data
        settings = {name for name in cls.model_fields if name not in ("aggregate", "argument")}
        others = [key for key in data if key not in settings]
        if len(others) != 1:
            wrong = next((key for key in others if "did you mean" in nearest(str(key), settings)), None)
            hint = f"{wrong!r}: {nearest(str(wrong), settings)}" if wrong else "as in {mean: arr_delay}"
            raise PydanticCustomError(
                "aggregate", "a feature names exactly one aggregate, found {found}; {hint}",
                {"found": ", ".join(map(str, others)) or "none", "hint": hint},
            )  # fmt: skip
        rest = {key: value for key, value in data.items() if key != others[0]}
        return {**rest, "aggregate": others[0], "argument": str(data[others[0]])}

    @model_validator(mode="after")
    def _one_kind_of_window(self) -> Self:
        if self.windows is not None and self.within is not None:
            raise ValueError("windows and within exclude each other")
        given = (self.where, self.windows, self.within, self.by, self.q, self.k, self.half_life)
        if self.is_expression and any(setting is not None for setting in given):
            raise ValueError(
                "an expression has no where, windows, within, by, q, k or half_life: its features have them"
            )
        if self.by is not None and len(self.by) != 1:
            raise ValueError("by names one column: {by: {origin: [EWR, JFK]}}")
        return self

    @property
    def is_expression(self) -> bool:
        """Whether it is worked out from other features of its table."""
        return self.aggregate == "expression"


class FeatureTable(Document):
    """Features of one entity from one source, a row per (entity, `event_timestamp`)."""

    name: Identifier
    """The file's name without `.yml`."""

    description: str
    """What the table tells, for people."""

    entity: dict[Identifier, tuple[Identifier, ...]]
    """The entity's name and its key columns in the source: `{route: [origin, dest]}`."""

    source: Identifier
    """The source whose rows are aggregated."""

    delay: Duration = Field(default=timedelta(0))
    """Windows end this long before the as_of, for events that become known late: `[as_of - delay - w, as_of - delay)`
    of event time."""

    windows: tuple[Duration, ...] = ()
    """Windows of every feature that names none."""

    features: dict[Identifier, Feature]
    """The features, by name."""

    @field_validator("entity")
    @classmethod
    def _one_entity(cls, entity: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if len(entity) != 1 or not next(iter(entity.values())):
            raise ValueError("a feature table has one entity, with at least one key column: {carrier: [carrier]}")
        return entity

    @model_validator(mode="after")
    def _windows_known(self) -> Self:
        if not self.aggregated:
            raise ValueError("a feature table has at least one aggregate: {flights: {count: '*', description: …}}")
        for name, feature in self.features.items():
            if feature.within is None and not feature.is_expression and not (feature.windows or self.windows):
                raise ValueError(f"feature {name!r} has no window: give windows here or for the table, or within")
        columns = [column.name for column in self.output]
        if twice := {name for name in columns if columns.count(name) > 1}:
            raise ValueError(f"features named twice: {', '.join(sorted(twice))}")
        if clash := set(columns) & {*self.keys, "event_timestamp", "created_timestamp"}:
            raise ValueError(f"features named like a key or a time column: {', '.join(sorted(clash))}")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """The entity's key columns."""
        return next(iter(self.entity.values()))

    @property
    def output(self) -> tuple[FeatureColumn, ...]:
        """The feature columns, in order: one per feature, category and window."""
        columns: list[FeatureColumn] = []
        for name, feature in self.features.items():
            categories: tuple[str | int | bool | None, ...] = next(iter(feature.by.values())) if feature.by else (None,)
            for category in categories:
                told = name if category is None else f"{name}_{str(category).lower()}"
                if feature.within is not None or feature.is_expression:
                    window = feature.within if isinstance(feature.within, timedelta) else None
                    columns.append(FeatureColumn(told, name, window, category))
                else:
                    windows = feature.windows or self.windows
                    columns += [FeatureColumn(f"{told}_{format_duration(w)}", name, w, category) for w in windows]
        return tuple(columns)

    @property
    def aggregated(self) -> tuple[FeatureColumn, ...]:
        """The feature columns that are worked out from the source's rows."""
        return tuple(column for column in self.output if not self.features[column.feature].is_expression)
