"""Products over HTTP: what is made, read, changed and taken away, and who is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from catalog.products.schemas import ProductView
from catalog.testing import money, product_body, variant_body
from common.database import Database
from common.events import Tombstone
from common.events.contracts.catalog import ProductCreated, ProductUpdated
from common.testing import Api, EventProbe

Json = dict[str, Any]
MakeProduct = Callable[..., Awaitable[Json]]


def sku() -> str:
    return f"SKU-{uuid4().hex[:10]}"


async def test_a_new_product_is_announced_whole_and_can_be_read_by_id_and_handle(
    staff: Api, api: Api, probe: EventProbe
) -> None:
    code = sku()
    body = product_body(
        title="Café mug",
        attributes=[{"name": "volume_ml", "type": "number", "value": 350}],
        media=[{"url": "https://shop.example/mug.webp", "alt": "A mug"}],
        variants=[variant_body(sku=code, options={"Colour": "Blue"}, prices=[money(1499), money(1650, "USD")])],
    )
    made = await staff.post("/v1/products", json=body)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    product = made.json()
    assert product["handle"] == "cafe-mug"
    assert product["options"] == [{"name": "Colour", "values": ["Blue"]}]

    by_id = await api.get(made.headers["location"])
    by_handle = await api.get("/v1/products/cafe-mug")
    assert by_id.content == by_handle.content == made.content
    ProductView.model_validate_json(by_id.content)

    (event,) = await probe.events(key=product["id"])
    assert isinstance(event.data, ProductCreated)
    assert event.sequence == 1
    assert event.data.changed == []
    (variant,) = event.data.object.variants
    assert (variant.sku, [price.amount for price in variant.prices]) == (code, [1499, 1650])
    assert event.data.object.options[0].values == ["Blue"]


async def test_a_draft_is_404_to_the_public_and_to_customers(api: Api, staff: Api, make_product: MakeProduct) -> None:
    draft = await make_product(title="Secret plan", status="draft")
    for path in (f"/v1/products/{draft['id']}", f"/v1/products/{draft['handle']}"):
        for reader in (api, api.as_customer()):
            refused = await reader.get(path)
            assert (refused.status_code, refused.json()["type"]) == (404, "/problems/product-not-found")
        assert (await staff.get(path)).status_code == 200
    listed = (await api.get("/v1/products?limit=200")).json()["items"]
    assert draft["id"] not in [card["id"] for card in listed]
    found = (await api.get("/v1/search?q=secret plan")).json()["items"]
    assert found == []
    seen = (await staff.get("/v1/products?status=draft&limit=200")).json()["items"]
    assert draft["id"] in [card["id"] for card in seen]


async def test_drafts_cannot_be_asked_for_without_the_scope(api: Api) -> None:
    assert (await api.get("/v1/products?status=draft")).status_code == 401
    assert (await api.as_customer().get("/v1/products?status=draft")).status_code == 403


async def test_a_product_of_no_channel_is_not_shown_to_the_public(
    api: Api, staff: Api, make_product: MakeProduct
) -> None:
    product = await make_product(channels=[])
    assert (await api.get(f"/v1/products/{product['id']}")).status_code == 404
    assert (await staff.get(f"/v1/products/{product['id']}")).status_code == 200


async def test_a_page_at_hand_is_not_sent_again(api: Api, staff: Api, make_product: MakeProduct) -> None:
    product = await make_product()
    path = f"/v1/products/{product['id']}"
    first = await api.get(path)
    assert first.headers["etag"].startswith('"1-')
    again = await api.get(path, headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    in_dollars = await api.get(f"{path}?currency=USD", headers={"If-None-Match": first.headers["etag"]})
    assert in_dollars.status_code == 200
    await staff.patch(path, json={"vendor": "Northfield"}, headers={"If-Match": '"1"'})
    changed = await api.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


async def test_a_currency_shows_its_prices_alone(api: Api, make_product: MakeProduct) -> None:
    product = await make_product(
        variants=[variant_body(prices=[money(1000), money(1100, "USD")], compare_at_prices=[money(1500, "USD")])]
    )
    (variant,) = (await api.get(f"/v1/products/{product['id']}?currency=USD")).json()["variants"]
    assert (variant["prices"], variant["compare_at_prices"]) == ([money(1100, "USD")], [money(1500, "USD")])
    assert (await api.get(f"/v1/products/{product['id']}?currency=usd")).status_code == 422


async def test_second_editor_gets_412_and_none_428(staff: Api, make_product: MakeProduct, probe: EventProbe) -> None:
    product = await make_product()
    path = f"/v1/products/{product['id']}"
    assert (await staff.patch(path, json={"title": "Mine"}, headers={"If-Match": '"1"'})).status_code == 200
    late = await staff.patch(path, json={"title": "No, mine"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.headers["etag"]) == (412, '"2"')
    assert (await staff.patch(path, json={"title": "No, mine"})).status_code == 428
    assert (await staff.get(path)).json()["title"] == "Mine"
    assert len(await probe.events("product.updated", key=product["id"])) == 1


async def test_a_patch_leaves_out_keeps_null_clears_and_replaces_lists_whole(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product(vendor="Northfield", tags=["a", "b"], description="<b>Steel</b>", product_type="Mugs")
    path = f"/v1/products/{product['id']}"
    patched = await staff.patch(
        path,
        json={"vendor": None, "tags": ["c"]},
        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    assert patched.status_code == 200, patched.text
    after = patched.json()
    assert (after["vendor"], after["tags"], after["description"], after["product_type"]) == (
        None, ["c"], "<b>Steel</b>", "Mugs",
    )  # fmt: skip
    assert after["variants"] == product["variants"]
    (event,) = await probe.events("product.updated", key=product["id"])
    assert isinstance(event.data, ProductUpdated)
    assert sorted(event.data.changed) == ["/tags", "/vendor"]
    assert event.data.object.version == 2


async def test_a_patch_without_effect_writes_and_announces_nothing(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product(tags=["a"])
    same = await staff.patch(
        f"/v1/products/{product['id']}",
        json={"title": product["title"], "tags": ["a"], "variants": [_as_written(product["variants"][0])]},
        headers={"If-Match": '"1"'},
    )
    assert (same.status_code, same.headers["etag"], same.json()) == (200, '"1"', product)
    assert await probe.events("product.updated", key=product["id"]) == []


def _as_written(variant: Json) -> Json:
    return {name: value for name, value in variant.items() if name != "title"}


async def test_variants_keep_their_ids_by_sku_and_by_id(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    one, two = sku(), sku()
    product = await make_product(
        variants=[variant_body(sku=one, options={"Size": "S"}), variant_body(sku=two, options={"Size": "M"})]
    )
    first, second = product["variants"]
    renamed, new = sku(), sku()
    patched = await staff.patch(
        f"/v1/products/{product['id']}",
        json={
            "variants": [
                variant_body(sku=two, options={"Size": "M"}, price=2500),
                variant_body(sku=renamed, id=first["id"], options={"Size": "S"}),
                variant_body(sku=new, options={"Size": "L"}),
            ]
        },
        headers={"If-Match": '"1"'},
    )
    assert patched.status_code == 200, patched.text
    variants = patched.json()["variants"]
    assert [(each["sku"], each["id"]) for each in variants[:2]] == [(two, second["id"]), (renamed, first["id"])]
    assert variants[2]["id"] not in {first["id"], second["id"]}
    assert variants[0]["prices"] == [money(2500)]
    assert patched.json()["options"] == [{"name": "Size", "values": ["S", "M", "L"]}]
    (event,) = await probe.events("product.updated", key=product["id"])
    assert "/variants" in event.data.changed


async def test_two_variants_can_swap_their_skus(staff: Api, make_product: MakeProduct) -> None:
    one, two = sku(), sku()
    product = await make_product(
        variants=[variant_body(sku=one, options={"Size": "S"}), variant_body(sku=two, options={"Size": "M"})]
    )
    first, second = (_as_written(each) for each in product["variants"])
    swapped = await staff.patch(
        f"/v1/products/{product['id']}",
        json={"variants": [{**first, "sku": two}, {**second, "sku": one}]},
        headers={"If-Match": '"1"'},
    )
    assert swapped.status_code == 200, swapped.text
    assert [(each["id"], each["sku"]) for each in swapped.json()["variants"]] == [
        (first["id"], two),
        (second["id"], one),
    ]


async def test_a_price_change_points_at_the_price_alone(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product()
    (variant,) = (_as_written(each) for each in product["variants"])
    await staff.patch(
        f"/v1/products/{product['id']}",
        json={"variants": [{**variant, "prices": [money(1)]}]},
        headers={"If-Match": '"1"'},
    )
    (event,) = await probe.events("product.updated", key=product["id"])
    assert event.data.changed == ["/variants/0/prices"]


async def test_a_deleted_product_is_gone_announced_and_its_names_are_free(
    staff: Api, api: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    code = sku()
    body = {"title": "Short-lived", "handle": "short-lived", "variants": [variant_body(sku=code)]}
    product = await make_product(**body)
    path = f"/v1/products/{product['id']}"
    assert (await staff.delete(path, headers={"If-Match": '"9"'})).status_code == 412
    assert (await staff.delete(path)).status_code == 204
    assert (await staff.delete(path)).status_code == 404
    assert (await staff.get(path)).status_code == 404
    assert (await api.get("/v1/products/short-lived")).status_code == 404
    assert (await api.get(f"/v1/search?q={code}")).json()["items"] == []
    *_, deleted, tombstone = await probe.everything(key=product["id"])
    assert not isinstance(deleted, Tombstone)
    assert (deleted.type, deleted.sequence) == ("product.deleted", 2)
    assert isinstance(tombstone, Tombstone)
    assert tombstone.sequence == 3
    again = await make_product(**body)
    assert again["id"] != product["id"]


async def test_a_sku_or_handle_of_another_product_is_refused(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product(title="First of its name", handle="first-of-its-name")
    code = product["variants"][0]["sku"]
    taken = await staff.post("/v1/products", json=product_body(variants=[variant_body(), variant_body(sku=code)]))
    assert (taken.status_code, taken.json()["type"]) == (422, "/problems/invalid-input")  # same options twice
    body = product_body(variants=[variant_body(options={"Size": "S"}), variant_body(sku=code, options={"Size": "M"})])
    taken = await staff.post("/v1/products", json=body)
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/sku-taken")
    assert taken.json()["errors"][0]["pointer"] == "/variants/1/sku"
    named = await staff.post("/v1/products", json=product_body(handle="first-of-its-name"))
    assert (named.status_code, named.json()["type"]) == (409, "/problems/handle-taken")
    free = await make_product(title="First of its name")
    assert free["handle"] == "first-of-its-name-2"
    assert len(await probe.events(key=free["id"])) == 1


async def test_of_many_who_want_one_sku_at_once_one_gets_it(staff: Api, database: Database) -> None:
    code = sku()
    bodies = [product_body(title=f"Racer {place}", variants=[variant_body(sku=code)]) for place in range(8)]
    answers = await asyncio.gather(*[staff.post("/v1/products", json=body) for body in bodies])
    kinds = sorted((answer.status_code, answer.json().get("type")) for answer in answers)
    assert kinds == [(201, None), *[(409, "/problems/sku-taken")] * 7]
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM variant WHERE sku = $1", code) == 1


async def test_the_same_key_makes_one_product(staff: Api) -> None:
    key, body = str(uuid4()), product_body()
    first = await staff.post("/v1/products", json=body, headers={"Idempotency-Key": key})
    again = await staff.post("/v1/products", json=body, headers={"Idempotency-Key": key})
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"


async def test_writing_needs_the_scope(api: Api, make_product: MakeProduct) -> None:
    product = await make_product()
    path = f"/v1/products/{product['id']}"
    for caller, status in ((api, 401), (api.as_customer(), 403), (api.as_user(scopes="catalog:read"), 403)):
        assert (await caller.post("/v1/products", json=product_body())).status_code == status
        assert (await caller.patch(path, json={}, headers={"If-Match": '"1"'})).status_code == status
        assert (await caller.delete(path)).status_code == status


WRONG: list[tuple[Json, str]] = [
    ({"title": ""}, "/title"),
    ({"title": "a\x00b"}, "/title"),
    ({"titel": "Mug"}, "/titel"),
    ({"handle": "Not A Handle"}, "/handle"),
    ({"handle": "019ab3df-0a00-7b00-b1b2-c3d4e5f60718"}, "/handle"),
    ({"status": "live"}, "/status"),
    ({"description": "x" * 100_001}, "/description"),
    ({"categories": ["no-such"]}, "/categories/0"),
    ({"channels": ["marketplace"]}, "/channels/0"),
    ({"variants": []}, "/variants"),
    ({"variants": [variant_body(sku="a/b")]}, "/variants/0/sku"),
    ({"variants": [variant_body(sku=" a")]}, "/variants/0/sku"),
    ({"variants": [variant_body(sku="x" * 65)]}, "/variants/0/sku"),
    ({"variants": [variant_body(sku="tab\tin")]}, "/variants/0/sku"),
    ({"variants": [variant_body(prices=[money(-1)])]}, "/variants/0/prices/0"),
    ({"variants": [variant_body(prices=[{"amount": True, "currency": "EUR"}])]}, "/variants/0/prices/0/amount"),
    ({"variants": [variant_body(prices=[{"amount": 19.99, "currency": "EUR"}])]}, "/variants/0/prices/0/amount"),
    ({"variants": [variant_body(prices=[money(1, "XXX")])]}, "/variants/0/prices/0/currency"),
    ({"variants": [variant_body(prices=[money(1), money(2)])]}, "/variants/0"),
    ({"variants": [variant_body(weight_grams=2**31)]}, "/variants/0/weight_grams"),
    ({"variants": [variant_body(weight_grams="12")]}, "/variants/0/weight_grams"),
    ({"variants": [variant_body(sku="S1"), variant_body(sku="S1", options={})]}, "/variants/1/sku"),
    ({"variants": [variant_body(options={"A": "1"}), variant_body(options={"B": "1"})]}, "/variants/0/options"),
    ({"variants": [variant_body(options={"A": "1"}), variant_body(options={"A": "1"})]}, "/variants/1/options"),
    (
        {"options": [{"name": "A", "values": ["1"]}], "variants": [variant_body(options={"A": "2"})]},
        "/variants/0/options",
    ),
    ({"variants": [variant_body(options={"A": "1", "B": "1", "C": "1", "D": "1"})]}, "/variants/0/options"),
    ({"variants": [variant_body(sku=f"M{i}", options={"A": str(i)}) for i in range(2049)]}, "/variants"),
    ({"attributes": [{"name": "a", "type": "number", "value": "3"}]}, "/attributes/0"),
    ({"attributes": [{"name": "a", "type": "boolean", "value": 1}]}, "/attributes/0"),
    ({"attributes": [{"name": "a", "type": "number", "value": 10**400}]}, "/attributes/0"),
    ({"attributes": [{"name": "a", "type": "date", "value": "2026-02-30"}]}, "/attributes/0"),
    ({"media": [{"url": "ftp://shop.example/a.png"}]}, "/media/0/url"),
    ({"media": [{"url": "javascript:alert(1)"}]}, "/media/0/url"),
    ({"media": [{"url": "data:image/png;base64," + "A" * 4096}]}, "/media/0/url"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "pointer"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
async def test_wrong_input_is_refused_with_a_pointer_and_changes_nothing(
    members: Json, pointer: str, staff: Api, database: Database
) -> None:
    async with database.acquire() as connection:
        before = await connection.fetchrow("SELECT count(*), max(version) FROM product")
    refused = await staff.post("/v1/products", json=product_body(**members))
    assert refused.status_code == 422, refused.text
    assert pointer in {error["pointer"] for error in refused.json()["errors"]}, refused.text
    async with database.acquire() as connection:
        assert await connection.fetchrow("SELECT count(*), max(version) FROM product") == before


async def test_a_patch_that_would_break_the_product_is_refused_with_a_pointer(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product(variants=[variant_body(options={"Size": "S"})])
    path = f"/v1/products/{product['id']}"
    for patch, pointer in (
        ({"title": None}, "/title"),
        ({"variants": []}, "/variants"),
        ({"variants": None}, "/variants"),
        ({"options": [{"name": "Size", "values": ["M"]}]}, "/variants/0/options"),
        ({"attributes": [{"name": "a", "type": "text", "value": "1"}] * 2}, ""),
    ):
        refused = await staff.patch(path, json=patch, headers={"If-Match": '"1"'})
        assert refused.status_code == 422, (patch, refused.text)
        assert pointer in {error["pointer"] for error in refused.json()["errors"]}, refused.text
    assert (await staff.get(path)).headers["etag"] == '"1"'
    assert len(await probe.events(key=product["id"])) == 1


async def test_2048_variants_are_one_product_one_event_and_few_statements(
    staff: Api,
    probe: EventProbe,
    statements: Any,  # noqa: ANN401 - the fixture's own type is long
) -> None:
    variants = [variant_body(sku=f"BIG-{i}", options={"A": str(i)}) for i in range(2048)]
    async with statements() as count:
        made = await staff.post("/v1/products", json=product_body(variants=variants))
    assert made.status_code == 201, made.text
    assert count.total < 30
    (event,) = await probe.events(key=made.json()["id"])
    assert isinstance(event.data, ProductCreated)
    assert len(event.data.object.variants) == 2048


async def test_a_long_description_is_whole_on_the_page_and_cut_in_the_event(
    staff: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product(description="ä" * 20_000)
    assert len(product["description"]) == 20_000
    (event,) = await probe.events(key=product["id"])
    assert isinstance(event.data, ProductCreated)
    assert event.data.object.description == "ä" * 5_000
    changed = await staff.patch(
        f"/v1/products/{product['id']}", json={"seo_title": "A mug"}, headers={"If-Match": '"1"'}
    )
    assert changed.headers["etag"] == '"2"'
    (updated,) = await probe.events("product.updated", key=product["id"])
    assert updated.data.changed == ["/version"]  # nothing else of it is in the snapshot
