"""A lakehouse: one folder under `conf/` with its sources, features and models."""

from datetime import time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from assay.config.base import Config, Document, Identifier
from assay.config.features import FeatureTable
from assay.config.model import Model
from assay.config.source import Source


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as America/New_York") from error
    return name


def _night(text: object) -> object:
    return text.removesuffix(" UTC") if isinstance(text, str) else text


TimeZone = Annotated[str, AfterValidator(_zone)]


class Night(Config):
    """When the nightly run is meant to see the world."""

    as_of: Annotated[time, BeforeValidator(_night)] = time(0)
    """Time of day in UTC, `"00:00 UTC"`."""


class LakehouseFile(Document):
    """`lakehouse.yml`."""

    name: Identifier
    """The lakehouse's name: its folder in the warehouse."""

    description: str
    """What it is for."""

    time_zone: TimeZone = "UTC"
    """Zone of times in sources that carry none, and of delivery times in file names."""

    night: Night = Field(default=Night())
    """When the nightly run is meant to see the world."""


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
