"""Idempotency-Key: the same request twice acts once.

The answer is stored in the transaction of the work. 2xx, 402, 409 and 422 of the use case are stored for 24 hours and
replayed; nothing else is, since nothing else says that the work was judged.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b, sha256
from typing import Final

import orjson
from asyncpg import Connection, Record

from common.problems import KeyReused, RequestInProgress

KEPT_FOR = timedelta(hours=24)
STORED_PROBLEMS: Final = frozenset({402, 409, 422})

TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
LOOK_UP = """
SELECT fingerprint, status, headers, body FROM idempotency_key
WHERE principal = $1 AND key = $2 AND created_at > $3
"""
STORE = """
INSERT INTO idempotency_key (principal, key, fingerprint, status, headers, body, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (principal, key) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint, status = EXCLUDED.status, headers = EXCLUDED.headers,
    body = EXCLUDED.body, created_at = EXCLUDED.created_at
"""
DELETE_OLD = """
DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_key WHERE created_at < $1 LIMIT 5000
))
"""


@dataclass(frozen=True, slots=True)
class IdempotencyScope:
    """Whose key it is, and what it was used for: ``fingerprint`` is of method, path and body."""

    principal: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, *, principal: str, key: str, method: str, path: str, body: bytes) -> "IdempotencyScope":
        """Build the scope of one request."""
        digest = sha256(b"\n".join((method.encode(), path.encode(), body))).digest()
        return cls(principal=principal, key=key, fingerprint=digest)

    @property
    def lock(self) -> int:
        """The advisory lock's number: 64 bits of the key's hash."""
        digest = blake2b(f"{self.principal}\n{self.key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, signed=True)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered the first time."""

    status: int
    headers: dict[str, str]
    body: bytes


class Replayed(Exception):
    """The work was done before; carries its answer to whoever writes the response."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__("answered before")
        self.answer = answer


async def claim_key(connection: Connection, scope: IdempotencyScope, *, not_before: object) -> None:
    """Take the key for this transaction.

    The lock is taken before any savepoint: one taken inside would be lost with its rollback, and a second request would
    pass while the first still runs. Raises Replayed, KeyReused or RequestInProgress.
    """
    if not await connection.fetchval(TRY_LOCK, scope.lock):
        raise RequestInProgress(f"The request with Idempotency-Key {scope.key} has not ended yet.")
    row: Record | None = await connection.fetchrow(LOOK_UP, scope.principal, scope.key, not_before)
    if row is None:
        return
    if row["fingerprint"] != scope.fingerprint:
        raise KeyReused(f"Idempotency-Key {scope.key} belongs to another request; send a new key for a new one.")
    raise Replayed(StoredAnswer(status=row["status"], headers=orjson.loads(row["headers"]), body=row["body"]))
