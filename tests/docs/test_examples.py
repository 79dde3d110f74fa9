"""The calls that pages show are sent to a running suite, and answered as shown.

What a page leaves out of an answer is not looked at; what it shows has the same names, and the same values but for
ids, times, tokens and numbers, which are each run's own.
"""

import asyncio
import re
import shlex
from string import Template
from typing import Any

import httpx2
import orjson
import pytest_asyncio

from common.inbox import DeadLetter
from quartermaster_demo import shop as demo
from tests.support.pages import blocks_of, read, section
from tests.support.shop import Shop

BASE = "http://127.0.0.1:8000"
OWN = re.compile(r"^(id|number|token|.*_token|secret|.*_at|.*_id)$")
FORM = "application/x-www-form-urlencoded"  # what curl says of a body unless it is told otherwise
IMPORT_SECONDS = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(shop: Shop) -> Shop:
    """The shop with the demo's products in it, and on the shelf."""
    content = ("products.csv", demo.products_csv(), "text/csv")
    assert (await import_file(shop, content))["counts"]["failed"] == 0
    await shop.settle()
    return shop


async def import_file(shop: Shop, content: tuple[str, bytes, str], **fields: str) -> dict[str, Any]:
    """Import a file of products with stock; returns how that ended."""
    form = {"source": "shopify", "currency": "EUR", "location": shop.location} | fields
    admin = shop.staff["admin"]
    accepted = (await admin.call("POST", "/v1/imports", 202, data=form, files={"file": content})).json()
    async with asyncio.timeout(IMPORT_SECONDS):
        while True:
            found: dict[str, Any] = await admin.get(f"/v1/imports/{accepted['id']}")
            if found["status"] in {"completed", "failed"}:
                return found
            await asyncio.sleep(0.05)


def differences(shown: Any, answered: Any, where: str = "") -> list[str]:  # noqa: ANN401 - JSON documents
    """What a page shows and an answer does not have."""
    match shown, answered:
        case dict(), dict():
            gone = [f"{where}/{name} is not in the answer" for name in shown.keys() - answered.keys()]
            both = [name for name in shown if name in answered]
            return gone + [
                each for name in both for each in differences(shown[name], answered[name], f"{where}/{name}")
            ]
        case list(), list() if len(shown) == len(answered):
            pairs = enumerate(zip(shown, answered, strict=True))
            return [each for place, (a, b) in pairs for each in differences(a, b, f"{where}/{place}")]
    if OWN.match(where.rpartition("/")[2]) and type(shown) is type(answered):
        return []
    return [] if shown == answered else [f"{where} is {answered!r}, not {shown!r}"]


class Reader:
    """Somebody who follows a page: types its commands, with the ids and tokens of their own answers."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._variables: dict[str, str] = {}
        self._own: dict[str, str] = {}

    async def type_in(self, block: str) -> httpx2.Response | None:
        """Take assignments over; send the block's one call, if there is one, and return the answer."""
        block = self.understood(block)
        words = [Template(word).substitute(self._variables) for word in shlex.split(block.replace("\\\n", " "))]
        if words[0] == "curl":
            return await self._client.send(self._request_of(words[1:]))
        for word in words:
            name, _, value = word.partition("=")
            self._variables[name] = Template(value).substitute(self._variables)
        return None

    def learn(self, shown: str, own: str) -> None:
        """Take a value of ours wherever the page shows that one."""
        self._own[shown] = own

    def understood(self, line: str) -> str:
        """Return a line of the page with the ids and tokens of our own answers."""
        for shown, own in self._own.items():
            line = line.replace(shown, own)
        return line

    def request_of(self, line: str) -> httpx2.Request:
        """Return the call that a line makes."""
        words = [Template(word).substitute(self._variables) for word in shlex.split(self.understood(line))]
        assert words[0] == "curl"
        return self._request_of(words[1:])

    def _request_of(self, words: list[str]) -> httpx2.Request:
        headers: dict[str, str] = {}
        method, path, body = "", "", None
        rest = iter(words)
        for word in rest:
            match word:
                case "-s" | "-sN":
                    continue
                case "-X":
                    method = next(rest)
                case "-H":
                    name, _, value = next(rest).partition(": ")
                    headers[name] = value
                case "-d":
                    body = next(rest)
                case _:
                    assert word.startswith(BASE), f"{word} is nothing that this reader of curl knows"
                    path = word.removeprefix(BASE)
        content = None if body is None else body.encode()
        if body is not None:
            headers.setdefault("Content-Type", FORM)
        return self._client.build_request(method or ("POST" if body else "GET"), path, headers=headers, content=content)

    def compare(self, shown: Any, answered: Any) -> None:  # noqa: ANN401 - JSON documents
        """Hold the answer against the page, and remember which id of the page is which of ours."""
        assert differences(shown, answered) == []
        self._own |= {
            shown[name]: answered[name] for name in ("id", "token", "access_token", "secret") if name in shown
        }


