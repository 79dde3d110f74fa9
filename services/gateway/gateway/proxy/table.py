"""Every route that the gateway lets through, and nothing else.

A path is matched segment by segment as it was sent, still percent-encoded, and is passed on in the same bytes: an
encoded slash in a SKU stays part of it. The generator of the OpenAPI document fails when this table and the services'
documents differ.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from common.problems import MethodNotAllowed, NotFound

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

GATEWAY: Final = "gateway"
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class RouteClass:
    """How long and how large: ``seconds`` is for the whole exchange, or without any progress where ``streams``.

    ``endless`` answers stop only when one of the two leaves.
    """

    name: str
    seconds: float
    body_limit: int = MIB
    streams: bool = False
    endless: bool = False


READ: Final = RouteClass("read", 5.0)
WRITE: Final = RouteClass("write", 10.0)
CHECKOUT: Final = RouteClass("checkout", 25.0)
UPLOAD: Final = RouteClass("upload", 30.0, body_limit=2048 * MIB, streams=True)
DOWNLOAD: Final = RouteClass("download", 30.0, streams=True)
STREAM: Final = RouteClass("stream", 60.0, streams=True, endless=True)  # it says something every 15 s, or it is dead


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: who answers it, in which class, and whether it lets pass who has no credential at all.

    Where ``identity`` is False no credential is even read: signing in must work with an expired token at hand. Where
    ``address`` is True the service is told where the request came from.
    """

    method: Method
    path: str
    service: str
    limits: RouteClass
    public: bool = False
    identity: bool = True
    address: bool = False


def _get(service: str, path: str, *, public: bool = False) -> Route:
    return Route("GET", path, service, READ, public=public)


def _write(method: Method, service: str, path: str, *, public: bool = False) -> Route:
    return Route(method, path, service, WRITE, public=public)


_CATALOG: Final = "catalog"
_INVENTORY: Final = "inventory"
_ORDERS: Final = "orders"
_METRICS: Final = "metrics"
_NOTIFICATIONS: Final = "notifications"


def _dead_letters(service: str) -> tuple[Route, ...]:
    """Each service serves its own literal name."""
    root = f"/v1/dead-letters/{service}"
    return (
        _get(service, root),
        _get(service, f"{root}/{{id}}"),
        _write("POST", service, f"{root}/{{id}}/redrive"),
        _write("POST", service, f"{root}/{{id}}/discard"),
    )


