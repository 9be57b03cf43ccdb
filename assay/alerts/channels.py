"""Ways to tell people: a registered function for each kind of channel, and sending by all of them at once."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, TypeVar

from assay.alerts.message import Message, bounded
from assay.config.base import Config

logger = logging.getLogger(__name__)

C = TypeVar("C", bound=Config)
Send = Callable[[Any, Message, float], None]
_GRACE = 1.0
"""Seconds in which a channel that has waited long enough can say so itself."""
CHANNELS: dict[type[Config], Send] = {}
"""A channel's model -> what sends a message by it."""


class NotTakenError(Exception):
    """A channel has not taken a message; says why, without what is secret."""


def channel(kind: type[C]) -> Callable[[Callable[[C, Message, float], None]], Callable[[C, Message, float], None]]:
    """Register what sends by a kind of channel: it is given the channel, the message and the seconds that it may take.

    It raises NotTakenError, or what its library raises, where nobody was told.

    Args:
        kind: The model of the channel in YAML.
    """

    def register(function: Callable[[C, Message, float], None]) -> Callable[[C, Message, float], None]:
        CHANNELS[kind] = function
        return function

    return register


def send_all(messages: Mapping[str, Message], channels: Mapping[str, Config], seconds: float) -> dict[str, str]:
    """Send messages by their channels, all at once.

    Args:
        messages: Channel -> what it is to tell.
        channels: The channels.
        seconds: The longest wait. What is not done by then has not arrived, as far as is known.

    Returns:
        Channel -> why it has not taken its message; empty where it has.
    """
    fates = dict.fromkeys(messages, f"it did not answer within {seconds:g} seconds")

    def send(name: str) -> None:
        fates[name] = _sent(channels[name], messages[name], seconds)

    # A library's timeout is for each answer: a server that sends a byte now and then would keep it for ever.
    threads = [threading.Thread(target=send, args=(name,), daemon=True) for name in messages]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds + _GRACE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(fates)


def _sent(kind: Config, message: Message, seconds: float) -> str:
    try:
        CHANNELS[type(kind)](kind, message, seconds)
    except NotTakenError as error:
        return bounded(str(error))
    except TimeoutError:
        return f"it did not answer within {seconds:g} seconds"
    except (OSError, HTTPException, ValueError) as error:  # what a library quotes may be the address
        return bounded(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'it cannot be reached'}")
    except Exception as error:
        logger.exception("a channel has failed in a way that it should not")
        return bounded(f"{type(error).__name__}: {error}")
    return ""
