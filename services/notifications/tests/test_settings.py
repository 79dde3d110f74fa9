"""A wrong setting stops the start and is named."""

import pytest
from pydantic import ValidationError

from notifications.clients.smtp import SmtpServer
from notifications.settings import Settings

GIVEN = {
    "database_url": "postgresql://x",
    "signing_key": "{}",
    "kafka_bootstrap_servers": "x:1",
    "trusted_keys": "{}",
    "smtp_url": "smtp://127.0.0.1:1025",
    "mail_from": "shop@example.com",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_url", "127.0.0.1:25"),
        ("smtp_url", "http://127.0.0.1"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://host:port"),
        ("smtp_url", "smtps://user@host"),
        ("mail_from", "The Shop"),
        ("mail_from", "Shop\nBcc: x@example.com <shop@example.com>"),
        ("mail_from", "lädchen@example.com"),
        ("shop_name", "A\nB"),
        ("locale", "english"),
        ("shop_time_zone", "Middle/Earth"),
        ("send_attempts", "0"),
        ("webhook_allowed_targets", "127.0.0.1/8"),
        ("webhook_allowed_targets", "localhost"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """And the others are not."""
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(GIVEN | {name: value})

    assert [str(error["loc"][0]).lower() for error in refused.value.errors()] == [name]


def test_a_wrong_url_does_not_show_its_password() -> None:
    """Settings errors end in logs."""
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(GIVEN | {"smtp_url": "smtp://user:hunter2@host:x"})

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail:1025", SmtpServer("mail", 1025)),
        ("smtp://mail", SmtpServer("mail", 25)),
        ("smtps://us%40er:p%3Aw@mail", SmtpServer("mail", 465, tls=True, user="us@er", password="p:w")),
        ("smtp://[::1]:25", SmtpServer("::1", 25)),
    ],
)
def test_a_mail_server_is_read_from_its_url(url: str, server: SmtpServer) -> None:
    """Ports have their customary defaults, user and password may be encoded."""
    assert SmtpServer.parse(url) == server
    assert "p:w" not in repr(SmtpServer.parse(url))


def test_the_sender_is_called_by_its_own_name_or_the_shop() -> None:
    """A bare address gets the shop's name."""
    assert str(Settings.model_validate(GIVEN | {"shop_name": "Mugs"}).sender) == "Mugs <shop@example.com>"
    assert str(Settings.model_validate(GIVEN | {"mail_from": "Us <shop@example.com>"}).sender) == (
        "Us <shop@example.com>"
    )
