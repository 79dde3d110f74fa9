"""Signing in and staying signed in."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from httpx2 import Response
from joserfc import jwt
from joserfc.jwk import KeySet

from common.database import Database
from common.service import Runtime
from common.testing import Api, TestClock
from gateway.tokens.service import forget_refresh_tokens
from gateway.users.passwords import Passwords

TOKEN = "/v1/auth/token"
PASSWORD = "correct horse battery"


async def register(api: Api, email: str) -> str:
    body = {"email": email, "password": PASSWORD, "name": "Grace"}
    answer = await api.post("/v1/auth/register", json=body)
    return str(answer.json()["id"])


async def by_password(api: Api, email: str, password: str = PASSWORD, **more: str) -> Response:
    return await api.post(TOKEN, data={"grant_type": "password", "username": email, "password": password, **more})


async def by_refresh(api: Api, token: str) -> Response:
    return await api.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token})


async def test_password_gives_a_token_that_our_keys_verify(api: Api, clock: TestClock) -> None:
    user_id = await register(api, "grace@shop.example")
    answer = await by_password(api, "GRACE@shop.example", client_id="storefront")
    pair = answer.json()
    assert (answer.status_code, pair["token_type"], pair["expires_in"], pair["scope"]) == (200, "Bearer", 600, "")
    assert answer.headers["Cache-Control"] == "no-store"
    published = (await api.get("/.well-known/jwks.json")).json()
    assert all("d" not in key for key in published["keys"])
    keys = KeySet.import_key_set(published)
    token = jwt.decode(pair["access_token"], keys, algorithms=["Ed25519"])
    assert token.header["typ"] == "at+jwt"
    claims = token.claims
    assert (claims["sub"], claims["aud"], claims["iss"]) == (user_id, "quartermaster", "http://127.0.0.1:8000")
    assert (claims["client_id"], claims["scope"], claims["exp"] - claims["iat"]) == ("storefront", "", 600)
    assert abs(claims["iat"] - clock.now().timestamp()) < 5
    assert (
        claims["jti"]
        != jwt.decode(
            (await by_password(api, "grace@shop.example")).json()["access_token"], keys, algorithms=["Ed25519"]
        ).claims["jti"]
    )


async def test_wrong_password_and_unknown_address_are_answered_alike(api: Api) -> None:
    await register(api, "known@shop.example")
    attempts = [
        await by_password(api, "known@shop.example", "wrong horse battery"),
        await by_password(api, "unknown@shop.example"),
        await by_password(api, "known@shop.example", "x" * 5000),
        await by_password(api, "kno\x00wn@shop.example"),
    ]
    for answer in attempts:
        problem = answer.json()
        assert (answer.status_code, problem["type"], problem["error"]) == (
            400,
            "/problems/invalid-grant",
            "invalid_grant",
        )
    assert len({answer.json()["detail"] for answer in attempts}) == 1


async def test_disabled_user_stays_outside(api: Api, database: Database) -> None:
    user_id = await register(api, "gone@shop.example")
    pair = (await by_password(api, "gone@shop.example")).json()
    async with database.acquire() as connection:
        await connection.execute("UPDATE users SET status = 'disabled' WHERE id = $1", UUID(user_id))
    assert (await by_password(api, "gone@shop.example")).status_code == 400
    assert (await by_refresh(api, pair["refresh_token"])).status_code == 400
    assert (await api.as_customer(UUID(user_id)).get("/v1/me")).status_code == 401


async def test_refresh_token_works_once_and_its_second_use_ends_the_family(api: Api) -> None:
    await register(api, "rotating@shop.example")
    first = (await by_password(api, "rotating@shop.example")).json()
    elsewhere = (await by_password(api, "rotating@shop.example")).json()
    second = (await by_refresh(api, first["refresh_token"])).json()
    third = (await by_refresh(api, second["refresh_token"])).json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3

    stolen = await by_refresh(api, first["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await by_refresh(api, third["refresh_token"])).status_code == 400  # the owner has to sign in again
    assert (await by_refresh(api, elsewhere["refresh_token"])).status_code == 200  # another sign-in is not touched


async def test_same_refresh_token_at_the_same_moment_gives_at_most_one_pair(api: Api, database: Database) -> None:
    await register(api, "racing@shop.example")
    first = (await by_password(api, "racing@shop.example")).json()["refresh_token"]
    answers = await asyncio.gather(*(by_refresh(api, first) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    async with database.acquire() as connection:
        live = await connection.fetchval(
            "SELECT count(*) FROM refresh_token JOIN users ON users.id = user_id "
            "WHERE email = 'racing@shop.example' AND used_at IS NULL AND revoked_at IS NULL"
        )
    assert live == 0


async def test_refresh_tokens_are_stored_as_hashes(api: Api, database: Database) -> None:
    await register(api, "hashed@shop.example")
    token = (await by_password(api, "hashed@shop.example")).json()["refresh_token"]
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT t::text AS row FROM refresh_token AS t")
    assert not any(token in row["row"] or token.encode().hex() in row["row"] for row in rows)


async def test_refresh_token_lives_thirty_days_and_goes_a_week_later(
    api: Api, clock: TestClock, runtime: Runtime, database: Database
) -> None:
    await register(api, "late@shop.example")
    token = (await by_password(api, "late@shop.example")).json()["refresh_token"]
    clock.advance(timedelta(days=29))
    token = (await by_refresh(api, token)).json()["refresh_token"]
    clock.advance(timedelta(days=30, seconds=1))
    assert (await by_refresh(api, token)).status_code == 400
    clock.advance(timedelta(days=7))
    assert await forget_refresh_tokens(runtime) > 0
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM refresh_token") == 0


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "password", "username": "a@shop.example"}, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b", "client_id": "x" * 101}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "\x00"}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "x" * 1000}, "unsupported_grant_type"),
    ],
)
async def test_wrong_token_request_is_400_in_oauth_s_words(api: Api, form: dict[str, str], error: str) -> None:
    answer = await api.post(TOKEN, data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_weak_hash_is_replaced_at_the_next_sign_in(api: Api, database: Database) -> None:
    weak = await Passwords(PasswordHasher(memory_cost=1024, time_cost=1, parallelism=1)).hash(PASSWORD)
    user_id = UUID(await register(api, "weak@shop.example"))
    async with database.acquire() as connection:
        await connection.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user_id, weak)
        assert (await by_password(api, "weak@shop.example")).status_code == 200
        stored = await connection.fetchval("SELECT password_hash FROM users WHERE id = $1", user_id)
    assert stored != weak
    assert (await by_password(api, "weak@shop.example")).status_code == 200
