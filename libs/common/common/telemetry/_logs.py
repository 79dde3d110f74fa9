"""Structured logs: one JSON object a line, with the ids that join request, trace and correlation.

A log event is a noun, a verb in the past and fields (``parcel.shipped order_id=…``). Bodies, addresses and secrets are
not logged; a field that is named like one is masked.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import orjson
import structlog

from common.context import current_context

MASKED: Final = frozenset(
    {"password", "token", "authorization", "secret", "email", "address", "phone", "card", "cookie", "recipient"}
)
NOISY_LIBRARIES: Final = ("aiokafka", "asyncio", "uvicorn", "httpx2", "httpcore2", "mail.log", "alembic")


def _mask(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in MASKED & event.keys():
        event[name] = "[masked]"
    return event


def _add_context(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = current_context()
    event.setdefault("request_id", context.request_id)
    event.setdefault("trace_id", context.trace_id)
    event.setdefault("correlation_id", context.correlation_id)
    return event


def _render(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(dict(event), default=str).decode()


def configure_logs(service: str, level: str, *, stream: TextIO | None = None) -> None:
    """Send this process's logs, the libraries' warnings included, to ``stream``; standard output by default."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    stream = stream or sys.stdout

    def add_service(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"ts": event.pop("timestamp", None), "level": event.pop("level", None), "service": service, **event}

    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_context,
        _mask,
        add_service,
    ]
    structlog.configure(
        processors=[*shared, _render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module; safe to make at import."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return bound
