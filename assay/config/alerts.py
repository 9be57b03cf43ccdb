"""Who is told when something is wrong, and by which channel: `alerts` in `conf/env/<name>.yml`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag, model_validator

from assay.config.base import Config, Identifier
from assay.times import Duration

_ADDRESS = re.compile(r"[^\s@<>,;:\"\\()]+@[^\s@<>,;:\"\\()]+")
_WEB = re.compile(r"https?://[^\s/@]+(/\S*)?\Z", re.IGNORECASE)


def _web(url: SecretStr) -> SecretStr:
    if not _WEB.match(url.get_secret_value()):
        raise ValueError("this is no address of a web server: https://host/path, without user and password")
    return url


def _mail(address: str) -> str:
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise ValueError(f"{address!r} is not one e-mail address, such as data@example.com")
    return address


WebAddress = Annotated[SecretStr, AfterValidator(_web)]
MailAddress = Annotated[str, AfterValidator(_mail)]


class Webhook(Config):
    """A web server that is sent the alerts as JSON."""

    webhook: WebAddress
    """Its address, `"${ONCALL_URL}"`. No value of it is ever shown."""

    headers: dict[str, SecretStr] = {}
    """Headers that it asks for, `{Authorization: "Bearer ${ONCALL_TOKEN}"}`. No value is ever shown."""


class Slack(Config):
    """A chat that takes Slack's incoming webhooks, as Slack, Mattermost and Rocket.Chat do."""

    slack: WebAddress
    """The incoming webhook's address, `"${SLACK_URL}"`: whoever knows it can write there, so it is never shown."""


class Email(Config):
    """A mail server that takes messages by SMTP."""

    email: Annotated[list[MailAddress], Field(min_length=1)]
    """Whom to write to."""

    sender: MailAddress = Field(alias="from")
    """Whom the messages are from."""

    server: str
    """The mail server's name."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port; by default 587 for `starttls`, 465 for `tls`, 25 for `none`."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    """Encrypted from the first answer on, from the first byte on, or not at all."""

    user: SecretStr | None = None
    """`"${SMTP_USER}"`, where the server asks who one is."""

    password: SecretStr | None = None
    """`"${SMTP_PASSWORD}"`: from an environment variable, never written here."""

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password are given together, or neither")
        if self.password is not None and self.security == "none":
            raise ValueError("a password is not sent over an open line: security starttls or tls")
        return self


class Command(Config):
    """A program that is given the alerts as JSON on its standard input."""

    command: Annotated[list[str], Field(min_length=1)]
    """The program and its arguments, as a list; no shell sees them. It ends with 0 where somebody has been told."""


KINDS: dict[str, type[Config]] = {"webhook": Webhook, "slack": Slack, "email": Email, "command": Command}
"""The key that tells a kind of channel -> its model; what sends by it is registered in `assay/alerts`."""


def _kind(value: Any) -> str:
    """Which kind is meant: the one whose key is there, or else is nearest."""
    if not isinstance(value, Mapping):
        return type(value).__name__ if isinstance(value, Config) else Webhook.__name__
    for key in value:
        if near := get_close_matches(str(key), KINDS, n=1, cutoff=1 if set(KINDS) & set(value) else 0.6):
            return KINDS[near[0]].__name__
    return Webhook.__name__


Channel = Annotated[
    Annotated[Webhook, Tag("Webhook")]
    | Annotated[Slack, Tag("Slack")]
    | Annotated[Email, Tag("Email")]
    | Annotated[Command, Tag("Command")],
    Discriminator(_kind),
]


class Alerts(Config):
    """Who is told when something is wrong, and when again."""

    channels: dict[Identifier, Channel] = {}
    """Each is told everything. None: nothing is sent, and nothing looked for."""

    remind: Duration = timedelta(days=7)
    """A problem that stays is told again after this long, counted in nights; `7d`."""

    warnings: bool = False
    """Tell also what is watched with the status `warn`, and not only what is `bad`."""

    timeout: Duration = timedelta(seconds=10)
    """The longest wait for a channel; `10s`."""

    pages: str | None = None
    """Where people open `reports/`, `https://reports.example/flights`; by default the page's path is told."""

    @property
    def secrets(self) -> list[str]:
        """What no log, table or message may hold: the addresses, and what the channels ask for."""
        given: list[SecretStr | None] = []
        for channel in self.channels.values():
            match channel:
                case Webhook():
                    given += [channel.webhook, *channel.headers.values()]
                case Slack():
                    given.append(channel.slack)
                case Email():
                    given.append(channel.password)
        values = [value.get_secret_value() for value in given if value is not None]
        return [*values, *(value.rpartition(" ")[2] for value in values)]  # of "Bearer …" the token by itself too
