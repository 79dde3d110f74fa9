"""A mailbox for development and tests: takes every mail by SMTP, delivers none, and shows them on a page.

Keeps the last 500, each as a file as well, so that they are there after a restart. No password on either port: it
listens on loopback unless told otherwise, which only a container network should.

    python -m quartermaster_local.mailbox --smtp-port 1025 --http-port 8025 --data-dir .data/mailbox
"""

import argparse
import asyncio
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from functools import partial
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KEPT = 500
LARGEST_MAIL_BYTES = 10 * 1024 * 1024
_ENVELOPE_FROM, _ENVELOPE_TO = "X-Envelope-From", "X-Envelope-To"


@dataclass(frozen=True)
class Mail:
    """One received mail."""

    id: str
    received_at: str
    sender: str
    recipients: list[str]
    subject: str
    text: str | None
    html: str | None
    headers: dict[str, str]

    @classmethod
    def parse(cls, mail_id: str, raw: bytes) -> "Mail":
        """Read what `Mailbox.add` wrote."""
        message = message_from_bytes(raw, _class=EmailMessage, policy=default_policy)
        received = datetime.strptime(mail_id[:20], "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
        return cls(
            id=mail_id,
            received_at=received.isoformat().replace("+00:00", "Z"),
            sender=str(message.get(_ENVELOPE_FROM, "")),
            recipients=str(message.get(_ENVELOPE_TO, "")).split(", "),
            subject=str(message.get("Subject", "")),
            text=_content(message, "plain"),
            html=_content(message, "html"),
            headers={name: str(value) for name, value in message.items() if not name.startswith("X-Envelope-")},
        )

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "received_at": self.received_at,
            "from": self.sender,
            "to": self.recipients,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": self.headers,
        }


def _content(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())


