"""What each role may do: the one table from which every scope in a token comes.

A customer needs no scope for own things; services let them through by ownership.
"""

from typing import Final, Literal, get_args

Role = Literal[
    "customer", "partner", "admin", "coordinator", "merchandiser", "warehouse", "marketer", "support", "analyst"
]
ROLES: Final[tuple[str, ...]] = get_args(Role)

SCOPES: Final = (
    "catalog:read",
    "catalog:write",
    "inventory:read",
    "inventory:adjust",
    "orders:read",
    "orders:write",
    "orders:fulfil",
    "orders:refund",
    "orders:import",
    "metrics:read",
    "metrics:write",
    "messages:read",
    "messages:write",
    "events:subscribe",
    "events:pii",
    "users:write",
    "keys:write",
    "audit:read",
)


def _of(*resources: str) -> tuple[str, ...]:
    return tuple(scope for scope in SCOPES if scope.partition(":")[0] in resources)


WITHOUT_PERSONAL_DATA: Final = frozenset({"analyst"})
"""Roles that read orders and messages, but not who the people are."""

SCOPES_OF: Final[dict[str, tuple[str, ...]]] = {
    "customer": (),
    "partner": ("events:subscribe",),
    "admin": SCOPES,
    "coordinator": tuple(scope for scope in SCOPES if scope not in {"users:write", "keys:write"}),
    "merchandiser": _of("catalog"),
    "warehouse": (*_of("inventory"), "orders:read", "orders:fulfil"),
    "marketer": _of("messages"),
    "support": ("orders:read", "orders:refund", *_of("messages")),
    "analyst": tuple(scope for scope in SCOPES if scope.endswith(":read")),  # never events:pii
}
