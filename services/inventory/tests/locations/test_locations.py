"""Locations over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from common.testing import Api


def location(**change: object) -> dict[str, Any]:
    return {"name": "Berlin", "code": f"B{uuid4().hex[:10].upper()}", "country": "DE", "priority": 5} | change


async def test_a_location_is_made_read_listed_and_changed(staff: Api) -> None:
    made = await staff.post("/v1/locations", json=location())
    path = made.headers["location"]
    read = await staff.get(path)
    changed = await staff.patch(path, json={"active": False}, headers={"If-Match": read.headers["etag"]})
    listed = await staff.get("/v1/locations", params={"limit": 200})

    assert (made.status_code, read.json()) == (201, made.json())
    assert (changed.status_code, changed.json()["active"], changed.json()["version"]) == (200, False, 2)
    assert changed.json()["name"] == "Berlin"
    assert changed.json()["id"] in {item["id"] for item in listed.json()["items"]}


async def test_second_editor_gets_412_and_one_without_version_428(staff: Api) -> None:
    made = await staff.post("/v1/locations", json=location())
    path, seen = made.headers["location"], {"If-Match": made.headers["etag"]}

    first = await staff.patch(path, json={"name": "Hamburg"}, headers=seen)
    second = await staff.patch(path, json={"name": "Bremen"}, headers=seen)
    blind = await staff.patch(path, json={"name": "Bremen"})

    assert [first.status_code, second.status_code, blind.status_code] == [200, 412, 428]
    assert (await staff.get(path)).json()["name"] == "Hamburg"


async def test_a_patch_that_changes_nothing_keeps_the_version(staff: Api) -> None:
    made = await staff.post("/v1/locations", json=location())
    same = await staff.patch(
        made.headers["location"], json={"name": "Berlin"}, headers={"If-Match": made.headers["etag"]}
    )

    assert same.headers["etag"] == made.headers["etag"]


async def test_a_code_belongs_to_one_location(staff: Api) -> None:
    first, second = location(), location()
    await staff.post("/v1/locations", json=first)
    made = await staff.post("/v1/locations", json=second)

    again = await staff.post("/v1/locations", json=second | {"code": first["code"]})
    changed = await staff.patch(
        made.headers["location"], json={"code": first["code"]}, headers={"If-Match": made.headers["etag"]}
    )

    for refused in (again, changed):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/location-code-taken")


async def test_locations_are_listed_in_the_order_in_which_they_give(staff: Api) -> None:
    for priority in (900_003, 900_001, 900_002):
        await staff.post("/v1/locations", json=location(priority=priority))

    found, after = [], None
    while True:
        params = {"limit": 2} | ({"after": after} if after else {})
        page = (await staff.get("/v1/locations", params=params)).json()
        found += [item["priority"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break

    assert found == sorted(found)
    assert found[-3:] == [900_001, 900_002, 900_003]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "a\x00"}, "/name"),
        ({"name": None}, "/name"),
        ({"code": "lower"}, "/code"),
        ({"code": "A\n"}, "/code"),
        ({"country": "Germany"}, "/country"),
        ({"priority": True}, "/priority"),
        ({"priority": 2**40}, "/priority"),
        ({"priority": 1.0}, "/priority"),
        ({"active": "yes"}, "/active"),
        ({"more": 1}, "/more"),
    ],
)
async def test_a_bad_location_is_refused_and_says_where(staff: Api, change: dict[str, Any], pointer: str) -> None:
    made = await staff.post("/v1/locations", json=location())

    new = await staff.post("/v1/locations", json=location() | change)
    patch = await staff.patch(made.headers["location"], json=change, headers={"If-Match": made.headers["etag"]})

    for refused in (new, patch):
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await staff.get(made.headers["location"])).json() == made.json()


async def test_locations_are_for_staff(api: Api) -> None:
    reader = api.as_user(scopes="inventory:read")
    for caller, status in ((api, 401), (api.as_customer(), 403), (reader, 403)):
        assert (await caller.post("/v1/locations", json=location())).status_code == status
    assert (await api.get("/v1/locations")).status_code == 401
    assert (await reader.get("/v1/locations")).status_code == 200
    assert (await reader.get(f"/v1/locations/{uuid4()}")).status_code == 404
