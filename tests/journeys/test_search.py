"""Search follows the warehouse and the till, through Kafka."""

import secrets
from typing import Any

from common.testing.suite import until
from tests.support.shop import Shop


async def test_search_follows_stock_and_sales(shop: Shop) -> None:
    """What is counted can be bought, what is sold out goes last, what sells goes first."""
    word = f"shelf{''.join(secrets.choice('bcdfgklmnprt') for _ in range(8))}"
    skus = [f"{word.upper()}-{letter}" for letter in "ABC"]
    for sku in skus:
        await shop.add_product(sku)  # its title is made of the SKU
        await shop.count(sku, 5)

    async def found(*, in_stock: str = "false") -> list[tuple[str, Any]]:
        answer = await shop.nobody.get("/v1/search", q=word, sort="popularity", in_stock=in_stock)
        return [(card["handle"][-1], card["available"]) for card in answer["items"]]

    async def shows(expected: list[tuple[str, Any]]) -> bool:
        return await found() == expected

    await until(lambda: shows([("c", True), ("b", True), ("a", True)]))
    await shop.settle()  # the carts know the products too
    await shop.order({skus[0]: 1})
    await until(lambda: shows([("a", True), ("c", True), ("b", True)]))
    await shop.count(skus[2], 0)
    await until(lambda: shows([("a", True), ("b", True), ("c", False)]))
    assert await found(in_stock="true") == [("a", True), ("b", True)]
