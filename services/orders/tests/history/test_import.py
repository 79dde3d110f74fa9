"""Past orders come in: counted, shown, and nothing done for them; a wrong line is told of and holds up nobody."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from common.database import Database
from common.invariants import run_invariants
from common.testing import Api, EventProbe, StatementCount
from orders.history import service as history
from orders.history.reader import MAX_LINE_BYTES
from orders.invariants import INVARIANTS
from orders.testing import MakeOrder, MakeProduct, told

Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]
PATH = "/v1/orders/import"
NDJSON = {"content-type": "application/x-ndjson", "idempotency-key": None}


def pounds(pence: int) -> dict[str, Any]:
    return {"amount": pence, "currency": "GBP"}


def a_line(sku: str = "85123A", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the line
    """Six hanging hearts at 2.55."""
    return {"sku": sku, "title": "Hanging heart", "quantity": 6, "unit_price": pounds(255)} | changes


def an_order(external_id: str | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the order
    """An order over 15.30 GBP, placed at Christmas 2010."""
    return {
        "source": "old-shop",
        "external_id": external_id or uuid4().hex,
        "placed_at": "2010-12-20T09:26:00+00:00",
        "currency": "GBP",
        "lines": [a_line()],
    } | changes


def jsonl(*orders: Any) -> bytes:  # noqa: ANN401 - JSON documents
    return b"".join(orjson.dumps(order) + b"\n" for order in orders)


@pytest.fixture(autouse=True)
async def _nothing_broken(database: Database) -> AsyncIterator[None]:
    yield
    assert await run_invariants(database, INVARIANTS) == []


@pytest.fixture
def importer(api: Api) -> Api:
    """Someone who may import."""
    return api.as_user(scopes="orders:import orders:read orders:write orders:fulfil")


async def send(importer: Api, content: bytes | AsyncIterator[bytes]) -> dict[str, Any]:
    answer = await importer.post(PATH, content=content, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def found(importer: Api, **filters: str) -> list[dict[str, Any]]:
    answer = await importer.get("/v1/orders", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["received"], report["imported"], report["repeated"], report["rejected"]


async def test_a_past_order_is_shown_as_it_ended_and_told_of_once(
    importer: Api, probe: EventProbe, database: Database
) -> None:
    order = an_order(
        "536365",
        country="GB",
        email="ada@example.com",
        customer="17850",
        shipping=pounds(490),
        lines=[a_line(), a_line(quantity=1), a_line("22752", discount=pounds(30), tax_rate_basis_points=2000)],
        total=pounds(6 * 255 + 255 + 6 * 255 - 30 + 490),
    )

    assert counts(await send(importer, jsonl(order))) == (1, 1, 0, 0)

    [shown] = await found(importer, source="old-shop", external_id="536365")
    assert (await importer.get(f"/v1/orders/{shown['id']}")).json() == shown
    assert [shown[axis] for axis in ("status", "payment_status", "fulfilment_status")] == [
        "closed",
        "paid",
        "fulfilled",
    ]
    assert (shown["number"], shown["kind"]) == ("old-shop/536365", "sale")
    assert shown["imported_from"] == {"source": "old-shop", "external_id": "536365"}
    assert (shown["placed_at"], shown["country"], shown["email"]) == ("2010-12-20T09:26:00Z", "GB", "ada@example.com")
    assert shown["total"] == shown["captured"] == pounds(3775)
    assert [line["quantity"] for line in shown["lines"]] == [6, 1, 6]
    assert shown["lines"][2]["tax"] == pounds(250)
    assert shown["tax"] == pounds(250)
    assert shown["shipping_address"] is shown["shipping_option"] is shown["customer_id"] is None
    [event] = await told(probe, "order.placed", shown["id"])
    assert event.data.object.model_dump(mode="json") == shown
    assert len(await probe.events(key=shown["id"])) == 1
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM payment WHERE order_id = $1", UUID(shown["id"])) == 0
        assert await connection.fetchval("SELECT count(*) FROM pgqueuer") == 0


async def test_a_return_is_what_was_given_back(importer: Api) -> None:
    assert (await send(importer, jsonl(an_order("C536379", kind="return"))))["imported"] == 1
    [shown] = await found(importer, kind="return", external_id="C536379")
    assert (shown["payment_status"], shown["total"], shown["captured"]) == ("refunded", pounds(1530), pounds(0))


async def test_nothing_can_be_done_with_a_past_order(importer: Api) -> None:
    await send(importer, jsonl(an_order("done")))
    [shown] = await found(importer, external_id="done")
    path = f"/v1/orders/{shown['id']}"
    for refused in (
        await importer.post(f"{path}/cancel"),
        await importer.post(f"{path}/fulfilments", json={"lines": {"85123A": 1}}),
    ):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/order-is-history")
    assert (await importer.get(f"{path}/shipments")).json()["items"] == []


async def test_an_order_is_imported_once_however_often_it_comes(importer: Api, probe: EventProbe) -> None:
    order = an_order("twice")
    again = orjson.dumps(dict(reversed(order.items())) | {"channel": "web"}, option=orjson.OPT_INDENT_2)
    other = order | {"currency": "GBP", "lines": [a_line(quantity=7)]}

    assert counts(await send(importer, jsonl(order, order))) == (2, 1, 1, 0)
    assert counts(await send(importer, again.replace(b"\n", b" "))) == (1, 0, 1, 0)
    refused = await send(importer, jsonl(other))

    assert counts(refused) == (1, 0, 0, 1)
    assert refused["errors"][0] == {
        "line": 1,
        "pointer": "/external_id",
        "reason": "twice of old-shop was imported before with other content; what is imported is not changed",
    }
    [shown] = await found(importer, external_id="twice")
    assert shown["total"] == pounds(1530)
    assert len(await probe.events(key=shown["id"])) == 1
    assert counts(await send(importer, jsonl(order | {"source": "market"}))) == (1, 1, 0, 0)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"source": "Old Shop"}, "/source", "pattern"),
    ({"external_id": ""}, "/external_id", "at least 1"),
    ({"external_id": "a\u0000"}, "/external_id", "pattern"),
    ({"placed_at": "2010-12-01T08:26:00"}, "/placed_at", "timezone"),
    ({"placed_at": 1291191960}, "/placed_at", "datetime"),
    ({"placed_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "/placed_at", "future"),
    ({"placed_at": "0001-01-01T00:00:00Z"}, "/placed_at", "year"),
    ({"currency": "GBR"}, "/currency", "ISO 4217"),
    ({"country": "UK"}, "/country", "ISO 3166"),
    ({"email": "nobody"}, "/email", "pattern"),
    ({"kind": "refund"}, "/kind", "'sale' or 'return'"),
    ({"lines": []}, "/lines", "has a line"),
    ({"lines": [a_line(quantity=0)]}, "/lines/0/quantity", "greater than or equal to 1"),
    ({"lines": [a_line(quantity=-3)]}, "/lines/0/quantity", "greater than or equal to 1"),
    ({"lines": [a_line(quantity=True)]}, "/lines/0/quantity", "integer"),
    ({"lines": [a_line(quantity="6")]}, "/lines/0/quantity", "integer"),
    ({"lines": [a_line(sku="A/B")]}, "/lines/0/sku", "pattern"),
    ({"lines": [a_line(title="a\u0000b")]}, "/lines/0/title", "NUL"),
    ({"lines": [a_line(unit_price=pounds(-1))]}, "/lines/0/unit_price", "below zero"),
    ({"lines": [a_line(unit_price=2.55)]}, "/lines/0/unit_price", "object"),
    ({"lines": [a_line(unit_price=pounds(2**53))]}, "/lines/0/unit_price/amount", "less than or equal"),
    ({"lines": [a_line(unit_price=pounds(2**52), quantity=1000)]}, "/lines", "more than an amount can hold"),
    ({"lines": [a_line(discount=pounds(1531))]}, "/lines/0/discount", "more than the line"),
    ({"lines": [a_line(tax=pounds(1531))]}, "/lines/0/tax", "more than the line"),
    ({"lines": [a_line(unit_price={"amount": 1, "currency": "EUR"})]}, "", "one of its amounts is in EUR"),
    ({"lines": [a_line(title=f"{number:03}" + "ß" * 190) for number in range(700)]}, "/lines", "split it"),
    ({"total": pounds(1531)}, "/total", "add up to 1530"),
    ({"shipping": pounds(1), "shipping_tax": pounds(2)}, "/shipping_tax", "more than the shipping"),
    ({"note": "?"}, "/note", "not permitted"),
]


async def test_a_wrong_line_is_pointed_at_and_all_others_are_in(importer: Api) -> None:
    good = [an_order() for _ in range(3)]
    bad = [an_order(f"wrong-{place}") | changes for place, (changes, _, _) in enumerate(WRONG)]
    report = await send(importer, jsonl(*good[:2], *bad, good[2]))

    assert counts(report) == (len(bad) + 3, 3, 0, len(bad))
    told_of = {error["line"]: error for error in report["errors"]}
    for place, (_, pointer, reason) in enumerate(WRONG, start=3):
        assert told_of[place]["pointer"] == pointer
        assert reason in told_of[place]["reason"]
    assert await found(importer, external_id="wrong-0") == []


TOO_LONG = b"x" * (MAX_LINE_BYTES + 1)
NO_ORDERS = [b"[]", b"null", b"{", b"\xff\xfe\x00", b'{"a":' * 5_000, b'"\\ud800"', TOO_LONG, b"\x00", b"1e999"]


async def test_what_is_no_order_at_all_is_a_wrong_line_too(importer: Api) -> None:
    good = jsonl(an_order())
    report = await send(importer, b"\xef\xbb\xbf" + good + b"\n".join(NO_ORDERS) + b"\r\n\n  \n" + good.strip())

    assert counts(report) == (len(NO_ORDERS) + 2, 1, 1, len(NO_ORDERS))
    assert [error["line"] for error in report["errors"]] == list(range(2, 2 + len(NO_ORDERS)))
    assert f"{MAX_LINE_BYTES:,} bytes" in report["errors"][6]["reason"]


async def test_a_file_of_wrong_lines_makes_a_short_report(importer: Api) -> None:
    report = await send(importer, b"no\n" * 5_000)
    assert counts(report) == (5_000, 0, 0, 5_000)
    assert len(report["errors"]) == history.ERROR_LINES


async def test_lines_are_cut_wherever_the_network_cuts_the_file(importer: Api) -> None:
    content = jsonl(*(an_order(lines=[a_line(title="Bäckerei 🥐")]) for _ in range(5))).strip()

    async def byte_by_byte() -> AsyncIterator[bytes]:
        for place in range(len(content)):
            yield content[place : place + 1]

    assert counts(await send(importer, byte_by_byte())) == (5, 5, 0, 0)


async def test_a_known_sku_leads_to_its_product(importer: Api, make_product: MakeProduct) -> None:
    await make_product("KNOWN")
    await send(importer, jsonl(an_order("linked", lines=[a_line("KNOWN"), a_line("known")])))
    [shown] = await found(importer, external_id="linked")
    known, unknown = shown["lines"]
    assert known["product_id"] is not None
    assert known["variant_id"] is not None
    assert (unknown["product_id"], unknown["variant_id"]) == (None, None)


async def test_an_order_too_long_to_name_its_products_is_in_without(
    importer: Api, make_product: MakeProduct, probe: EventProbe
) -> None:
    await make_product("LONG")
    await send(
        importer, jsonl(an_order("long", lines=[a_line("LONG")] * 760), an_order("short", lines=[a_line("LONG")]))
    )
    [long], [short] = [await found(importer, external_id=each) for each in ("long", "short")]
    assert {line["product_id"] for line in long["lines"]} == {None}
    assert short["lines"][0]["product_id"] is not None
    [event] = await told(probe, "order.placed", long["id"])
    assert len(event.data.object.lines) == 760


async def test_prices_without_tax_are_taken_as_they_are(importer: Api) -> None:
    lines = [a_line(quantity=3, unit_price=pounds(999), tax=pounds(599)), a_line(tax_rate_basis_points=2000)]
    order = an_order("net", prices_include_tax=False, lines=lines, shipping=pounds(400), shipping_tax=pounds(80))
    assert (await send(importer, jsonl(order)))["imported"] == 1
    [shown] = await found(importer, external_id="net")
    assert [line["total"]["amount"] for line in shown["lines"]] == [2997 + 599, 1530 + 306]
    assert (shown["total"], shown["tax"]) == (pounds(2997 + 599 + 1530 + 306 + 400 + 80), pounds(599 + 306 + 80))


async def test_shipping_alone_is_an_order(importer: Api) -> None:
    assert (await send(importer, jsonl(an_order("postage", lines=[], shipping=pounds(1800)))))["imported"] == 1
    [shown] = await found(importer, external_id="postage")
    assert (shown["lines"], shown["total"]) == ([], pounds(1800))


async def test_past_orders_stand_beside_our_own(
    importer: Api, make_product: MakeProduct, make_order: MakeOrder
) -> None:
    await make_product("OURS")
    ours = await make_order({"OURS": 1})
    await send(importer, jsonl(an_order("beside", customer="12346")))
    assert {order["kind"] for order in await found(importer, kind="sale")} == {"sale"}
    assert (ours["imported_from"], ours["country"]) == (None, "DE")
    [beside] = await found(importer, customer_reference="12346")
    assert beside["imported_from"]["external_id"] == "beside"
    assert ours["id"] not in {order["id"] for order in await found(importer, source="old-shop", limit="200")}


async def test_an_analyst_sees_no_buyer_of_a_past_order(api: Api, importer: Api) -> None:
    await send(importer, jsonl(an_order("hidden", email="ada@example.com"), an_order("nameless")))
    analyst = api.as_user(scopes="orders:read", personal_data=False)
    [hidden], [nameless] = [await found(analyst, external_id=each) for each in ("hidden", "nameless")]
    assert (hidden["email"], nameless["email"]) == ("withheld", None)
    refused = await analyst.get("/v1/orders", params={"customer_reference": "1"})
    assert refused.status_code == 403


async def test_importing_takes_a_scope_of_its_own(api: Api) -> None:
    for caller, status in ((api, 401), (api.as_user(scopes="orders:write orders:read"), 403), (api.as_customer(), 403)):
        refused = await caller.post(PATH, content=jsonl(an_order()), headers=NDJSON)
        assert refused.status_code == status


@pytest.mark.parametrize(
    "headers", [{"content-type": "application/json"}, NDJSON | {"content-encoding": "gzip"}, {"content-type": ""}]
)
async def test_what_is_no_json_lines_is_refused(importer: Api, headers: dict[str, str]) -> None:
    refused = await importer.post(PATH, content=jsonl(an_order()), headers=NDJSON | headers)
    assert (refused.status_code, refused.json()["type"]) == (415, "/problems/unsupported-media-type")
