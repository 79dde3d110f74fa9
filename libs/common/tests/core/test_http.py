"""What every route promises: problems, credentials, versions, limits."""

import asyncio
from uuid import uuid4

import orjson
from fastapi import FastAPI

from common.testing import Api, Keyring


async def test_bad_input_is_a_422_that_points_at_it(api: Api) -> None:
    refused = await api.post("/v1/mugs", json={"name": "", "colour": "blue"})
    problem = refused.json()
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert {error["pointer"] for error in problem["errors"]} == {"/name", "/colour"}
    assert problem["instance"] == f"urn:request:{refused.headers['x-request-id']}"


async def test_what_is_no_json_is_400(api: Api) -> None:
    refused = await api.post("/v1/mugs", content=b"{", headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-request")


async def test_unknown_paths_and_methods_are_problems(api: Api) -> None:
    assert (await api.get("/v1/nothing")).json()["type"] == "/problems/not-found"
    assert (await api.put("/v1/mugs")).json()["type"] == "/problems/method-not-allowed"


async def test_no_credential_is_401_and_a_missing_scope_403(api: Api) -> None:
    body = {"name": "scoped"}
    anonymous = await api.post("/v1/mugs/keyed", json=body)
    assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, "Bearer")
    reader = await api.as_user(scopes="catalog:read").post("/v1/mugs/keyed", json=body)
    assert (reader.status_code, reader.json()["type"]) == (403, "/problems/forbidden")
    writer = await api.as_user(scopes="catalog:read catalog:write").post("/v1/mugs/keyed", json=body)
    assert writer.status_code == 201


async def test_a_token_for_another_service_is_refused(api: Api, keyring: Keyring) -> None:
    token = keyring.user_token("orders", {"sub": str(uuid4()), "kind": "user", "scope": "catalog:write"})
    refused = await api.post("/v1/mugs", json={"name": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401


async def test_a_token_signed_by_a_stranger_is_refused(api: Api) -> None:
    token = Keyring().user_token("catalog", {"sub": str(uuid4()), "kind": "user", "scope": "catalog:write"})
    refused = await api.post("/v1/mugs", json={"name": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401


async def test_a_service_cannot_speak_for_users(app: FastAPI, keyring: Keyring, api: Api) -> None:
    """Whatever a service's token says, its kind follows from the key that signed it."""
    import time  # noqa: PLC0415 - only here

    from common.auth import TokenSigner  # noqa: PLC0415 - only here

    signer = TokenSigner("orders", keyring.private["orders"])
    token = signer.sign(
        {"aud": "catalog", "sub": str(uuid4()), "kind": "user", "scope": "catalog:write"}, expires=time.time() + 60
    )
    refused = await api.post("/v1/mugs/keyed", json={"name": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 403


async def test_internal_routes_are_for_the_services_named(api: Api) -> None:
    assert (await api.as_service("orders").post("/v1/mugs/internal-only")).json() == {"caller": "orders"}
    assert (await api.as_service("metrics").post("/v1/mugs/internal-only")).status_code == 403
    assert (await api.as_customer().post("/v1/mugs/internal-only")).status_code == 401


async def test_the_second_editor_gets_412_and_none_without_a_version(api: Api) -> None:
    customer = api.as_customer()
    mug = (await customer.post("/v1/mugs", json={"name": "edited"})).json()
    path = f"/v1/mugs/{mug['id']}"
    assert (await customer.patch(path, json={"name": "a"})).status_code == 428
    first = await customer.patch(path, json={"name": "a"}, headers={"If-Match": '"1"'})
    second = await customer.patch(path, json={"name": "b"}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert (second.status_code, second.headers["etag"]) == (412, '"2"')
    assert (await api.get(path)).json()["name"] == "a"


async def test_a_body_over_the_limit_is_413(api: Api) -> None:
    refused = await api.post("/v1/mugs", content=b" " * ((1 << 20) + 1), headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/too-large")


async def test_the_deadline_of_the_caller_is_kept(api: Api, app: FastAPI) -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    app.add_api_route("/v1/slow", slow)
    late = await api.get("/v1/slow", headers={"Request-Timeout": "50"})
    assert (late.status_code, late.json()["type"]) == (504, "/problems/deadline-exceeded")


async def test_ids_come_through(api: Api) -> None:
    answer = await api.get(
        "/v1/nothing", headers={"X-Request-Id": "a-request-id", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    )
    assert answer.headers["x-request-id"] == "a-request-id"
    assert answer.json()["trace_id"] == "a" * 32
    hostile = await api.get("/v1/nothing", headers={"X-Request-Id": "no spaces, please"})
    assert hostile.headers["x-request-id"] != "no spaces, please"


async def test_every_operation_documents_answer_and_problems(app: FastAPI) -> None:
    operation = app.openapi()["paths"]["/v1/mugs"]["post"]
    assert operation["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/MugView"
    }
    assert "mug-taken" in operation["responses"]["409"]["description"]
    assert operation["responses"]["422"]["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
    assert b"HTTPValidationError" not in orjson.dumps(app.openapi())


async def test_health_tells_the_database_from_the_broker(api: Api) -> None:
    assert (await api.get("/livez")).json() == {"status": "alive"}
    assert b"http_server_requests_total" in (await api.get("/metrics")).content
