"""The pages: they load nothing from elsewhere, and run nothing but their own."""

import base64
import re
from hashlib import sha256

import httpx2
import pytest

from gateway.pages.documents import PROBLEMS


@pytest.mark.parametrize("path", ["/", "/docs", "/problems/not-found"])
async def test_page_holds_all_it_needs(gate: httpx2.AsyncClient, path: str) -> None:
    page = await gate.get(path)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL):
            digest = base64.b64encode(sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


async def test_document_is_read_once(gate: httpx2.AsyncClient) -> None:
    first = await gate.get("/openapi.json")
    assert first.json()["openapi"].startswith("3.1")
    again = await gate.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await gate.get("/openapi.json", headers={"If-None-Match": '"old"'})).status_code == 200


async def test_every_problem_of_ours_has_its_page(gate: httpx2.AsyncClient) -> None:
    assert {"not-found", "email-taken", "invalid-grant", "clock-not-movable", "request-timeout"} <= set(PROBLEMS)
    for slug, problem in PROBLEMS.items():
        page = await gate.get(f"/problems/{slug}")
        assert page.status_code == 200
        assert str(problem["status"]) in page.text
    answer = await gate.get("/problems/no-such-thing")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_problem_points_to_a_page(gate: httpx2.AsyncClient) -> None:
    answer = await gate.get("/nowhere")
    assert (await gate.get(answer.json()["type"])).status_code == 200
    assert answer.json()["instance"] == f"urn:request:{answer.headers['X-Request-Id']}"


async def test_health_is_about_the_gateway_itself(gate: httpx2.AsyncClient) -> None:
    assert (await gate.get("/livez")).json() == {"status": "alive"}
    assert (await gate.get("/readyz")).json()["database"] == "migrated"
