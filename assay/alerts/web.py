"""Channels that are web servers: any, given JSON; and chats that take Slack's incoming webhooks."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from assay import __version__
from assay.alerts.channels import NotTakenError, channel
from assay.alerts.message import Message
from assay.config.alerts import Slack, Webhook

LONGEST = 30_000
"""Characters of a chat's message; Slack cuts off at 40,000."""


class _Straight(HTTPRedirectHandler):
    """What is sent goes where the configuration says, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, content: Mapping[str, object], headers: Mapping[str, str], seconds: float) -> None:
    """Send JSON; an answer other than 2xx is an error."""
    sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"assay/{__version__}", **headers}
    request = Request(url, json.dumps(content).encode(), sent, method="POST")  # noqa: S310  # the model takes http(s) alone
    try:
        with build_opener(_Straight).open(request, timeout=seconds):
            pass
    except HTTPError as error:
        with error:
            raise NotTakenError(f"it answered {error.code} {error.reason}") from error
    except URLError as error:
        if isinstance(error.reason, OSError):
            raise error.reason from error
        raise


@channel(Webhook)
def send_webhook(to: Webhook, message: Message, seconds: float) -> None:
    """POST the message as JSON."""
    headers = {name: value.get_secret_value() for name, value in to.headers.items()}
    _post(to.webhook.get_secret_value(), message.json, headers, seconds)


@channel(Slack)
def send_slack(to: Slack, message: Message, seconds: float) -> None:
    """POST the message as the text of a chat."""
    _post(to.slack.get_secret_value(), {"text": escaped(message.text)[:LONGEST]}, {}, seconds)


def escaped(text: str) -> str:
    """A text that a chat shows as it is: no mention, no link, no command comes of it."""
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b")):
        text = text.replace(sign, instead)
    return text