async def test_the_readme_s_five_calls_make_an_order(filled: Shop) -> None:
    reader = Reader(filled.client)
    answer: httpx2.Response | None = None
    calls = 0
    for block in blocks_of(section(read("README.md"), "Five calls to an order")):
        if block.language == "bash":
            answer = await reader.type_in(block.content) or answer
        else:
            assert answer is not None
            assert answer.is_success, answer.text
            reader.compare(orjson.loads(block.content), answer.json())
            calls += 1
    assert calls == 5
    assert answer is not None
    assert answer.status_code == httpx2.codes.CREATED


async def test_the_last_call_sent_again_answers_with_the_same_order(filled: Shop) -> None:
    reader = Reader(filled.client)
    last, answers = "", []
    for block in blocks_of(section(read("README.md"), "Five calls to an order")):
        if block.language == "bash":
            last = block.content.replace("first-order", "another-order")
            answers += [answer for answer in [await reader.type_in(last)] if answer is not None]
        else:
            reader.compare(orjson.loads(block.content), answers[-1].json())
    again = await reader.type_in(last)
    assert again is not None
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == answers[-1].content


async def test_the_file_of_the_import_page_is_imported_as_shown(filled: Shop) -> None:
    blocks = blocks_of(read("docs/how-to/import-products.md"))
    (table,) = (block.content for block in blocks if block.language == "text")
    (mendable,) = (block.content for block in blocks if block.language == "csv")
    _, tried, done = (orjson.loads(block.content) for block in blocks if block.language == "json")
    content = ("products.csv", table.encode(), "text/csv")

    assert differences(tried, await import_file(filled, content, dry_run="true")) == []
    found = await import_file(filled, content)
    assert differences(done, found) == []
    rejected = await filled.staff["admin"].call("GET", f"/v1/imports/{found['id']}/rejected", 200)
    assert rejected.content.decode("utf-8-sig").splitlines() == mendable.splitlines()


async def test_the_calls_of_the_search_page_find_something(filled: Shop) -> None:
    reader = Reader(filled.client)
    blocks = blocks_of(read("docs/how-to/search.md"))
    answers = [
        await reader.type_in(each.content) for each in blocks if each.language == "bash" and "$" not in each.content
    ]
    assert len(answers) == 2
    for answer in answers:
        assert answer is not None
        assert answer.json()["items"], answer.text
    (shown,) = (orjson.loads(each.content) for each in blocks if each.language == "json")
    answered = answers[0].json() if answers[0] else {}
    assert shown.keys() == answered.keys()
    kinds = {facet["kind"]: facet for facet in answered["facets"]}
    for facet in shown["facets"]:
        assert facet.keys() <= kinds[facet["kind"]].keys() | {"currency"}


def test_a_dead_letter_has_the_members_that_its_page_shows() -> None:
    (shown,) = (
        orjson.loads(each.content) for each in blocks_of(read("docs/how-to/dead-letters.md")) if each.language == "json"
    )
    assert shown.keys() <= set(DeadLetter.__dataclass_fields__)


def test_an_answer_that_differs_from_the_page_is_noticed() -> None:
    shown = {"id": "a", "total": {"amount": 1}, "lines": [{"sku": "X"}]}

    assert differences(shown, {"id": "b", "total": {"amount": 1}, "lines": [{"sku": "X", "more": 1}]}) == []
    assert differences(shown, {"id": "b", "total": {"amount": 2}, "lines": []}) == [
        "/total/amount is 2, not 1",
        "/lines is [], not [{'sku': 'X'}]",
    ]
    assert differences(shown, {"total": {"amount": 1}, "lines": [{"sku": None}]}) == [
        "/id is not in the answer",
        "/lines/0/sku is None, not 'X'",
    ]
