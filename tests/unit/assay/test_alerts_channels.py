"""Each kind of channel against a real server or program: what arrives, what is told where it does not, and no secret."""

import json
import shlex
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.alerts import command, mail, web
from assay.alerts.channels import CHANNELS, send_all
from assay.alerts.message import LONGEST, Message
from assay.alerts.problem import OPENED, RESOLVED, Event, Kind, Problem
from assay.config.alerts import KINDS, Alerts
from tests.servers import Mail, Web, certificate_of_loopback, free_port, mail_server, web_server

NIGHT = datetime(2013, 3, 7, tzinfo=UTC)
HOSTILE = "silver failed: <!channel> <https://evil.example|here> & @all\r\nBcc: eve@evil.example\x1b[31m"
SECRET = "T0/B0/s3cr3t-canary"
TOUCHED = (command, mail, web)


def event(what: str, kind: Kind = OPENED, name: str = "") -> Event:
    return Event(
        Problem("flights", "run", "silver", name=name), kind, 1, NIGHT, NIGHT, NIGHT, "bad", what, "where: weather\nfound: 9",
        "look", ("r1", "r2"), ("a",),
    )  # fmt: skip


def message(*events: Event) -> Message:
    return Message("flights", NIGHT, "https://reports.example/2013-03-07.html", events or (event("silver failed: no"),))


def channels(**given: object) -> Alerts:
    return Alerts.model_validate({"channels": given})


def send(settings: Alerts, what: Message, seconds: float = 5) -> dict[str, str]:
    return send_all(dict.fromkeys(settings.channels, what), settings.channels, seconds)


@pytest.fixture
def http() -> Iterator[Web]:
    with web_server() as made:
        yield made


@pytest.fixture
def smtp() -> Iterator[Mail]:
    with mail_server() as made:
        yield made


def mailing(port: int, **more: object) -> dict[str, object]:
    to = {"email": ["data@example.com", "ops@example.com"], "from": "assay@example.com", "server": "127.0.0.1"}
    return {**to, "port": port, "security": "none", **more}


def test_every_kind_of_channel_can_send() -> None:
    assert set(CHANNELS) == set(KINDS.values())


def test_a_webhook_is_posted_json_with_its_headers(http: Web) -> None:
    made = channels(oncall={"webhook": http.url, "headers": {"Authorization": "Bearer x"}})
    assert send(made, message()) == {"oncall": ""}
    path, headers, sent = http.got[0]
    assert (path, headers["Authorization"], headers["Content-Type"]) == ("/hook", "Bearer x", "application/json; charset=utf-8")  # fmt: skip
    one = event("silver failed: no")
    assert sent == {
        "version": 1, "lakehouse": "flights", "as_of": "2013-03-07T00:00:00+00:00", "page": message().page,
        "subject": "assay flights, night of 2013-03-07: new, silver failed: no",
        "alerts": [{
            "id": one.alert_id, "problem": one.problem.id, "event": "opened", "severity": "bad", "what": "silver failed: no",
            "details": ["where: weather", "found: 9"], "since": "2013-03-07T00:00:00+00:00", "run_ids": ["r1", "r2"],
            "do": "look", "kind": "run", "subject": "silver", "monitor": "", "name": "",
        }],
    }  # fmt: skip


def test_a_chat_shows_hostile_text_as_it_is(http: Web) -> None:
    send(channels(team={"slack": http.url}), message(event(HOSTILE)))
    text = http.got[0][2]["text"]
    assert "&lt;!channel&gt; &lt;https://evil.example|here&gt; &amp; @\u200ball\\r\\nBcc: eve@\u200bevil.example\\x1b[31m" in text  # fmt: skip
    assert "<" not in text
    assert "\x1b" not in text
    assert "since  the night of 2013-03-07 00:00 UTC" in text
    assert "runs   r1, r2" in text
    assert "page: https://reports.example/2013-03-07.html" in text


def test_long_texts_and_many_alerts_are_bounded(http: Web) -> None:
    many = message(*(event("x" * 100_000, name=str(number)) for number in range(50)))
    assert send(channels(team={"slack": http.url}, oncall={"webhook": http.url}), many) == {"team": "", "oncall": ""}
    chat, hook = sorted((sent for _, _, sent in http.got), key=len)
    assert len(chat["text"]) <= web.LONGEST
    assert "and 30 more: assay alerts ls" in many.text
    assert [len(one["what"]) for one in hook["alerts"]] == [LONGEST] * 50


