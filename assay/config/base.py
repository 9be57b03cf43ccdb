"""What every configuration model shares: frozen, no unknown keys, and a memory of its file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from assay.errors import ConfigError, nearest

_IDENTIFIER = re.compile(r"^[a-z_][a-z0-9_]{0,62}\Z", re.IGNORECASE | re.ASCII)


def _identifier(name: str) -> str:
    if not _IDENTIFIER.match(name) or "__" in name:
        raise ValueError(f"{name!r} is not a name: letters, digits and single underscores, not starting with a digit")
    return name


Identifier = Annotated[str, AfterValidator(_identifier)]
"""A name that can be a table, a column or a key. `__` is kept for the tables that assay adds."""


@dataclass(frozen=True)
class Origin:
    """The file that a configuration object came from, and the line of each of its keys."""

    file: str = ""
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)

    def at(self, *path: str | int) -> str:
        """`file:line, key a.b.c` for the deepest part of the path that the file has."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known)
        key = ".".join(str(part) for part in path)
        place = f"{self.file}:{line}" if line else self.file
        return f"{place}, key {key}" if key else place


class Config(BaseModel):
    """Base of all configuration models."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        for key in data:
            if key not in known and key not in cls.model_fields:
                hint = nearest(str(key), known)
                raise PydanticCustomError("unknown_key", "unknown key {key}: {hint}", {"key": str(key), "hint": hint})
        return data


class Document(Config):
    """A configuration model that is one file."""

    _origin: Origin = PrivateAttr(default_factory=Origin)

    def located(self, origin: Origin) -> Self:
        """The same document, knowing where it was read."""
        self._origin = origin
        return self

    @property
    def origin(self) -> Origin:
        """The file that it was read from."""
        return self._origin

    def at(self, *path: str | int) -> str:
        """Where a key of this document stands, for an error message."""
        return self._origin.at(*path)

    def error(self, what: str, *path: str | int, **parts: Any) -> ConfigError:
        """A ConfigError that points into this document."""
        return ConfigError(what, where=self.at(*path), **parts)