# A guest has a cart token or not even that: orders tells them apart, and answers 404 for what is not theirs.
API: Final[tuple[Route, ...]] = (
    _get(_CATALOG, "/v1/products", public=True),
    _write("POST", _CATALOG, "/v1/products"),
    _get(_CATALOG, "/v1/products/{id}", public=True),
    _write("PATCH", _CATALOG, "/v1/products/{id}"),
    _write("DELETE", _CATALOG, "/v1/products/{id}"),
    _get(_CATALOG, "/v1/categories", public=True),
    _write("POST", _CATALOG, "/v1/categories"),
    _get(_CATALOG, "/v1/categories/{id}", public=True),
    _write("PATCH", _CATALOG, "/v1/categories/{id}"),
    _write("DELETE", _CATALOG, "/v1/categories/{id}"),
    _get(_CATALOG, "/v1/search", public=True),
    _get(_CATALOG, "/v1/search/suggestions", public=True),
    _get(_CATALOG, "/v1/metrics/search"),
    Route("GET", "/v1/products/export", _CATALOG, DOWNLOAD),
    _get(_CATALOG, "/v1/imports"),
    Route("POST", "/v1/imports", _CATALOG, UPLOAD),
    _get(_CATALOG, "/v1/imports/{id}"),
    Route("GET", "/v1/imports/{id}/rejected", _CATALOG, DOWNLOAD),
    _get(_INVENTORY, "/v1/locations"),
    _write("POST", _INVENTORY, "/v1/locations"),
    _get(_INVENTORY, "/v1/locations/{id}"),
    _write("PATCH", _INVENTORY, "/v1/locations/{id}"),
    _get(_INVENTORY, "/v1/stock", public=True),
    _get(_INVENTORY, "/v1/stock/{sku}", public=True),
    _write("POST", _INVENTORY, "/v1/stock/{sku}/adjustments"),
    _write("PUT", _INVENTORY, "/v1/stock/{sku}/reorder-point"),
    _write("POST", _ORDERS, "/v1/carts", public=True),
    _get(_ORDERS, "/v1/carts/{id}", public=True),
    _write("POST", _ORDERS, "/v1/carts/{id}/lines", public=True),
    _write("PATCH", _ORDERS, "/v1/carts/{id}/lines/{line}", public=True),
    _write("DELETE", _ORDERS, "/v1/carts/{id}/lines/{line}", public=True),
    _write("PUT", _ORDERS, "/v1/carts/{id}/addresses", public=True),
    _get(_ORDERS, "/v1/carts/{id}/shipping-options", public=True),
    _write("PUT", _ORDERS, "/v1/carts/{id}/shipping-option", public=True),
    Route("POST", "/v1/carts/{id}/checkout", _ORDERS, CHECKOUT, public=True),
    _get(_ORDERS, "/v1/orders"),
    Route("POST", "/v1/orders/import", _ORDERS, UPLOAD),
    _get(_ORDERS, "/v1/orders/{id}", public=True),
    _write("POST", _ORDERS, "/v1/orders/{id}/cancel"),
    _write("POST", _ORDERS, "/v1/orders/{id}/fulfilments"),
    _get(_ORDERS, "/v1/orders/{id}/shipments", public=True),
    _write("POST", _ORDERS, "/v1/shipments/{id}/tracking"),
    _get(_ORDERS, "/v1/tax-rates"),
    _write("PUT", _ORDERS, "/v1/tax-rates"),
    _get(_ORDERS, "/v1/shipping-rates"),
    _write("PUT", _ORDERS, "/v1/shipping-rates"),
    _get(_ORDERS, "/v1/me/addresses"),
    _write("POST", _ORDERS, "/v1/me/addresses"),
    _get(_ORDERS, "/v1/me/addresses/{id}"),
    _write("PUT", _ORDERS, "/v1/me/addresses/{id}"),
    _write("DELETE", _ORDERS, "/v1/me/addresses/{id}"),
    Route("POST", "/v1/collect", _METRICS, WRITE, public=True, address=True),
    _get(_METRICS, "/v1/collect.js", public=True),
    _get(_METRICS, "/v1/metrics/kpis"),
    _get(_METRICS, "/v1/metrics/products"),
    _get(_NOTIFICATIONS, "/v1/messages"),
    _get(_NOTIFICATIONS, "/v1/webhooks"),
    _write("POST", _NOTIFICATIONS, "/v1/webhooks"),
    _get(_NOTIFICATIONS, "/v1/webhooks/{id}"),
    _write("PATCH", _NOTIFICATIONS, "/v1/webhooks/{id}"),
    _write("DELETE", _NOTIFICATIONS, "/v1/webhooks/{id}"),
    _write("POST", _NOTIFICATIONS, "/v1/webhooks/{id}/secret"),
    _write("POST", _NOTIFICATIONS, "/v1/webhooks/{id}/test"),
    _write("POST", _NOTIFICATIONS, "/v1/webhooks/{id}/enable"),
    _write("POST", _NOTIFICATIONS, "/v1/webhooks/{id}/replay"),
    _get(_NOTIFICATIONS, "/v1/webhooks/{id}/deliveries"),
    _get(_NOTIFICATIONS, "/v1/webhooks/{id}/deliveries/{delivery}"),
    _write("POST", _NOTIFICATIONS, "/v1/webhooks/{id}/deliveries/{delivery}/retry"),
    _get(_NOTIFICATIONS, "/v1/events"),
    Route("GET", "/v1/events/stream", _NOTIFICATIONS, STREAM),
    _get(_NOTIFICATIONS, "/v1/event-types"),
    *_dead_letters(_CATALOG),
    *_dead_letters(_INVENTORY),
    *_dead_letters(_ORDERS),
    *_dead_letters(_METRICS),
    *_dead_letters(_NOTIFICATIONS),
    Route("POST", "/v1/auth/register", GATEWAY, WRITE, public=True, identity=False),
    Route("POST", "/v1/auth/token", GATEWAY, WRITE, public=True, identity=False),
    _get(GATEWAY, "/v1/me"),
    _get(GATEWAY, "/v1/users"),
    _write("POST", GATEWAY, "/v1/users"),
    _get(GATEWAY, "/v1/status", public=True),
    _write("POST", GATEWAY, "/v1/test-clock"),
    Route("GET", "/.well-known/jwks.json", GATEWAY, READ, public=True, identity=False),
    Route("GET", "/asyncapi.json", GATEWAY, READ, public=True, identity=False),
    Route("GET", "/contracts/events/{type}/{version}.json", GATEWAY, READ, public=True, identity=False),
)
"""What the OpenAPI document describes."""

PAGES: Final = tuple(
    Route("GET", path, GATEWAY, READ, public=True, identity=False)
    for path in (
        "/",
        "/docs",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/problems/{slug}",
    )
)
"""What stands beside it."""


@dataclass(slots=True)
class _Node:
    """A segment of the tree: what may follow it, and what answers when nothing does."""

    literal: dict[bytes, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    routes: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """Finds the route of a request in as many steps as its path has segments."""

    def __init__(self, routes: Iterable[Route] = (*API, *PAGES)) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.encode().split(b"/")[1:]:
            if segment.startswith(b"{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literal.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.path} is in the table twice")
        node.routes[route.method] = route

    def find(self, method: str, raw_path: bytes) -> Route:
        """Return the route. Raises NotFound, or MethodNotAllowed where the path exists."""
        node: _Node | None = self._root
        for segment in raw_path.split(b"/")[1:]:
            node = node and _step(node, segment)
        if node is None or not node.routes:
            raise NotFound(f"There is nothing at {raw_path[:200].decode(errors='replace')}; /docs lists what there is.")
        route = node.routes.get(method)
        if route is None:
            allowed = ", ".join(node.routes)
            raise MethodNotAllowed(f"This path knows {allowed}, not {method}.", headers={"Allow": allowed})
        return route


def _step(node: _Node, segment: bytes) -> _Node | None:
    found = node.literal.get(segment)
    if found is None and _is_value(segment):
        found = node.variable
    return found


def _is_value(segment: bytes) -> bool:
    """Tell whether a segment may stand for a variable: neither empty nor a step to another path, encoded or not."""
    return bool(segment) and segment.lower().replace(b"%2e", b".") not in {b".", b".."}
