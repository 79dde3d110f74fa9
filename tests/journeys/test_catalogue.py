"""Drafts, second editors, and the shop while its catalogue is away."""

import secrets
from typing import Any

import httpx2

from common.testing.suite import until
from tests.support.shop import Shop


async def test_a_draft_is_404_to_the_public(shop: Shop) -> None:
    """Until it is published nobody finds it, reads it or buys it; once it is deleted, nobody again."""
    sku = f"DRAFT-{secrets.token_hex(4).upper()}"
    draft = await shop.add_product(sku, status="draft")
    await shop.count(sku, 5)
    await shop.settle()
    customer, _ = await shop.customer()
    path = f"/v1/products/{draft['id']}"

    async def seen() -> tuple[list[int], list[Any], int]:
        read = [(await who.ask("GET", at)).status_code for who in (shop.nobody, customer) for at in (path, by_handle)]
        listed = [
            item["id"]
            for found in (await shop.nobody.get("/v1/products", limit=200), await shop.nobody.get("/v1/search", q=sku))
            for item in found["items"]
            if item["id"] == draft["id"]
        ]
        return read, listed, (await shop.nobody.ask("GET", f"/v1/stock/{sku}")).status_code

    by_handle = f"/v1/products/{draft['handle']}"
    assert await seen() == ([404] * 4, [], 404)
    cart = await shop.nobody.post("/v1/carts", {"currency": "EUR"})
    holder, lines = shop.nobody.with_header("Cart-Token", cart["token"]), f"/v1/carts/{cart['id']}/lines"
    assert (await holder.post(lines, {"sku": sku}, 409))["type"] == "/problems/not-for-sale"

    staff = shop.staff["admin"]
    etag = (await staff.call("GET", path)).headers["etag"]
    await staff.call("PATCH", path, json={"status": "published"}, headers={"If-Match": etag})
    assert (await seen())[:2] == ([200] * 4, [draft["id"]] * 2)

    async def for_sale() -> bool:
        return (await holder.ask("POST", lines, json={"sku": sku})).status_code == httpx2.codes.CREATED

    await until(for_sale)

    await staff.call("DELETE", path, 204)
    assert (await seen())[:2] == ([404] * 4, [])

    async def unavailable() -> bool:
        shown = await holder.get(f"/v1/carts/{cart['id']}")
        return not shown["lines"][0]["available"]

    await until(unavailable)


async def test_the_second_editor_is_told(shop: Shop) -> None:
    """Who edits what somebody else has changed meanwhile gets 412, who has not looked 428, and neither changes it."""
    staff, tag = shop.staff["admin"], secrets.token_hex(4)
    product = await shop.add_product(f"EDIT-{tag}")
    category = await staff.post("/v1/categories", {"title": f"Category {tag}", "handle": f"category-{tag}"})
    location = await staff.post("/v1/locations", {"code": f"L{tag.upper()}", "name": "Annex", "country": "DE"})
    rates = {name: (await staff.get(f"/v1/{name}"))["rates"] for name in ("tax-rates", "shipping-rates")}
    edits: dict[tuple[str, str], list[dict[str, Any]]] = {
        ("PATCH", f"/v1/products/{product['id']}"): [{"title": "First"}, {"title": "Second"}],
        ("PATCH", f"/v1/categories/{category['id']}"): [{"title": f"First {tag}"}, {"title": f"Second {tag}"}],
        ("PATCH", f"/v1/locations/{location['id']}"): [{"name": "First"}, {"name": "Second"}],
        ("PUT", "/v1/tax-rates"): [{"rates": rates["tax-rates"][::-1]}, {"rates": []}],
        ("PUT", "/v1/shipping-rates"): [{"rates": rates["shipping-rates"][::-1]}, {"rates": []}],
    }
    for (method, path), (first, second) in edits.items():
        etag = (await staff.call("GET", path)).headers["etag"]
        await staff.call(method, path, json=first, headers={"If-Match": etag})
        after = await staff.call("GET", path)

        late = await staff.ask(method, path, json=second, headers={"If-Match": etag})
        blind = await staff.ask(method, path, json=second)

        assert (late.status_code, late.json()["type"]) == (412, "/problems/precondition-failed"), path
        assert (blind.status_code, blind.json()["type"]) == (428, "/problems/precondition-required"), path
        now = await staff.call("GET", path)
        assert (now.headers["etag"], now.json()) == (after.headers["etag"], after.json()), path


async def test_the_shop_sells_while_its_catalogue_is_away(shop: Shop) -> None:
    """Catalog's own routes are 503 and say when to come back; carts, checkout and all others go on."""
    sku = await shop.stocked(5)
    await shop.suite.stop("catalog")
    try:
        for path in ("/v1/products", f"/v1/products/{sku.lower()}", "/v1/search?q=x", "/v1/categories"):
            away = await shop.nobody.ask("GET", path)
            assert (away.status_code, away.json()["type"]) == (503, "/problems/unavailable"), path
            assert int(away.headers["retry-after"]) >= 1, path
        placed = await shop.order({sku: 2})
        assert placed["lines"][0]["sku"] == sku
        assert (await shop.nobody.get(f"/v1/stock/{sku}"))["available"] is True
        assert (await shop.staff["admin"].get("/v1/locations"))["items"]
        assert (await shop.nobody.get("/v1/status"))["status"] == "degraded"
        assert (await shop.nobody.ask("GET", "/readyz")).status_code == 200
    finally:
        await shop.suite.start("catalog")

    async def back() -> bool:
        return (await shop.nobody.ask("GET", f"/v1/products/{sku.lower()}")).status_code == httpx2.codes.OK

    await until(back)
