"""The suite as a whole: its state, and its time."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx2
import orjson
import pytest
from aiohttp import web
from pydantic import TypeAdapter

from common.auth import TokenVerifier
from common.database import Database
from common.testing import Api, Keyring
from gateway.testing import Bearer, Suite

HOURS = 3_600_000
CLOCK = "/v1/test-clock"
MOVE = "/internal/test-clock"


async def offset(database: Database) -> int:
    async with database.acquire() as connection:
        moved: int = await connection.fetchval("SELECT offset_ms FROM test_clock")
    return moved


async def test_status_shows_every_service(gate: httpx2.AsyncClient, suite: Suite) -> None:
    answer = await gate.get("/v1/status")
    state = answer.json()
    assert (answer.status_code, state["status"]) == (200, "ready")
    assert set(state["services"]) == {"gateway", *suite}
    assert state["services"]["orders"] == {
        "status": "ready", "database": "migrated", "broker": "there", "projections": "read",
        "consumers": "running",
    }  # fmt: skip


async def test_status_is_asked_for_once_however_many_want_it(gate: httpx2.AsyncClient, suite: Suite) -> None:
    await asyncio.gather(*(gate.get("/v1/status") for _ in range(10)))
    assert all(len(service.requests) <= 1 for service in suite.values())


async def test_time_moves_everywhere_before_the_answer(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, database: Database, keyring: Keyring
) -> None:
    before = await offset(database)
    answer = await gate.post(CLOCK, json={"advance": "PT3H"}, headers=bearer("coordinator"))
    target = before + 3 * HOURS
    assert answer.status_code == 200
    ahead = datetime.fromisoformat(answer.json()["now"]) - datetime.now(UTC)
    assert abs(ahead.total_seconds() * 1000 - target) < 5000
    for name, service in suite.items():
        (moved,) = [request for request in service.requests if request.path == MOVE]
        assert orjson.loads(service.bodies[-1]) == {"offset_ms": target}
        caller = TokenVerifier(keyring.trusted, name).caller(moved.headers["Authorization"])
        assert (caller.kind, caller.subject) == ("service", "gateway")
    assert await offset(database) == target


async def test_offset_is_told_as_a_duration_and_adds_up(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, database: Database
) -> None:
    assert suite
    before = await offset(database)
    await gate.post(CLOCK, json={"advance": "PT90M"}, headers=bearer("admin"))
    answer = await gate.post(CLOCK, json={"advance": "PT90M"}, headers=bearer("admin"))
    told: timedelta = TypeAdapter(timedelta).validate_python(answer.json()["offset"])
    assert answer.json()["offset"].startswith("P")
    assert round(told.total_seconds() * 1000) == await offset(database) == before + 3 * HOURS


async def test_time_of_none_moves_when_one_is_away(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, database: Database
) -> None:
    before = await offset(database)
    await suite["metrics"].stop()
    try:
        answer = await gate.post(CLOCK, json={"advance": "P1D"}, headers=bearer("admin"))
    finally:
        await suite["metrics"].start()
    assert answer.status_code == 503
    assert "metrics" in answer.json()["detail"]
    assert not any(request.path == MOVE for service in suite.values() for request in service.requests)
    assert await offset(database) == before


async def test_move_that_failed_half_way_is_finished_by_the_same_request(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, database: Database
) -> None:
    before = await offset(database)

    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=503)

    suite["orders"].handlers[MOVE] = refuse
    failed = await gate.post(CLOCK, json={"advance": "PT1H"}, headers=bearer("admin"))
    assert (failed.status_code, await offset(database)) == (503, before)
    suite["orders"].handlers.clear()
    again = await gate.post(CLOCK, json={"advance": "PT1H"}, headers=bearer("admin"))
    assert (again.status_code, await offset(database)) == (200, before + HOURS)
    told = {orjson.loads(body)["offset_ms"] for service in suite.values() for body in service.bodies if body}
    assert told == {before + HOURS}  # whoever had moved the first time was not moved twice


async def test_two_moves_at_once_both_count(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, database: Database
) -> None:
    assert suite
    before = await offset(database)
    await asyncio.gather(*(gate.post(CLOCK, json={"advance": "PT1H"}, headers=bearer("admin")) for _ in range(3)))
    assert await offset(database) == before + 3 * HOURS


@pytest.mark.parametrize("advance", ["-PT1H", "PT0S", "P400D", "soon", 1e30, None])
async def test_time_that_is_no_way_forward_is_422(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, advance: object
) -> None:
    assert suite
    answer = await gate.post(CLOCK, json={"advance": advance}, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/advance")


@pytest.mark.parametrize("role", ["customer", "warehouse", "analyst", "support", "merchandiser"])
async def test_time_is_moved_by_admin_and_coordinator_alone(
    gate: httpx2.AsyncClient, bearer: Bearer, role: str
) -> None:
    assert (await gate.post(CLOCK, json={"advance": "PT1H"}, headers=bearer(role))).status_code == 403


async def test_internal_clock_is_the_gateway_s(api: Api) -> None:
    body: Mapping[str, int] = {"offset_ms": 1}
    assert (await api.as_service("orders").post(MOVE, json=body)).status_code == 403
    assert (await api.as_service("gateway").post(MOVE, json=body)).status_code == 200
