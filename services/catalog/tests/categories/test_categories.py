"""The tree: made, moved with all below it, never a circle, never emptied by accident."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from catalog.app import SERVICE
from common.database import Database
from common.events.contracts.catalog import ProductUpdated
from common.invariants import run_invariants
from common.testing import Api, EventProbe

Json = dict[str, Any]
MakeCategory = Callable[..., Awaitable[Json]]
MakeProduct = Callable[..., Awaitable[Json]]


@pytest.fixture
def make_category(staff: Api) -> MakeCategory:
    async def make(title: str | None = None, parent: Json | None = None) -> Json:
        body = {"title": title or f"Category {uuid4().hex[:8]}", "parent_id": parent and parent["id"]}
        made = await staff.post("/v1/categories", json=body)
        assert made.status_code == 201, made.text
        category: Json = made.json()
        return category

    return make


async def listed(api: Api, category: Json) -> set[str]:
    return {card["id"] for card in (await api.get(f"/v1/products?category={category['id']}")).json()["items"]}


async def test_the_tree_is_read_downwards_by_anybody(api: Api, make_category: MakeCategory) -> None:
    root = await make_category("Zoo")
    child = await make_category("Birds", root)
    await make_category("Ants", root)
    await make_category("Owls", child)
    tree = (await api.get("/v1/categories")).json()["items"]
    ours = [(each["depth"], each["title"]) for each in tree if each["path"][0] == "Zoo"]
    assert ours == [(0, "Zoo"), (1, "Ants"), (1, "Birds"), (2, "Owls")]
    read = await api.get(f"/v1/categories/{child['handle']}")
    assert (read.json()["path"], read.json()["parent_id"]) == (["Zoo", "Birds"], root["id"])
    assert read.headers["etag"].startswith('"1-')


async def test_the_tree_comes_in_pages(api: Api, make_category: MakeCategory) -> None:
    for _ in range(3):
        await make_category()
    seen: list[str] = []
    after = ""
    while True:
        page = (await api.get(f"/v1/categories?limit=2{after}")).json()
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [each["id"] for each in (await api.get("/v1/categories")).json()["items"]]


async def test_a_moved_subtree_takes_its_products_along_at_once_and_announces_them(
    api: Api,
    staff: Api,
    make_category: MakeCategory,
    make_product: MakeProduct,
    run_jobs: Callable[[], Awaitable[None]],
    probe: EventProbe,
    database: Database,
) -> None:
    old, new = await make_category("Old place"), await make_category("New place")
    moving = await make_category("Moving", old)
    below = await make_category("Below", moving)
    deep = await make_product(categories=[below["handle"]])
    both = await make_product(categories=[below["id"], old["id"]])

    moved = await staff.patch(
        f"/v1/categories/{moving['id']}", json={"parent_id": new["handle"]}, headers={"If-Match": '"1"'}
    )

    assert (moved.status_code, moved.json()["path"]) == (200, ["New place", "Moving"])
    assert (await api.get(f"/v1/categories/{below['id']}")).json()["path"] == ["New place", "Moving", "Below"]
    assert await listed(api, old) == {both["id"]}
    assert await listed(api, new) == await listed(api, below) == {deep["id"], both["id"]}
    await run_jobs()
    page = (await api.get(f"/v1/products/{deep['id']}")).json()
    assert page["categories"][0]["path"] == ["New place", "Moving", "Below"]
    (event,) = await probe.events("product.updated", key=deep["id"])
    assert isinstance(event.data, ProductUpdated)
    assert event.data.changed == ["/categories"]
    assert event.data.object.categories == ["New place/Moving/Below"]
    assert await run_invariants(database, SERVICE.invariants) == []


async def test_a_category_cannot_hang_below_itself(staff: Api, make_category: MakeCategory) -> None:
    root = await make_category()
    child = await make_category(parent=root)
    for parent in (root, child):
        refused = await staff.patch(
            f"/v1/categories/{root['id']}", json={"parent_id": parent["id"]}, headers={"If-Match": '"1"'}
        )
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/category-cycle")
    assert (await staff.get(f"/v1/categories/{root['id']}")).json()["parent_id"] is None


async def test_a_category_with_children_or_products_is_not_deleted(
    staff: Api, make_category: MakeCategory, make_product: MakeProduct
) -> None:
    root = await make_category()
    child = await make_category(parent=root)
    product = await make_product(categories=[child["id"]])
    refused = await staff.delete(f"/v1/categories/{root['id']}")
    assert (refused.status_code, refused.json()["children"]) == (409, 1)
    refused = await staff.delete(f"/v1/categories/{child['id']}")
    assert (refused.status_code, refused.json()["products"]) == (409, 1)
    await staff.delete(f"/v1/products/{product['id']}")
    assert (await staff.delete(f"/v1/categories/{child['id']}")).status_code == 204
    assert (await staff.delete(f"/v1/categories/{root['id']}")).status_code == 204
    assert (await staff.get(f"/v1/categories/{root['id']}")).status_code == 404


async def test_second_editor_of_a_category_gets_412_and_none_428(staff: Api, make_category: MakeCategory) -> None:
    category = await make_category()
    path = f"/v1/categories/{category['id']}"
    first = await staff.patch(path, json={"title": "Renamed once"}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert (await staff.patch(path, json={"title": "Twice"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await staff.patch(path, json={"title": "Twice"})).status_code == 428
    same = await staff.patch(path, json={"title": "Renamed once"}, headers={"If-Match": '"2"'})
    assert same.headers["etag"] == '"2"'


async def test_twins_and_unknown_parents_are_refused(staff: Api, make_category: MakeCategory) -> None:
    root = await make_category("Twins")
    await make_category("One", root)
    twin = await staff.post("/v1/categories", json={"title": "ONE", "parent_id": root["id"]})
    assert (twin.status_code, twin.json()["type"]) == (409, "/problems/category-exists")
    handle = await staff.post("/v1/categories", json={"title": "Elsewhere", "handle": root["handle"]})
    assert handle.status_code == 409
    orphan = await staff.post("/v1/categories", json={"title": "Orphan", "parent_id": "no-such"})
    assert (orphan.status_code, orphan.json()["errors"][0]["pointer"]) == (422, "/parent_id")
    nameless = await staff.patch(f"/v1/categories/{root['id']}", json={"title": None}, headers={"If-Match": '"1"'})
    assert (nameless.status_code, nameless.json()["errors"][0]["pointer"]) == (422, "/title")


async def test_the_tree_has_ten_levels_at_most(staff: Api, make_category: MakeCategory) -> None:
    parent = None
    for _ in range(10):
        parent = await make_category(parent=parent)
    assert parent is not None
    refused = await staff.post("/v1/categories", json={"title": "Too deep", "parent_id": parent["id"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/category-too-deep")


async def test_the_public_cannot_change_the_tree(api: Api, make_category: MakeCategory) -> None:
    category = await make_category()
    path = f"/v1/categories/{category['id']}"
    assert (await api.post("/v1/categories", json={"title": "Mine"})).status_code == 401
    assert (await api.as_customer().delete(path)).status_code == 403
    assert (await api.patch(path, json={"title": "Mine"}, headers={"If-Match": '"1"'})).status_code == 401
