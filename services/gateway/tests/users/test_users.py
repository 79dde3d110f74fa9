"""Who can sign in."""

import asyncio
import json
from uuid import UUID

import pytest

from common.database import Database
from common.testing import Api, EventProbe
from gateway.users.roles import ROLES, SCOPES, SCOPES_OF

PASSWORD = "correct horse battery"
REGISTER = "/v1/auth/register"


def customer(email: str, **changes: object) -> dict[str, object]:
    return {"email": email, "password": PASSWORD, "name": "Grace Hopper", **changes}


async def test_register_announces_a_customer(api: Api, probe: EventProbe, database: Database) -> None:
    answer = await api.post(REGISTER, json=customer("grace@shop.example"))
    view = answer.json()
    assert (answer.status_code, view["role"], view["scopes"], view["status"]) == (201, "customer", [], "active")
    (event,) = await probe.events("user.registered", key=view["id"])
    assert (event.sequence, event.data.object.email, event.data.object.role) == (1, "grace@shop.example", "customer")  # type: ignore[attr-defined] # a user's snapshot
    async with database.acquire() as connection:
        stored = await connection.fetchrow("SELECT * FROM users WHERE id = $1", UUID(view["id"]))
        assert stored is not None
        kept = await connection.fetchval("SELECT count(*) FROM idempotency_key")
    assert stored["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert kept == 0  # a fingerprint of the body would be a fast hash of the password


async def test_an_address_registers_once_however_it_is_written(api: Api, probe: EventProbe) -> None:
    first = await api.post(REGISTER, json=customer("Ada@shop.example"))
    second = await api.post(REGISTER, json=customer("ADA@SHOP.example", name="Somebody else"))
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["type"] == "/problems/email-taken"
    announced = [event.data.object.email for event in await probe.events("user.registered")]  # type: ignore[attr-defined] # a user's snapshot
    assert announced.count("Ada@shop.example") == 1


async def test_registering_at_the_same_moment_makes_one_login(api: Api) -> None:
    answers = await asyncio.gather(*(api.post(REGISTER, json=customer("twin@shop.example")) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"email": "no address"}, "/email"),
        ({"email": "a\x00b@shop.example"}, "/email"),
        ({"email": f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example"}, "/email"),
        ({"password": "too short"}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"password": "ﷺ" * 20}, "/password"),
        ({"password": 1234567890123}, "/password"),
        ({"password": "half a surrogate \ud800"}, "/password"),
        ({"name": ""}, "/name"),
        ({"name": "  "}, "/name"),
        ({"name": "a\x00b"}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"role": "admin"}, "/role"),
    ],
)
async def test_bad_registration_is_422_and_points_at_it(api: Api, changes: dict[str, object], pointer: str) -> None:
    body = json.dumps(customer("bad@shop.example") | changes)  # ASCII: a half surrogate travels as \ud800
    answer = await api.post(REGISTER, content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["errors"][0]["pointer"]) == (422, pointer)
    assert str(changes.get("password", PASSWORD)) not in answer.text


async def test_me_is_whoever_the_token_names(api: Api) -> None:
    made = (await api.post(REGISTER, json=customer("me@shop.example"))).json()
    answer = await api.as_customer(made["id"]).get("/v1/me")
    assert (answer.json(), answer.headers["ETag"]) == (made, '"1"')
    assert (await api.get("/v1/me")).status_code == 401
    assert (await api.as_customer().get("/v1/me")).status_code == 401


async def test_staff_is_made_by_those_who_may(api: Api, probe: EventProbe) -> None:
    body = customer("wanda@shop.example", role="warehouse")
    refused = await api.as_user(scopes="orders:write catalog:write").post("/v1/users", json=body)
    assert refused.status_code == 403
    answer = await api.as_user(scopes="users:write").post("/v1/users", json=body)
    view = answer.json()
    assert (answer.status_code, view["role"]) == (201, "warehouse")
    assert view["scopes"] == ["inventory:read", "inventory:adjust", "orders:read", "orders:fulfil"]
    (event,) = await probe.events("user.registered", key=view["id"])
    assert event.data.object.scopes == view["scopes"]  # type: ignore[attr-defined] # a user's snapshot
    unknown = await api.as_user(scopes="users:write").post("/v1/users", json=body | {"role": "owner"})
    assert unknown.status_code == 422


async def test_list_pages_without_skip_or_repeat(api: Api) -> None:
    admin = api.as_user(scopes="users:write")
    made = []
    for number in range(5):
        body = customer(f"analyst{number}@shop.example", role="analyst")
        made.append((await admin.post("/v1/users", json=body)).json()["id"])
    seen: list[str] = []
    path: str | None = "/v1/users?role=analyst&limit=2"
    while path:
        page = (await admin.get(path)).json()
        seen += [user["id"] for user in page["items"]]
        path = f"/v1/users?role=analyst&limit=2&after={page['next']}" if page["next"] else None
    assert seen == made
    cursor = (await admin.get("/v1/users?role=analyst&limit=2")).json()["next"]
    assert (await admin.get(f"/v1/users?role=support&after={cursor}")).status_code == 400
    assert (await api.as_user(scopes="orders:write").get("/v1/users")).status_code == 403


def test_roles_allow_what_the_shop_decided() -> None:
    assert set(SCOPES_OF) == set(ROLES)
    assert SCOPES_OF["customer"] == ()
    assert SCOPES_OF["partner"] == ("events:subscribe",)
    assert set(SCOPES_OF["admin"]) == set(SCOPES)
    assert set(SCOPES) - set(SCOPES_OF["coordinator"]) == {"users:write", "keys:write"}
    assert SCOPES_OF["merchandiser"] == ("catalog:read", "catalog:write")
    assert set(SCOPES_OF["warehouse"]) == {"inventory:read", "inventory:adjust", "orders:read", "orders:fulfil"}
    assert SCOPES_OF["marketer"] == ("messages:read", "messages:write")
    assert set(SCOPES_OF["support"]) == {"orders:read", "orders:refund", "messages:read", "messages:write"}
    assert all(scope.endswith(":read") for scope in SCOPES_OF["analyst"])
    assert len(SCOPES_OF["analyst"]) == 6
