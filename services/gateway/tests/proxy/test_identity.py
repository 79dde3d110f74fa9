"""What a service is told about the caller, and what it is never told."""

from datetime import timedelta
from hashlib import sha256

import httpx2
import pytest

from common.auth import TokenSigner
from common.testing import Keyring, TestClock
from gateway.testing import Bearer, ReadToken, Suite, TinyService, make_user
from gateway.users.roles import SCOPES_OF


async def test_staff_arrives_with_the_scopes_of_the_role(
    gate: httpx2.AsyncClient, catalog: TinyService, bearer: Bearer, read_token: ReadToken
) -> None:
    user = make_user(role="merchandiser", email="milo@shop.example", name="Milo Sørensen")
    await gate.get("/v1/products", headers=bearer(user=user))
    caller = read_token(catalog.last, "catalog")
    assert (caller.subject, caller.kind, caller.customer_id, caller.cart) == (str(user.id), "user", None, None)
    assert caller.scopes == set(SCOPES_OF["merchandiser"])
    assert (caller.email, caller.name) == ("milo@shop.example", "Milo Sørensen")


async def test_customer_and_cart_token_stand_together(
    gate: httpx2.AsyncClient, orders: TinyService, bearer: Bearer, read_token: ReadToken
) -> None:
    user = make_user()
    await gate.get("/v1/carts/1", headers=bearer(user=user) | {"Cart-Token": "a-secret"})
    caller = read_token(orders.last, "orders")
    assert (caller.customer_id, caller.cart) == (user.id, sha256(b"a-secret").hexdigest())
    assert "Cart-Token" not in orders.last.headers


async def test_guest_has_a_cart_and_no_name(
    gate: httpx2.AsyncClient, orders: TinyService, read_token: ReadToken
) -> None:
    await gate.get("/v1/carts/1", headers={"Cart-Token": "a-secret"})
    caller = read_token(orders.last, "orders")
    assert (caller.kind, caller.subject, caller.cart) == ("anonymous", None, sha256(b"a-secret").hexdigest())


async def test_token_is_for_one_service_and_reused_for_half_a_minute(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, read_token: ReadToken, clock: TestClock
) -> None:
    catalog, inventory, headers = suite["catalog"], suite["inventory"], bearer("admin")
    for path in ("/v1/products", "/v1/products", "/v1/stock"):
        await gate.get(path, headers=headers)
    first, second = (request.headers["Authorization"] for request in catalog.requests)
    assert first == second != inventory.last.headers["Authorization"]
    read_token(inventory.last, "inventory")
    with pytest.raises(Exception, match="meant for someone else"):
        read_token(inventory.last, "catalog")
    clock.advance(timedelta(seconds=31))
    await gate.get("/v1/products", headers=headers)
    assert catalog.last.headers["Authorization"] != first


async def test_two_carts_of_one_login_are_told_apart(
    gate: httpx2.AsyncClient, orders: TinyService, bearer: Bearer, read_token: ReadToken
) -> None:
    headers = bearer()
    for cart in ("one", "two"):
        await gate.get("/v1/carts/1", headers=headers | {"Cart-Token": cart})
        assert read_token(orders.last, "orders").cart == sha256(cart.encode()).hexdigest()


async def test_expired_token_is_401_also_where_none_is_needed(
    gate: httpx2.AsyncClient, catalog: TinyService, bearer: Bearer, clock: TestClock
) -> None:
    headers = bearer()
    assert (await gate.get("/v1/products", headers=headers)).status_code == 200
    clock.advance(timedelta(minutes=10, seconds=1))
    answer = await gate.get("/v1/products", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert len(catalog.requests) == 1


async def test_signing_in_does_not_mind_an_expired_token(
    gate: httpx2.AsyncClient, bearer: Bearer, clock: TestClock
) -> None:
    headers = bearer()
    clock.advance(timedelta(minutes=11))
    answer = await gate.post(
        "/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": "x"}, headers=headers
    )
    assert answer.json()["error"] == "invalid_grant"


async def test_only_our_access_tokens_are_taken(
    gate: httpx2.AsyncClient, catalog: TinyService, bearer: Bearer, keyring: Keyring, clock: TestClock
) -> None:
    """Not a service's token, not an internal one that leaked, not an altered one, not another scheme."""
    expires = clock.now().timestamp() + 60
    mine = bearer("admin")["Authorization"]
    head, payload, signature = mine.removeprefix("Bearer ").split(".")
    forged = [
        f"Bearer {keyring.service_token('orders', 'catalog')}",
        f"Bearer {keyring.user_token('catalog', {'sub': 'x', 'scope': 'catalog:write'})}",
        f"Bearer {TokenSigner('gateway', keyring.private['gateway']).sign({'aud': 'quartermaster'}, expires=expires)}",
        f"Bearer {head}.{payload}.{signature[:-4]}AAAA",
        f"Bearer {head}.{payload}.",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer",
        "Basic YTpi",
        "Bearer \xff.\xff.\xff",
    ]
    for value in forged:
        answer = await gate.get("/v1/products", headers=[(b"Authorization", value.encode("latin-1"))])
        assert answer.status_code == 401, value
    assert catalog.requests == []


async def test_without_credential_a_protected_route_is_not_even_asked_for(
    gate: httpx2.AsyncClient, orders: TinyService
) -> None:
    answer = await gate.get("/v1/orders")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert orders.requests == []


async def test_answers_for_somebody_are_not_stored_by_anybody(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer
) -> None:
    assert suite
    assert (await gate.get("/v1/products", headers=bearer())).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in (await gate.get("/v1/products")).headers


async def test_cart_token_of_absurd_length_is_400(gate: httpx2.AsyncClient, orders: TinyService) -> None:
    assert (await gate.get("/v1/carts/1", headers={"Cart-Token": "x" * 257})).status_code == 400
    assert orders.requests == []


async def test_pages_of_listed_origins_may_call(gate: httpx2.AsyncClient, suite: Suite) -> None:
    assert suite
    asked = {"Origin": "https://console.example", "Access-Control-Request-Method": "PATCH"}
    preflight = await gate.options("/v1/products/1", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://console.example"
    assert "If-Match" in preflight.headers["Access-Control-Allow-Headers"]
    answer = await gate.get("/v1/products", headers={"Origin": "https://shop.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert {"ETag", "Location", "Retry-After", "RateLimit", "Idempotency-Replayed"} <= set(
        answer.headers["Access-Control-Expose-Headers"].split(", ")
    )
    refused = await gate.get("/v1/unknown", headers={"Origin": "https://shop.example"})
    assert refused.headers["Access-Control-Allow-Origin"] == "https://shop.example"


async def test_pages_of_other_origins_may_not(gate: httpx2.AsyncClient, suite: Suite) -> None:
    assert suite
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    assert (await gate.options("/v1/products", headers=asked)).status_code == 403
    answer = await gate.get("/v1/products", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"