class Mailbox:
    """The last mails, newest last, in memory and in a folder."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime], kept: int = KEPT) -> None:
        self._folder = folder
        self._now = now
        self._kept = kept
        self._count = 0
        self._mails: deque[Mail] = deque()
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.glob("*.eml")):
            self._keep(Mail.parse(file.stem, file.read_bytes()))

    def add(self, sender: str, recipients: list[str], content: bytes) -> Mail:
        """Keep a mail with its envelope, which is what counts: headers may say anything."""
        self._count += 1
        mail_id = f"{self._now():%Y%m%d%H%M%S%f}-{self._count:06}"
        raw = f"{_ENVELOPE_FROM}: {sender}\r\n{_ENVELOPE_TO}: {', '.join(recipients)}\r\n".encode() + content
        mail = Mail.parse(mail_id, raw)
        unfinished = self._file(mail).with_suffix(".part")
        unfinished.write_bytes(raw)
        unfinished.rename(self._file(mail))
        self._keep(mail)
        return mail

    def newest_first(self, *, to: str | None = None) -> Iterator[Mail]:
        """All of them, or those sent to one address, upper and lower case alike."""
        for mail in reversed(self._mails):
            if to is None or to.lower() in (recipient.lower() for recipient in mail.recipients):
                yield mail

    def get(self, mail_id: str) -> Mail | None:
        return next((mail for mail in self._mails if mail.id == mail_id), None)

    def _keep(self, mail: Mail) -> None:
        self._mails.append(mail)
        while len(self._mails) > self._kept:
            self._file(self._mails.popleft()).unlink(missing_ok=True)

    def _file(self, mail: Mail) -> Path:
        return self._folder / f"{mail.id}.eml"


class _Receiver:
    """What aiosmtpd calls."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- its name
        content = envelope.original_content or b""
        self._mailbox.add(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        return "250 Kept"


_PAGES = Environment(autoescape=True)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .4rem .6rem }
tr { border-bottom: 1px solid #ddd } pre { white-space: pre-wrap; background: #f6f6f6; padding: 1rem }
iframe { width: 100%; height: 32rem; border: 1px solid #ddd } a { color: #0a58ca } small { color: #666 }
"""
_LIST = _PAGES.from_string(
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mailbox</title>
<meta http-equiv="refresh" content="5"><style>{{ style }}</style>
<h1>Mailbox</h1><p><small>Every mail of this run; none was delivered. The last {{ kept }} are kept.</small></p>
<table><tr><th>Received (UTC)<th>To<th>Subject</tr>
{% for mail in mails %}<tr><td>{{ mail.received_at[:19].replace("T", " ") }}<td>{{ mail.recipients | join(", ") }}
<td><a href="/messages/{{ mail.id }}">{{ mail.subject or "(no subject)" }}</a></tr>
{% else %}<tr><td colspan="3">Nothing yet.</tr>{% endfor %}</table></html>"""
)
_ONE = _PAGES.from_string(
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{ mail.subject }}</title><style>{{ style }}</style>
<p><a href="/">All mails</a></p><h1>{{ mail.subject or "(no subject)" }}</h1>
<p>From {{ mail.sender }}<br>To {{ mail.recipients | join(", ") }}<br><small>{{ mail.received_at }}</small></p>
{% if mail.html is not none %}<h2>HTML</h2>
<iframe sandbox src="/messages/{{ mail.id }}/html" title="The mail's HTML"></iframe>{% endif %}
{% if mail.text is not none %}<h2>Text</h2><pre>{{ mail.text }}</pre>{% endif %}
<h2>Headers</h2><pre>{% for name, value in mail.headers.items() %}{{ name }}: {{ value }}
{% endfor %}</pre></html>"""
)
# A mail is a stranger's page: it runs no script and sends no form, wherever it is opened.
_SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'"}


def create_app(mailbox: Mailbox) -> Starlette:
    """The page, and a small JSON for tests and the demo."""

    def found(request: Request) -> Mail:
        mail = mailbox.get(request.path_params["id"])
        if mail is None:
            raise HTTPException(404, "There is no such mail, or it is older than the last ones that are kept.")
        return mail

    async def list_page(request: Request) -> Response:
        return HTMLResponse(_LIST.render(mails=mailbox.newest_first(), kept=KEPT, style=_STYLE))

    async def mail_page(request: Request) -> Response:
        return HTMLResponse(_ONE.render(mail=found(request), style=_STYLE))

    async def mail_html(request: Request) -> Response:
        return HTMLResponse(found(request).html or "", headers=_SANDBOX)

    async def list_json(request: Request) -> Response:
        mails = mailbox.newest_first(to=request.query_params.get("to"))
        return JSONResponse({"items": [mail.to_json() for mail in mails]})

    async def mail_json(request: Request) -> Response:
        return JSONResponse(found(request).to_json())

    async def alive(request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/", list_page),
            Route("/messages/{id}", mail_page),
            Route("/messages/{id}/html", mail_html),
            Route("/api/messages", list_json),
            Route("/api/messages/{id}", mail_json),
            Route("/livez", alive),
        ]
    )


async def serve(mailbox: Mailbox, *, host: str, smtp_port: int, http_port: int) -> None:
    """Take and show mails until SIGTERM or SIGINT. The page answers only once SMTP does."""
    receive = partial(SMTP, _Receiver(mailbox), enable_SMTPUTF8=True, data_size_limit=LARGEST_MAIL_BYTES)
    smtp = await asyncio.get_running_loop().create_server(receive, host, smtp_port)
    config = uvicorn.Config(create_app(mailbox), host=host, port=http_port, log_level="warning", lifespan="off")
    async with smtp:
        await uvicorn.Server(config).serve()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="mailbox", description="Take every mail by SMTP and show it on a page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that keeps the mails")
    given = parser.parse_args(arguments)
    mailbox = Mailbox(given.data_dir, now=lambda: datetime.now(UTC))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        asyncio.run(serve(mailbox, host=given.host, smtp_port=given.smtp_port, http_port=given.http_port))
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
