"""What a monitor is: a function under a name, with settings of its own, that says what it found of a night.

A monitor that cannot be evaluated says so; one that stops is itself a finding. Nothing is left out in silence.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from assay.config.base import Config, Document
from assay.config.load import read_part
from assay.errors import nearest
from assay.explained import first_lines
from assay.watch import BAD, UNKNOWN, Finding

logger = logging.getLogger(__name__)
EVALUATION = "evaluation"
"""The monitor of monitors: a finding of it is of one that stopped."""
Of = Literal["lakehouse", "model"]


class NotToldError(Exception):
    """Something cannot be told of a night: the reason, for people."""


class Settings(Config):
    """What a file says of one monitor."""

    enabled: bool = True
    """Whether it is watched at all."""


S = TypeVar("S", bound=Settings)
Watch = Callable[[Any, S], Iterable[Finding]]


@dataclass(frozen=True)
class Monitor:
    """A registered monitor."""

    watch: Callable[[Any, Any], Iterable[Finding]]
    settings: type[Settings]
    of: Of
    """Whether it looks at the whole lakehouse, or at each of its models."""


MONITORS: dict[str, Monitor] = {}


def monitor(name: str, settings: type[S], of: Of) -> Callable[[Watch[S]], Watch[S]]:
    """Register a monitor.

    Args:
        name: Its name in YAML and in `ops.watch`.
        settings: The model of what may stand below the name.
        of: What it looks at.
    """

    def register(function: Watch[S]) -> Watch[S]:
        MONITORS[name] = Monitor(function, settings, of)
        return function

    return register


def settings_of(document: Document, key: str, wanted: Mapping[str, Any], of: Of) -> dict[str, Settings]:
    """Every monitor that is enabled -> its settings; those that a file does not name have their defaults.

    Args:
        document: The file.
        key: Where in it monitors are named.
        wanted: What stands there.
        of: Which monitors may.

    Raises:
        ConfigError: It names a monitor that there is not, or has settings that do not fit.
    """
    known = {name: found for name, found in MONITORS.items() if found.of == of}
    for name in wanted:
        if name not in known:
            raise document.error(
                f"There is no monitor {name!r} of a {of}.", key, name, found=name, expected=nearest(name, known)
            )
    typed = {
        name: read_part(document, found.settings, wanted.get(name, {}), key, name) for name, found in known.items()
    }
    return {name: settings for name, settings in typed.items() if settings.enabled}


def evaluate(subject: str, facts: Any, wanted: Mapping[str, Settings]) -> Iterator[Finding]:
    """What some monitors find.

    Args:
        subject: What is told of a monitor that says nothing more: `model:late_arrival`.
        facts: What they look at.
        wanted: Monitor -> its settings.
    """
    for name, settings in wanted.items():
        try:
            yield from MONITORS[name].watch(facts, settings)
        except NotToldError as reason:
            yield Finding(subject, name, "", None, UNKNOWN, f"Cannot be told: {reason}.")
        except Exception as error:  # whatever has happened, nobody has looked at the night
            logger.warning("the monitor %s of %s stopped", name, subject, exc_info=error)
            told = f"{type(error).__name__}: {first_lines(error)}"
            yield Finding(subject, name, "", None, UNKNOWN, f"Cannot be told: the monitor stopped, {told}")
            yield Finding("stage:watch", EVALUATION, f"{subject} {name}", None, BAD,
                          f"The monitor {name} of {subject} stopped: {told}")  # fmt: skip
