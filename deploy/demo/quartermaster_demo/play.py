"""Plays the shop from import to figures, and a partner who follows it, through the gateway alone.

Each step prints what was seen and how long it took; the first answer that is not what it must be ends the play with
exit code 1. It runs as often as you like on the same data.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from quartermaster_demo import catalogue, figures, partner, selling, shop
from quartermaster_demo.client import WrongAnswer
from quartermaster_demo.partner import Place, Subscription
from quartermaster_demo.receiver import opened
from quartermaster_demo.scene import Scene


async def play(gateway: str, logins: dict[str, Any], *, place: Place | None = None) -> None:
    """Play every step in order; webhooks are received at ``place``, or by this process. Raises WrongAnswer."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=gateway, timeout=30))
        if place is None:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="quartermaster-demo-")))
            place = Place(await stack.enter_async_context(opened(folder)), folder)
        scene = Scene(client, logins)
        await scene.sign_in()
        letters = await partner.open_dead_letters(scene)
        await catalogue.import_products(scene)
        await catalogue.try_import(scene)
        await catalogue.round_trip(scene)
        await catalogue.search(scene)
        await catalogue.facets(scene)
        subscription = await stack.enter_async_context(partner.subscribed(scene, place))
        awaited = await _sell(scene, subscription)
        awaited |= {each: {"order.placed"} for each in await figures.past_orders(scene)}
        awaited |= {await catalogue.change_price(scene): {"product.updated"}}
        log = await partner.saw_the_same(scene, subscription, awaited)
        await partner.replay(scene, subscription, log)
        await partner.no_dead_letters(scene, letters)


async def _sell(scene: Scene, subscription: Subscription) -> dict[str, set[str]]:
    """From a visit to figures, and an order that is called off; returns what partners must have heard of both."""
    figures_before, traffic_before = await figures.figures(scene), await figures.traffic(scene)
    session = await figures.visit(scene)
    shopper = await selling.register(scene)
    order = await selling.order(scene, shopper, session=session)
    await selling.mail(scene, "mail: order placed", "order-placed", order)
    first = await selling.ship(scene, order, "ships a part", {shop.PLENTIFUL_SKU: 2}, "partial")
    await partner.line_breaks(scene, subscription)
    await selling.mail(scene, "mail: tracking, and what is still to come", "order-shipped", order)
    second = await selling.ship(scene, order, "ships the rest", {selling.SECOND_SKU: 1}, "fulfilled")
    await selling.mail(scene, "mail: the second parcel", "order-shipped", order, count=2)
    await selling.deliver(scene, order, [first, second])
    await figures.figures_moved(scene, figures_before, order)
    await figures.conversion_moved(scene, traffic_before)
    low = await selling.run_low(scene)
    await selling.decline(scene)
    await selling.cancel(scene, low)
    return {
        order["id"]: {"order.placed", "order.shipped", "order.delivered", "order.paid"},
        low["id"]: {"order.placed", "order.cancelled"},
    }


def place_in(logins: dict[str, Any], folder: Path) -> Place | None:
    """Where the shop's own receiver is, if it has one: containers cannot call the machine that they run on."""
    receiver = logins.get("receiver")
    return Place(receiver, folder / "received") if receiver else None


def main() -> int:
    """Play against the gateway given, or the one that ``make run`` has started."""
    data_dir = os.environ.get("DATA_DIR", ".data")
    parser = argparse.ArgumentParser(prog="quartermaster_demo", description=__doc__)
    parser.add_argument("--gateway", help=f"URL; by default the one in {data_dir}/demo.json")
    parser.add_argument("--logins", type=Path, default=f"{data_dir}/demo.json", help="file with the demo logins")
    arguments = parser.parse_args()
    try:
        logins = json.loads(arguments.logins.read_text())
    except FileNotFoundError:
        sys.stderr.write(f"There are no demo logins at {arguments.logins}; start the suite first, with `make run`.\n")
        return 2
    place = place_in(logins, arguments.logins.parent)
    started = time.perf_counter()
    try:
        asyncio.run(play(arguments.gateway or logins["gateway"], logins, place=place))
    except (WrongAnswer, httpx2.HTTPError) as error:
        sys.stderr.write(f"The demo failed: {type(error).__name__}: {error}\n")
        return 1
    print(f"The demo went through in {time.perf_counter() - started:.1f} s.")
    return 0
