"""A lakehouse: one folder under `conf/` with its sources, features and models."""

from datetime import time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from assay.config.base import Config, Document, Identifier
from assay.config.features import FeatureTable
from assay.config.model import Model
from assay.config.source import Source
from assay.paths import below
from assay.times import TimeZone


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
