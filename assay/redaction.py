"""Secrets of an environment: which settings hold one, and texts from which they are left out.

What is hidden is known to the whole process: logs, errors, the ledger and the terminal are written in many places.
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

SETTINGS = (
    "secret|passw|pwd|token|credential|(access|account|storage|shared|private|encryption|api)[._-]?key|[._-]sas[._-]"
)
"""A regular expression, in upper or lower case, for names of settings and variables whose value is a secret."""

HIDDEN = "***"
SHORTEST = 4
"""A shorter secret is a word of the language too, and stays."""

_SETTING = re.compile(SETTINGS, re.IGNORECASE)
_ABOUT = re.compile(r"(class|enabled|file|interval|path|provider|timeout|type)\Z", re.IGNORECASE)
"""How a setting ends that says where a secret is, or how it is used."""

_ADDRESS = re.compile(r"([a-z][a-z0-9+.:-]*://)([^/?#]*)@(.*)\Z", re.IGNORECASE | re.DOTALL)
_LOGIN = re.compile(r"(?<=://)[^/\s@]*:[^/\s]*(?=@)")
_PARAMETER = re.compile(rf"((?:{SETTINGS})[a-z0-9_.-]*=)[^&;,\s]+", re.IGNORECASE)
_hidden: set[str] = set()


def is_secret(name: str) -> bool:
    """Whether a setting or a variable of that name holds a secret."""
    return _SETTING.search(name) is not None and _ABOUT.search(name) is None


def hide(values: Iterable[str]) -> None:
    """From now on these values stand in no text that `redacted` gives."""
    long_enough = [value for value in values if len(value) >= SHORTEST]
    _hidden.update(long_enough, (quote(value, safe="") for value in long_enough), map(unquote, long_enough))


def hide_secrets_of(settings: Any, variables: Iterable[str] = (), name: str = "") -> None:
    """Hide what an environment's settings hold: values of settings whose name tells it, and passwords in addresses.

    Args:
        settings: The environment file, variables put in.
        variables: Names of the environment variables that it asks for; their values are hidden if the names tell it.
        name: Of the setting, where `settings` is a single one.
    """
    hide(os.environ[variable] for variable in variables if is_secret(variable) and variable in os.environ)
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            hide_secrets_of(value, name=str(key))
    elif isinstance(settings, str):
        hide([settings] if is_secret(name) else [])
        if "://" in settings:
            hide(filter(None, [without_login(settings)[2]]))


def redacted(text: str) -> str:
    """The text without the secrets that are known, and without what stands where passwords stand in an address."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _PARAMETER.sub(rf"\1{HIDDEN}", _LOGIN.sub(HIDDEN, text))


def without_login(address: str) -> tuple[str, str | None, str | None]:
    """An address without the user and password in it; the user; the password."""
    found = _ADDRESS.match(address)
    if found is None:
        return address, None, None
    user, colon, password = found[2].partition(":")
    return found[1] + found[3], unquote(user), unquote(password) if colon else None


def secret_settings(conf: Mapping[str, object]) -> list[str]:
    """Names of the settings that hold a secret, by their name or by what they hold."""
    return [name for name, value in conf.items() if is_secret(name) or redacted(str(value)) != str(value)]
