"""The address book: everyone has their own."""

from typing import Any
from uuid import uuid4

import pytest

from common.testing import Api
from orders.testing import ADDRESS

PATH = "/v1/me/addresses"


async def test_addresses_are_kept_replaced_and_forgotten(api: Api) -> None:
    me = api.as_customer()
    kept = await me.post(PATH, json=ADDRESS)
    assert kept.status_code == 201, kept.text
    path = kept.headers["location"]
    assert (await me.get(path)).json() == kept.json()
    assert (await me.get(PATH)).json() == {"items": [kept.json()], "next": None}
    moved = await me.put(path, json=ADDRESS | {"city": "Hamburg"})
    assert (moved.json()["city"], moved.headers["etag"]) == ("Hamburg", '"2"')
    late = await me.put(path, json=ADDRESS, headers={"If-Match": kept.headers["etag"]})
    assert late.status_code == 412
    assert (await me.delete(path)).status_code == 204
    for answer in (await me.get(path), await me.put(path, json=ADDRESS), await me.delete(path)):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/address-not-found")


async def test_other_peoples_addresses_are_not_there(api: Api) -> None:
    me, other = api.as_customer(), api.as_customer()
    path = (await me.post(PATH, json=ADDRESS)).headers["location"]
    for answer in (await other.get(path), await other.put(path, json=ADDRESS), await other.delete(path)):
        assert answer.status_code == 404
    assert (await other.get(PATH)).json()["items"] == []
    assert (await me.get(path)).status_code == 200


async def test_one_address_is_the_default(api: Api) -> None:
    me = api.as_customer()
    first = (await me.post(PATH, json=ADDRESS | {"is_default_shipping": True, "is_default_billing": True})).json()
    second = (await me.post(PATH, json=ADDRESS | {"is_default_shipping": True})).json()
    flags = {
        item["id"]: (item["is_default_shipping"], item["is_default_billing"])
        for item in (await me.get(PATH)).json()["items"]
    }
    assert flags == {first["id"]: (False, True), second["id"]: (True, False)}


async def test_staff_and_guests_have_no_address_book(api: Api) -> None:
    assert (await api.get(PATH)).status_code == 401
    assert (await api.as_anonymous(cart_token="x").get(PATH)).status_code == 401
    assert (await api.as_user(scopes="orders:read").get(PATH)).status_code == 403


BAD: list[tuple[dict[str, Any], str]] = [
    ({"country": "Germany"}, "/country"),
    ({"line1": ""}, "/line1"),
    ({"name": "x" * 201}, "/name"),
    ({"postal_code": "\u0000"}, "/postal_code"),
    ({"is_default_billing": "yes"}, "/is_default_billing"),
    ({"id": str(uuid4())}, "/id"),
]


@pytest.mark.parametrize(("change", "pointer"), BAD)
async def test_bad_addresses_are_pointed_at(api: Api, change: dict[str, Any], pointer: str) -> None:
    me = api.as_customer()
    refused = await me.post(PATH, json=ADDRESS | change)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await me.get(PATH)).json()["items"] == []


async def test_a_book_has_an_end(api: Api) -> None:
    me = api.as_customer()
    for _ in range(50):
        assert (await me.post(PATH, json=ADDRESS)).status_code == 201
    assert (await me.post(PATH, json=ADDRESS)).json()["type"] == "/problems/address-book-full"
    page = (await me.get(PATH, params={"limit": "30"})).json()
    rest = (await me.get(PATH, params={"limit": "30", "after": page["next"]})).json()
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (30, 20, None)
