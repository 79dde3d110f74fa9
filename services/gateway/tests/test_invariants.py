"""Each invariant finds the damage that it is there for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.database import Database, uuid7
from common.invariants import run_invariants
from common.testing import Api
from gateway.invariants import INVARIANTS

ADD_TOKEN = """
INSERT INTO refresh_token (id, family_id, user_id, client_id, token_hash, created_at, expires_at, used_at)
SELECT gen_random_uuid(), $1, id, 'test', sha256(gen_random_uuid()::text::bytea), created_at, created_at, $3
FROM users WHERE email = $2
"""


async def broken(database: Database) -> set[str]:
    return {violation.invariant for violation in await run_invariants(database, INVARIANTS)}


@asynccontextmanager
async def damaged(database: Database, *statements: tuple[str, *tuple[object, ...]]) -> AsyncIterator[None]:
    async with database.acquire() as connection:
        for sql, *arguments in statements:
            await connection.execute(sql, *arguments)
        yield
        await connection.execute("DELETE FROM refresh_token")
        await connection.execute("UPDATE users SET event_sequence = 1, status = 'active'")


@pytest.fixture
async def user(api: Api) -> str:
    email = f"{uuid7().hex}@shop.example"
    body = {"email": email, "password": "correct horse battery", "name": "Grace"}
    await api.post("/v1/auth/register", json=body)
    form = {"grant_type": "password", "username": email, "password": "correct horse battery"}
    token = (await api.post("/v1/auth/token", data=form)).json()["refresh_token"]
    await api.post("/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": token})
    return email


async def test_ordinary_life_breaks_none(database: Database, user: str) -> None:
    assert user
    assert await broken(database) == set()


async def test_silent_user_is_found(database: Database, user: str) -> None:
    async with damaged(database, ("UPDATE users SET event_sequence = 0 WHERE email = $1", user)):
        assert await broken(database) == {"every-user-was-announced"}


async def test_second_live_token_of_a_family_is_refused_and_found(database: Database, user: str) -> None:
    family = uuid7()
    async with damaged(
        database,
        ("DROP INDEX uq_refresh_token_live_family",),
        (ADD_TOKEN, family, user, None),
        (ADD_TOKEN, family, user, None),
    ):
        assert await broken(database) == {"one-live-refresh-token-per-sign-in"}


async def test_live_token_of_a_disabled_user_is_found(database: Database, user: str) -> None:
    async with damaged(database, ("UPDATE users SET status = 'disabled' WHERE email = $1", user)):
        assert await broken(database) == {"no-disabled-user-has-live-tokens"}


async def test_used_token_without_successor_is_found(database: Database, user: str) -> None:
    async with damaged(
        database,
        (ADD_TOKEN, uuid7(), user, None),
        ("UPDATE refresh_token SET used_at = created_at + interval '1 hour' WHERE used_at IS NULL",),
    ):
        assert await broken(database) == {"used-tokens-have-a-successor"}
