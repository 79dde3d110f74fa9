"""The documents of the API, and the gateway that serves what they say."""

import re
from pathlib import Path
from typing import Any

import pytest

from common.problems import Problem
from tests.support.shop import Shop
from tools.openapi.describe import problem_pages
from tools.openapi.generate import main as generate

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (GET|POST|PUT|PATCH|DELETE) \| `([^`]+)` \| (\w+) \| ([^|]+) \|")
NOWHERE = {"/problems/not-found", "/problems/method-not-allowed"}
WITH_BODY = {"POST", "PUT", "PATCH"}
SOMEBODY = "0199f000-0000-7000-8000-000000000000"
ENDS = {"/v1/events/stream": "?after=nowhere"}  # asked for well it has no end


def documented() -> list[tuple[str, str, str]]:
    """Method, path and who may, of every line of docs/routes.md."""
    rows = (ROW.match(line) for line in (ROOT / "docs" / "routes.md").read_text(encoding="utf-8").splitlines())
    return [(row[1], row[2], row[4].strip()) for row in rows if row]


def slugs() -> list[str]:
    """Every problem that common or a service knows."""
    from catalog.app import SERVICE as CATALOG  # noqa: PLC0415 - the services are only needed for their problems
    from gateway.app import SERVICE as GATEWAY  # noqa: PLC0415
    from inventory.app import SERVICE as INVENTORY  # noqa: PLC0415
    from metrics.app import SERVICE as METRICS  # noqa: PLC0415
    from notifications.app import SERVICE as NOTIFICATIONS  # noqa: PLC0415
    from orders.app import SERVICE as ORDERS  # noqa: PLC0415

    assert Problem.documented()
    return list(problem_pages([CATALOG, GATEWAY, INVENTORY, METRICS, NOTIFICATIONS, ORDERS]))


def test_the_documents_are_current() -> None:
    """What is checked in is what the services say of themselves."""
    assert generate(["--check"]) == 0


async def test_the_gateway_serves_the_merged_document(shop: Shop) -> None:
    """Paths and methods of ``/openapi.json`` are those of ``docs/routes.md``; each has its answers and problems."""
    document = await shop.nobody.get("/openapi.json")
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert served == {(method, path) for method, path, _ in documented()}
    assert document["openapi"].startswith("3.1")
    for item in document["paths"].values():
        for operation in item.values():
            assert any(
                "application/problem+json" in answer.get("content", {}) for answer in operation["responses"].values()
            )


async def test_every_documented_route_is_routed(shop: Shop) -> None:
    """Each answers as itself, were it only that there is no such thing or that the body is wrong."""
    wrong = []
    for method, path, _ in documented():
        body: dict[str, Any] = {"json": {}} if method in WITH_BODY else {}
        at = re.sub(r"\{[^}]*\}", SOMEBODY, path) + ENDS.get(path, "")
        answer = await shop.staff["admin"].ask(method, at, **body)
        kind = answer.json().get("type") if "json" in answer.headers.get("content-type", "") else None
        if kind in NOWHERE or answer.status_code >= 500 or (kind is not None and not kind.startswith("/problems/")):
            wrong.append((method, path, answer.status_code, answer.text))
    assert wrong == []


async def test_no_route_serves_those_who_may_not(shop: Shop) -> None:
    """What the table does not call public is 401 to nobody, and what needs a scope 403 to a shopper."""
    shopper, _ = await shop.customer()
    open_doors = []
    for method, path, who in documented():
        body: dict[str, Any] = {"headers": {"If-Match": '"1"'}} | ({"json": {}} if method in WITH_BODY else {})
        at = re.sub(r"\{[^}]*\}", SOMEBODY, path)
        if who != "public" and (await shop.nobody.ask(method, at, **body)).status_code != 401:
            open_doors.append(("nobody", method, path))
        if who.startswith("`") and (await shopper.ask(method, at, **body)).status_code != 403:
            open_doors.append(("shopper", method, path))
    assert open_doors == []


async def test_what_is_not_in_the_table_is_not_there(shop: Shop) -> None:
    """Unknown paths are 404, known ones with another method 405 that says which would do."""
    for path in ("/v1", "/v1/nothing", "/v2/products", "/v1/products/", "//v1/products", "/v1/customers/" + SOMEBODY):
        answer = await shop.staff["admin"].ask("GET", path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found"), path
    wrong = await shop.staff["admin"].ask("DELETE", "/v1/orders/" + SOMEBODY)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", "/readyz", "/.well-known/jwks.json"])
async def test_pages_beside_the_document_are_there(shop: Shop, path: str) -> None:
    """For people and for whoever watches."""
    assert (await shop.nobody.ask("GET", path)).status_code == 200


async def test_each_problem_has_a_page(shop: Shop) -> None:
    """The ``type`` of a problem can be opened, whichever service it comes from."""
    missing = [slug for slug in slugs() if (await shop.nobody.ask("GET", f"/problems/{slug}")).status_code != 200]
    assert missing == []
    assert (await shop.nobody.ask("GET", "/problems/never-heard-of")).status_code == 404