def test_a_mail_has_no_header_but_ours(smtp: Mail) -> None:
    assert send(channels(mail=mailing(smtp.port)), message(event(HOSTILE))) == {"mail": ""}
    got = smtp.got[0]
    assert smtp.recipients == [["data@example.com", "ops@example.com"]]
    assert set(got.keys()) == {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
        "MIME-Version",
    }  # fmt: skip
    assert got["Subject"].endswith("@all\\r\\nBcc: eve@evil.example\\x1b[31m")
    assert got["Bcc"] is None
    body = got.get_content()
    assert "NEW (bad): silver failed: <!channel>" in body
    assert "  do     look" in body


def test_the_same_alerts_make_a_mail_of_the_same_id(smtp: Mail) -> None:
    made = channels(mail=mailing(smtp.port))
    for what in (message(), message(), message(event("silver failed: no", RESOLVED))):
        send(made, what)
    first, again, over = (one["Message-ID"] for one in smtp.got)
    assert first == again != over


def test_a_mail_is_sent_encrypted_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_of_loopback(tmp_path)
    with mail_server(certificate, SECRET) as smtp:
        login = {"user": "assay", "security": "starttls"}
        right, wrong = (mailing(smtp.port, **login, password=password) for password in (SECRET, "wrong-password"))
        untrusted = send(channels(mail=right), message())["mail"]
        assert "certificate verify failed" in untrusted
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert send(channels(right=right, wrong=wrong), message()) == {
            "right": "", "wrong": "it answered 535 5.7.8 Authentication credentials invalid",
        }  # fmt: skip
        assert len(smtp.got) == 1


def test_a_mail_that_is_refused_says_what_the_server_said(smtp: Mail) -> None:
    smtp.refuse = "550 no room\x07"
    assert send(channels(mail=mailing(smtp.port)), message()) == {"mail": "it answered 550 no room\\x07"}


def test_a_program_gets_json_and_its_words_as_they_are(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read() + sys.argv[2])"
    made = channels(pager={"command": [sys.executable, "-c", code, str(tmp_path / "got"), "; $(touch x) `id`"]})
    assert send(made, message(event(HOSTILE))) == {"pager": ""}
    sent, _, words = (tmp_path / "got").read_text().rpartition("}")
    assert words == "; $(touch x) `id`"
    assert json.loads(sent + "}") == message(event(HOSTILE)).json


def test_a_program_that_fails_or_does_not_start_or_end_says_so(tmp_path: Path) -> None:
    made = channels(
        fails={"command": ["sh", "-c", "echo no pager today >&2; exit 3"]},
        lost={"command": [str(tmp_path / "none")]},
        hangs={"command": ["sh", "-c", f"sleep 60 & echo $! >{shlex.quote(str(tmp_path))}/pid; wait"]},
    )
    assert send(made, message(), 0.5) == {
        "fails": "it ended with 3: no pager today",
        "lost": "it did not start: No such file or directory",
        "hangs": "it did not end within 0.5 seconds, and was killed",
    }  # fmt: skip
    pid = (tmp_path / "pid").read_text().strip()
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)  # what it had started is killed too


def test_a_server_that_is_down_or_refuses_or_hangs_or_sends_elsewhere_says_so(http: Web) -> None:
    down = f"http://127.0.0.1:{free_port()}/{SECRET}"
    with web_server() as hanging, web_server() as elsewhere:
        hanging.answers.clear()
        elsewhere.status, elsewhere.reason, elsewhere.location = 302, f"Go {SECRET}", http.url
        http.status, http.reason = 500, "Oh no"
        made = channels(
            down={"slack": down}, broken={"webhook": http.url}, hangs={"webhook": hanging.url},
            elsewhere={"webhook": elsewhere.url}, nowhere={"webhook": f"http://{'x' * 70}.invalid/{SECRET}"},
            mail=mailing(free_port()),
        )  # fmt: skip
        fates = send(made, message(), 1)
    assert fates.pop("nowhere")
    assert fates == {
        "down": "ConnectionRefusedError: Connection refused",
        "broken": "it answered 500 Oh no",
        "hangs": "it did not answer within 1 seconds",
        "elsewhere": f"it answered 302 Go {SECRET}",
        "mail": "ConnectionRefusedError: Connection refused",
    }
    assert len(http.got) == 1  # nobody was sent on to it
