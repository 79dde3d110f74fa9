"""The mailbox takes every mail, shows it safely, and keeps the last ones."""

import json
import smtplib
import subprocess
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from quartermaster_local.mailbox import Mailbox
from quartermaster_local.processes import free_port
from quartermaster_local.supervisor import answers
from quartermaster_local.testing import wait_for

Script = Callable[..., "subprocess.Popen[str]"]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Running:
    """A mailbox process, seen through its two ports."""

    def __init__(self, smtp_port: int, http_port: int) -> None:
        self._smtp_port = smtp_port
        self._base = f"http://127.0.0.1:{http_port}"

    def send(self, mail: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self._smtp_port) as client:
            client.send_message(mail)

    def get(self, path: str) -> tuple[str, str | None]:
        """Body, and the policy that the browser is told to apply to it."""
        with urllib.request.urlopen(self._base + path) as answer:  # noqa: S310 -- our own process
            return answer.read().decode(), answer.headers["Content-Security-Policy"]


@pytest.fixture
def mailbox(tmp_path: Path, other_process: Script) -> Running:
    smtp, http = free_port(), free_port()
    ports = ["--smtp-port", str(smtp), "--http-port", str(http)]
    other_process("-m", "quartermaster_local.mailbox", *ports, "--data-dir", str(tmp_path))
    wait_for(lambda: answers(http, "/livez"))
    return Running(smtp, http)


def test_a_mail_is_found_by_its_recipient_with_both_bodies(mailbox: Running) -> None:
    mailbox.send(letter(to="anna@example.org", subject="Grüße"))
    mailbox.send(letter(to="bert@example.org", subject="Other"))

    found = json.loads(mailbox.get("/api/messages?to=Anna@example.org")[0])["items"]

    assert [(mail["subject"], mail["to"]) for mail in found] == [("Grüße", ["anna@example.org"])]
    assert (found[0]["text"].strip(), found[0]["html"].strip()) == ("Süß", "<script>steal()</script>")


def test_a_mail_of_a_stranger_runs_no_script_on_the_page(mailbox: Running) -> None:
    mailbox.send(letter(to="anna@example.org", subject="<script>steal()</script>"))
    mail_id = json.loads(mailbox.get("/api/messages")[0])["items"][0]["id"]

    pages = [mailbox.get("/")[0], mailbox.get(f"/messages/{mail_id}")[0]]
    policy = mailbox.get(f"/messages/{mail_id}/html")[1]

    assert all("<script" not in page and "&lt;script&gt;" in page for page in pages)
    assert policy is not None
    assert policy.startswith("sandbox;")


def test_the_last_mails_are_there_after_a_restart_and_older_ones_are_not(tmp_path: Path) -> None:
    before = Mailbox(tmp_path, now=lambda: NOON, kept=2)
    for number in range(3):
        before.add("shop@example.org", ["anna@example.org"], letter(subject=f"No. {number}").as_bytes())

    after = Mailbox(tmp_path, now=lambda: NOON, kept=2)

    assert [mail.subject for mail in after.newest_first()] == ["No. 2", "No. 1"]
    assert len(list(tmp_path.iterdir())) == 2


def letter(*, to: str = "anna@example.org", subject: str = "Hello") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.org", to, subject
    mail.set_content("Süß")
    mail.add_alternative("<script>steal()</script>", subtype="html")
    return mail
