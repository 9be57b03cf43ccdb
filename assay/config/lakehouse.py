"""A lakehouse: one folder under `conf/` with its sources, features and models."""

from datetime import time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from assay.config.base import Config, Document, Identifier
from assay.config.features import FeatureTable
from assay.config.model import Model
from assay.config.source import Source
from assay.paths import below
from assay.times import Duration, TimeZone


def _night(text: object) -> object:
    if not isinstance(text, (str, time)):
        raise ValueError('a time of day is written in quotes, "19:30 UTC": YAML reads it as a number otherwise')  # noqa: TRY004  # pydantic's word for it
    return text.removesuffix(" UTC") if isinstance(text, str) else text


def _utc(value: time) -> time:
    if value.utcoffset():
        raise ValueError('a night is told in UTC, as in "19:30 UTC"')
    return value.replace(tzinfo=None)


class Night(Config):
    """When the nightly run is meant to see the world."""

    as_of: Annotated[time, BeforeValidator(_night), AfterValidator(_utc)] = time(0)
    """Time of day in UTC, `"00:00 UTC"`."""

    attempts: int = Field(default=3, ge=1, le=10)
    """How often a stage is tried whose error may pass by itself: a conflict of two writers, a server that is away."""

    backoff: Duration = timedelta(seconds=30)
    """So long before the second attempt; before each further one twice as long as before the last."""

    limits: dict[str, Duration] = {}
    """Stage of the night -> the longest that a run of it may take; by default `6h` for train and `2h` for the others."""

    catch_up: int = Field(default=7, ge=0, le=366)
    """At most so many missed nights, the newest, are run before the one that is due."""

    wait: Duration | None = None
    """Until so long after its as_of a night waits for sources that are not as fresh as their contracts ask. By default it
    does not wait."""


class LakehouseFile(Document):
    """`lakehouse.yml`."""

    name: Identifier
    """The lakehouse's name: its folder in the warehouse."""

    description: str
    """What it is for."""

    time_zone: TimeZone = "UTC"
    """Zone of times in sources that carry none, and of delivery times in file names."""

    dbt: Annotated[str, AfterValidator(lambda path: below(path, "the folder that holds conf"))] | None = None
    """The dbt project that the nightly run builds, a folder relative to the one that holds `conf`; none by default."""

    night: Night = Field(default=Night())
    """When the nightly run is meant to see the world."""

    watch: dict[str, dict[str, Any]] = {}
    """What is watched of feeds and stages, where it is not the monitor's own: `volume: {same_weekday: true}`."""


class LakehouseConfig(BaseModel):
    """All of a lakehouse's configuration."""

    model_config = ConfigDict(frozen=True)

    file: LakehouseFile
    sources: dict[str, Source]
    features: dict[str, FeatureTable]
    models: dict[str, Model]

    @property
    def name(self) -> str:
        """The lakehouse's name."""
        return self.file.name
