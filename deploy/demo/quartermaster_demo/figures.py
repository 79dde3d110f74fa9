"""The acts about figures: what an order moves, what a visit does, and what came along from another shop."""

import json
from typing import Any

from quartermaster_demo import shop
from quartermaster_demo.client import Visitor, eventually, must
from quartermaster_demo.scene import Scene, written

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
PAGE = "https://shop.example/products/enamel-mug"
PAST_DAY = "2025-11-28"
PAST_TOTALS = (2980, 1290)  # cents
JSON_LINES = {"Content-Type": "application/x-ndjson"}


async def figures(scene: Scene) -> dict[str, Any]:
    """Stock and figures as they stand."""
    level = await scene.level(shop.PLENTIFUL_SKU)
    kpis = await scene.staff["analyst"].get("/v1/metrics/kpis", by="currency", currency=shop.CURRENCY)
    top = await scene.staff["analyst"].get("/v1/metrics/products", sort="units", limit=200)
    (row,) = kpis["items"] or [{"orders": 0, "gross": {"amount": 0}}]
    sold = next((item["units"] for item in top["items"] if item["sku"] == shop.PLENTIFUL_SKU), 0)
    return {"on_hand": level["on_hand"], "orders": row["orders"], "gross": row["gross"]["amount"], "sold": sold}


async def figures_moved(scene: Scene, before: dict[str, Any], order: dict[str, Any]) -> None:
    """Stock, revenue and top products have moved by exactly this order."""
    async with scene.step("stock and figures moved") as said:
        wanted = {
            "on_hand": before["on_hand"] - 2,
            "orders": before["orders"] + 1,
            "gross": before["gross"] + order["total"]["amount"],
            "sold": before["sold"] + 2,
        }

        async def moved() -> Any:  # noqa: ANN401 - the figures
            now = await figures(scene)
            return now if now == wanted else None

        now = await eventually(f"figures {wanted}", moved)
        said.append(
            f"{now['orders']} orders, {written({'amount': now['gross'], 'currency': shop.CURRENCY})} gross, "
            f"{shop.PLENTIFUL_SKU}: {now['on_hand']} on hand, {now['sold']} sold"
        )


# -- a visit ----------------------------------------------------------------------------------------------------------


async def traffic(scene: Scene) -> dict[str, Any]:
    """Visits of the web shop and what came of them."""
    found = await scene.staff["analyst"].get("/v1/metrics/kpis", by="channel", channel="web")
    rows: list[dict[str, Any]] = found["traffic"]
    return rows[0] if rows else {"sessions": 0, "sessions_with_order": 0, "conversion_rate": None}


async def visit(scene: Scene) -> str:
    """Somebody looks around; returns the visit's id, which the checkout will name."""
    async with scene.step("a visit is collected") as said:
        done = ("page_view", "view_item", "add_to_cart", "begin_checkout")
        events = [
            {
                "id": f"{scene.run}-{name}",
                "name": name,
                "url": f"{PAGE}?utm_source=Newsletter",
                "sku": shop.PLENTIFUL_SKU,
            }
            for name in done
        ]
        body = {"events": events, "visitor": f"ada-{scene.run}"}
        browser = scene.nobody.with_header("User-Agent", BROWSER)
        first = await browser.post("/v1/collect", body, 202)
        again = await browser.post("/v1/collect", body | {"session_id": first["session_id"]}, 202)
        must((first["accepted"], first["dropped"]) == (len(done), 0), f"all events must be kept: {first}")
        must((again["accepted"], again["repeated"]) == (0, len(done)), f"sent again they must not count: {again}")
        said.append(f"{first['accepted']} events, {again['repeated']} sent again and not counted")
        session: str = first["session_id"]
        return session


async def conversion_moved(scene: Scene, before: dict[str, Any]) -> None:
    """One more visit, and one more with an order."""
    async with scene.step("conversion moved") as said:
        wanted = (before["sessions"] + 1, before["sessions_with_order"] + 1)

        async def moved() -> Any:  # noqa: ANN401 - a JSON document
            now = await traffic(scene)
            return now if (now["sessions"], now["sessions_with_order"]) == wanted else None

        now = await eventually(f"{wanted[1]} orders in {wanted[0]} visits", moved)
        rate = round(wanted[1] / wanted[0], 4)
        must(
            now["conversion_rate"] == rate,
            f"{wanted[1]} of {wanted[0]} visits are {rate}, not {now['conversion_rate']}",
        )
        was = before["conversion_rate"]
        said.append(f"{0 if was is None else was:.1%} → {rate:.1%}: {wanted[1]} of {wanted[0]} visits")


# -- history ----------------------------------------------------------------------------------------------------------


async def past_orders(scene: Scene) -> list[str]:
    """Two orders of an older shop come along: they count, and nothing else happens for them. Returns their ids."""
    async with scene.step("past orders come along") as said:
        coordinator: Visitor = scene.staff["coordinator"]
        source = f"old-shop-{scene.run}"
        lines = b"".join(_past_order(source, number, total) for number, total in enumerate(PAST_TOTALS, start=1001))
        figures_before, stock_before = await _past_figures(scene), await scene.level(shop.PLENTIFUL_SKU)
        for imported, repeated in ((2, 0), (0, 2)):
            report = (await coordinator.call("POST", "/v1/orders/import", content=lines, headers=JSON_LINES)).json()
            got = (report["imported"], report["repeated"], report["rejected"])
            must(got == (imported, repeated, 0), f"{imported} imported and {repeated} repeated expected: {report}")

        wanted = (figures_before[0] + 2, figures_before[1] + sum(PAST_TOTALS))

        async def counted() -> bool:
            return await _past_figures(scene) == wanted

        await eventually(f"figures of {PAST_DAY} with {wanted}", counted)
        orders = (await coordinator.get("/v1/orders", source=source))["items"]
        for order in orders:
            mails = await scene.staff["support"].get("/v1/messages", order_id=order["id"])
            must(mails["items"] == [], f"nobody is mailed about {order['number']}: {mails['items']}")
        must(await scene.level(shop.PLENTIFUL_SKU) == stock_before, "past orders must move no stock")
        total = written({"amount": sum(PAST_TOTALS), "currency": shop.CURRENCY})
        said += [f"{len(orders)} of {PAST_DAY}, {total} in its figures", "no mail, no stock"]
        return [order["id"] for order in orders]


def _past_order(source: str, number: int, total: int) -> bytes:
    price = {"amount": total, "currency": shop.CURRENCY}
    line = {"sku": shop.PLENTIFUL_SKU, "title": "Enamel mug, Blue", "quantity": 1, "unit_price": price}
    order = {
        "source": source,
        "external_id": str(number),
        "placed_at": f"{PAST_DAY}T12:00:00+01:00",
        "currency": shop.CURRENCY,
        "email": "ada@example.com",
        "lines": [line],
        "total": price,
    }
    return json.dumps(order).encode() + b"\n"


async def _past_figures(scene: Scene) -> tuple[int, int]:
    """Orders and gross revenue of the day on which the past orders were placed."""
    asked = {"from": PAST_DAY, "to": PAST_DAY, "by": "currency", "currency": shop.CURRENCY}
    items = (await scene.staff["analyst"].call("GET", "/v1/metrics/kpis", params=asked)).json()["items"]
    return (items[0]["orders"], items[0]["gross"]["amount"]) if items else (0, 0)
