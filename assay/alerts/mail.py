"""The channel that is a mail server."""

import hashlib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime, localtime
from smtplib import SMTP, SMTP_SSL, SMTPException, SMTPResponseException

from assay.alerts.channels import NotTakenError, channel
from assay.alerts.message import Message
from assay.config.alerts import Email

PORTS = {"starttls": 587, "tls": 465, "none": 25}


@channel(Email)
def send_email(to: Email, message: Message, seconds: float) -> None:
    """Send the message as plain text, to all or it has not arrived."""
    try:
        with _server(to, seconds) as server:
            if to.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if to.user is not None and to.password is not None:
                server.login(to.user.get_secret_value(), to.password.get_secret_value())
            if refused := server.send_message(_mail(to, message)):
                raise NotTakenError(f"it refused {', '.join(refused)}")
    except SMTPResponseException as error:
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise NotTakenError(f"it answered {error.smtp_code} {said}") from error
    except SMTPException as error:
        raise NotTakenError(f"{type(error).__name__}: {error}") from error


def _server(to: Email, seconds: float) -> SMTP:
    port = to.port or PORTS[to.security]
    if to.security == "tls":
        return SMTP_SSL(to.server, port, timeout=seconds, context=ssl.create_default_context())
    return SMTP(to.server, port, timeout=seconds)


def _mail(to: Email, message: Message) -> EmailMessage:
    """The same events make a mail of the same id: who gets it twice can see that."""
    mail = EmailMessage(policy=POLICY)
    ids = " ".join(one.alert_id for one in message.events)
    mail["Subject"] = message.subject
    mail["From"] = to.sender
    mail["To"] = ", ".join(to.email)
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{hashlib.sha256(ids.encode()).hexdigest()[:32]}@{to.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office note answers it
    mail.set_content(message.text)
    return mail
