"""What an error means for the event that met it."""

import asyncio
from collections.abc import Iterator
from enum import Enum

import asyncpg
import sqlalchemy.exc
from pydantic import ValidationError

from common.events import MalformedRecordError, without_input
from common.inbox._consumer import Permanent
from common.problems import Problem

SERVER_FAULT = 500
CONFLICT = 409

TRANSIENT_STATES = (
    "08",  # connection
    "40",  # serialisation failure, deadlock
    "53",  # disk full, too many connections
    "55P03",  # lock_timeout
    "57",  # cancelled by time-out, shut down
    "58",  # the server's own I/O
    "25006",  # read-only: a standby during a fail-over
)
PERMANENT_STATES = (
    "22",  # a value that the column cannot hold
    "23502",  # NOT NULL
    "23514",  # CHECK: an invariant of the business refuses; UNIQUE and FOREIGN KEY may be a race and are not here
)


class Verdict(Enum):
    """TRANSIENT is never dead, PERMANENT at once, UNKNOWN after some tries."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


def described(error: BaseException) -> str:
    """Say what was raised, without the values that a validation error quotes: they can be personal."""
    if isinstance(error, ValidationError):
        return f"ValidationError: {without_input(error)}"
    return repr(error)


def verdict_on(error: BaseException) -> Verdict:
    """Judge by the first of the error and what it was raised from that says something."""
    for cause in _causes(error):
        verdict = _judge(cause)
        if verdict is not Verdict.UNKNOWN:
            return verdict
    return Verdict.UNKNOWN


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):  # a chain that bites its tail
        if error is None:
            return
        yield error
        error = getattr(error, "orig", None) or error.__cause__


def _judge(error: BaseException) -> Verdict:
    if isinstance(error, (Permanent, MalformedRecordError, ValidationError)):
        return Verdict.PERMANENT
    if isinstance(error, Problem):
        return _judge_problem(error)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _judge_state(state)
    lost = isinstance(error, asyncpg.InterfaceError) and "connection" in str(error)  # its others are about wrong calls
    lost = lost or isinstance(error, asyncpg.InternalClientError)  # the driver is still reading the server's farewell
    if lost or isinstance(error, (OSError, TimeoutError, asyncio.IncompleteReadError, sqlalchemy.exc.TimeoutError)):
        return Verdict.TRANSIENT
    return Verdict.UNKNOWN


def _judge_state(state: str) -> Verdict:
    if state.startswith(TRANSIENT_STATES):
        return Verdict.TRANSIENT
    return Verdict.PERMANENT if state.startswith(PERMANENT_STATES) else Verdict.UNKNOWN


def _judge_problem(problem: Problem) -> Verdict:
    if problem.status >= SERVER_FAULT:
        return Verdict.TRANSIENT
    # the world disagrees, and it may come round; any other refusal is final
    return Verdict.UNKNOWN if problem.status == CONFLICT else Verdict.PERMANENT
