"""The demo's play, from import to figures, and the partner who follows it."""

from pathlib import Path

import httpx2
import pytest

from common.testing.suite import until
from quartermaster_demo import shop as demo
from quartermaster_demo.client import WrongAnswer
from quartermaster_demo.partner import DESCRIPTION, Place, subscribed
from quartermaster_demo.play import place_in, play
from quartermaster_demo.scene import Scene
from tests.support.shop import Shop


async def test_the_demo_is_played_from_import_to_figures(shop: Shop) -> None:
    """Every answer on the way is what it must be, figures move by exactly that order, and a partner hears of it."""
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

    await play(shop.suite.gateway, logins_of(shop))

    assert await webhooks_left(shop) == []
    assert await shop.complaints() == []


@pytest.mark.parametrize("url", ["http://10.1.2.3:8080", "http://127.0.0.1:9"])
async def test_a_receiver_that_the_shop_may_not_or_cannot_call_is_told_in_a_sentence(
    shop: Shop, tmp_path: Path, url: str
) -> None:
    scene = Scene(shop.client, logins_of(shop))
    await scene.sign_in()

    with pytest.raises(WrongAnswer, match="WEBHOOK_ALLOWED_TARGETS"):
        async with subscribed(scene, Place(url, tmp_path)):
            pass

    assert await webhooks_left(shop) == []


async def test_a_shop_without_a_partner_is_told_in_a_sentence(shop: Shop) -> None:
    users = [each for each in shop.logins.values() if each["role"] != "partner"]
    with pytest.raises(WrongAnswer, match="no partner"):
        await play(shop.suite.gateway, {"users": users})


def test_the_shop_s_own_receiver_is_used_where_it_has_one(tmp_path: Path) -> None:
    assert place_in({"receiver": "http://receiver:8080"}, tmp_path) == Place(
        "http://receiver:8080", tmp_path / "received"
    )
    assert place_in({}, tmp_path) is None


def logins_of(shop: Shop) -> dict[str, object]:
    """What the demo reads from its file."""
    return {"users": list(shop.logins.values())}


async def webhooks_left(shop: Shop) -> list[object]:
    """The demo's own."""
    items = (await shop.staff["admin"].get("/v1/webhooks", limit=200))["items"]
    return [each for each in items if each["description"] == DESCRIPTION]
