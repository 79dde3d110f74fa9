"""HTTP in and out: routes, answers, versions, units of work."""

from common.answers import Answer, answer_of, problem_answer
from common.http._breaker import BreakerOpenError, BreakerState, CircuitBreaker, Permit, RetryBudget
from common.http.bodies import body_described, pieces_of
from common.http.dependencies import KeyedUow, PlainUow, Uow, runtime_of
from common.http.etag import IfMatch, RequiredIfMatch, check_version, etag_of, public_etag
from common.http.router import Router, problems

__all__ = [
    "Answer",
    "BreakerOpenError",
    "BreakerState",
    "CircuitBreaker",
    "IfMatch",
    "KeyedUow",
    "Permit",
    "PlainUow",
    "RequiredIfMatch",
    "RetryBudget",
    "Router",
    "Uow",
    "answer_of",
    "body_described",
    "check_version",
    "etag_of",
    "pieces_of",
    "problem_answer",
    "problems",
    "public_etag",
    "runtime_of",
]
