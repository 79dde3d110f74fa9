"""The demo's play, from import to figures."""

import httpx2

from common.testing.suite import until
from quartermaster_demo import shop as demo
from quartermaster_demo.play import play
from tests.support.shop import Shop


async def test_an_order_is_played_from_import_to_figures(shop: Shop) -> None:
    """Every answer on the way is what it must be, and figures move by exactly that order."""
    merchandiser = shop.staff["merchandiser"]
    started = await merchandiser.call(
        "POST",
        "/v1/imports",
        httpx2.codes.ACCEPTED,
        data={"source": "shopify", "currency": demo.CURRENCY, "location": shop.location},
        files={"file": ("products.csv", demo.products_csv(), "text/csv")},
    )

    async def imported() -> bool:
        found = await merchandiser.get(f"/v1/imports/{started.json()['id']}")
        return bool(found["status"] == "completed")

    await until(imported)
    await shop.settle()

    await play(shop.suite.gateway, {"users": list(shop.logins.values())})

    assert await shop.complaints() == []
