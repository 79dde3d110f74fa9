"""Where TEST_CLOCK is not set, business time is real time."""

from collections.abc import Mapping

import httpx2
import pytest

from gateway.testing import Bearer, Suite


@pytest.fixture(scope="session")
def service_environment(tiny_services: Suite) -> Mapping[str, str]:
    return {f"GATEWAY_{name.upper()}_URL": each.url for name, each in tiny_services.items()}


async def test_shop_that_sells_keeps_its_time(gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer) -> None:
    answer = await gate.post("/v1/test-clock", json={"advance": "PT3H"}, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/clock-not-movable")
    assert not any(service.requests for service in suite.values())


async def test_no_page_may_call_where_no_origin_is_listed(gate: httpx2.AsyncClient, suite: Suite) -> None:
    assert suite
    answer = await gate.get("/v1/products", headers={"Origin": "https://shop.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
