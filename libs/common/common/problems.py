"""What can go wrong, told to callers as RFC 9457 problems.

A service's own problems are classes in its ``problems.py``; status, slug and title are the class's, the detail and the
members beside it are the occurrence's. Whatever is raised as a Problem has changed nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in the request; ``pointer`` is a JSON Pointer into the body, or like ``/query/<name>``."""

    pointer: str
    detail: str


class Problem(Exception):
    """A refusal with a type, a status and a sentence that says the value, the reason, the way out."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something broke on our side"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,  # noqa: ANN401 - JSON members beside the standard ones
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = extra

    @classmethod
    def documented(cls) -> list[type["Problem"]]:
        """List every concrete problem known to this process, by slug: the pages under ``/problems/``."""
        found: dict[str, type[Problem]] = {}
        pending: list[type[Problem]] = [Problem]
        while pending:
            kind = pending.pop()
            found.setdefault(kind.slug, kind)
            pending.extend(kind.__subclasses__())
        return [found[slug] for slug in sorted(found)]


class BadRequest(Problem):
    """The request cannot be understood: its syntax, a header or a parameter is malformed."""

    status, slug, title = 400, "bad-request", "The request cannot be understood"


class InvalidCursor(BadRequest):
    """The page cursor was not made by this list, or was made under other filters. Start again without it."""

    slug, title = "invalid-cursor", "The page cursor does not fit this list"


class IdempotencyKeyMissing(BadRequest):
    """This operation needs an Idempotency-Key, so that a repeated request cannot act twice."""

    slug, title = "idempotency-key-missing", "An Idempotency-Key is needed"


class Unauthenticated(Problem):
    """No credential came along, or it is expired or not ours. Sign in again."""

    status, slug, title = 401, "unauthenticated", "Sign in first"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """The caller is known but lacks the scope that this operation asks for."""

    status, slug, title = 403, "forbidden", "Not allowed"


class NotFound(Problem):
    """There is nothing of this id, or it is not the caller's to see."""

    status, slug, title = 404, "not-found", "Not found"


class MethodNotAllowed(Problem):
    """The resource exists and does not know this method."""

    status, slug, title = 405, "method-not-allowed", "Method not allowed"


class Conflict(Problem):
    """The world disagrees with the request: what it assumes is not so, or is not so any more."""

    status, slug, title = 409, "conflict", "The request does not fit the present state"


class RequestInProgress(Conflict):
    """A request with this Idempotency-Key is still running. Ask again a moment later."""

    slug, title = "request-in-progress", "The first request with this key is still running"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class PreconditionFailed(Problem):
    """Someone was faster: the version named by If-Match is not the present one. Read again, then decide."""

    status, slug, title = 412, "precondition-failed", "Someone else changed this in the meantime"


class TooLarge(Problem):
    """The body is larger than this operation takes."""

    status, slug, title = 413, "too-large", "The body is too large"


class UnsupportedMediaType(Problem):
    """The body's content type is not one that this operation reads."""

    status, slug, title = 415, "unsupported-media-type", "Unsupported content type"


class InvalidInput(Problem):
    """The body or a parameter is wrong; ``errors`` points at each place."""

    status, slug, title = 422, "invalid-input", "The input is not valid"


class KeyReused(Problem):
    """The Idempotency-Key was used before with another body. A new intention needs a new key."""

    status, slug, title = 422, "idempotency-key-reused", "The Idempotency-Key was used for something else"


class PreconditionRequired(Problem):
    """This operation needs If-Match with the version that was read, so that no one's change is overwritten."""

    status, slug, title = 428, "precondition-required", "If-Match is needed"


class Unavailable(Problem):
    """A part that this operation needs is away or too busy. Try again after Retry-After seconds."""

    status, slug, title = 503, "unavailable", "Try again in a moment"

    def __init__(self, detail: str, *, retry_after: int = 1, **extra: Any) -> None:  # noqa: ANN401 - as in Problem
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extra)


class DeadlineExceeded(Problem):
    """The time that the caller or the route allows was over before the answer was ready."""

    status, slug, title = 504, "deadline-exceeded", "It took too long"
