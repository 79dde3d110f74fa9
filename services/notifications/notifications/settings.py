"""Settings of notifications, from ``NOTIFICATIONS_…`` and what all services share."""

from email.headerregistry import Address
from email.utils import parseaddr
from functools import cached_property

from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings, settings_of
from notifications.clients.egress import networks_from
from notifications.clients.smtp import SmtpServer
from notifications.mails.rules import mailable, one_line


class Settings(ServiceSettings):
    """What notifications needs to know."""

    model_config = settings_of("notifications") | SettingsConfigDict(hide_input_in_errors=True)  # a URL has a password

    smtp_url: SecretStr = Field(
        description="Mail server: `smtp://host:port` for a relay at hand, in the clear; `smtps://user:password@host` "
        "with TLS from the start; `smtp://user:password@host:587` insists on STARTTLS before it signs in."
    )
    smtp_timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="How long to wait for the mail server to connect, and for each of its answers."
    )
    mail_from: str = Field(description="Sender of every mail, `shop@example.com` or `The Shop <shop@example.com>`.")
    shop_name: str = Field("Quartermaster", min_length=1, max_length=100, description="What mails call the shop.")
    locale: str = Field("en_GB", description="How mails write amounts and dates, such as `en_GB` or `de_DE`.")
    send_attempts: int = Field(
        14, ge=1, le=50, description="Tries before a message is given up; 14 last some 8 to 12 hours."
    )
    first_retry_seconds: float = Field(
        5.0, gt=0, le=3600, description="Rest after the first failed try; doubled each time, up to 4 hours."
    )
    alert_hold_minutes: float = Field(
        60.0, ge=0, le=10_080, description="How long a stock alert waits for the first member of staff to tell."
    )

    stream_limit: int = Field(
        500, ge=1, le=10_000, description="Open event streams of this process; one more is answered with 503."
    )
    stream_minutes: float = Field(
        10.0,
        gt=0,
        le=60,
        description="Longest life of an event stream. Its reader then connects again, and is asked again who it is.",
    )

    webhook_allowed_targets: str = Field(
        "",
        validation_alias="WEBHOOK_ALLOWED_TARGETS",
        description="Networks that webhooks may call though they are not public, there also by http: "
        "`127.0.0.0/8,10.1.2.0/24`. Whatever listens there can be called by whoever may register a webhook.",
    )

    @field_validator("webhook_allowed_targets")
    @classmethod
    def _readable_networks(cls, value: str) -> str:
        networks_from(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _readable_url(cls, value: SecretStr) -> SecretStr:
        SmtpServer.parse(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, value: str) -> str:
        _, address = parseaddr(value)
        try:
            sender = mailable(address)
        except EmailNotValidError as error:
            raise ValueError(f"{value!r} is no sender; use shop@example.com or The Shop <shop@example.com>") from error
        if sender.needs_utf8:
            raise ValueError("the sender's address is ASCII before the @, since not every server takes others")
        if value != one_line(value):
            raise ValueError("the sender is one line of printable characters")
        return value

    @field_validator("shop_name")
    @classmethod
    def _printable_name(cls, value: str) -> str:
        if value != one_line(value):
            raise ValueError("the shop's name is one line of printable characters")
        return value

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        try:
            return str(Locale.parse(value.replace("-", "_")))
        except (ValueError, UnknownLocaleError) as error:
            raise ValueError(f"{value} is no locale; use one such as en_GB or de_DE") from error

    @cached_property
    def sender(self) -> Address:
        """Whom mails are from."""
        name, address = parseaddr(self.mail_from)
        return mailable(address).called(name or self.shop_name)
