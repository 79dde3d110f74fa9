"""T1 takes a cart only as it was read, and only once."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest

from common.auth import Caller
from common.database import Database
from common.idempotency import IdempotencyScope
from orders.carts.models import Cart
from orders.carts.service import read_cart
from orders.checkout.models import Checkout
from orders.checkout.repository import CheckoutRepository
from orders.checkout.rules import freeze
from orders.checkout.schemas import NewCheckout
from orders.testing import MakeProduct, MakeShopper, Shopper

COMMAND = NewCheckout.model_validate({"email": "ada@example.com", "payment": {"method": "test", "token": "approve"}})


@pytest.fixture
async def shopper(make_product: MakeProduct, make_shopper: MakeShopper) -> Shopper:
    """Somebody ready to check out."""
    await make_product("T-ONE")
    return await make_shopper({"T-ONE": 1})


async def read(database: Database, shopper: Shopper) -> tuple[Cart, Caller]:
    async with database.acquire() as connection:
        token = await connection.fetchval("SELECT token_hash FROM cart WHERE id = $1", UUID(shopper.cart_id))
    caller = Caller(cart=token)
    async with database.uow() as uow:
        return await read_cart(uow, UUID(shopper.cart_id), by=caller), caller


async def start(database: Database, cart: Cart, caller: Caller, *, version: int) -> Checkout | None:
    uow = database.uow()
    await uow.read_clock()
    return await CheckoutRepository(uow).start(
        uuid4(),
        cart.id,
        freeze(cart, COMMAND, by=caller, rounding="line"),
        IdempotencyScope(principal="t1", key=str(uuid4()), fingerprint=sha256(b"t1").digest()),
        cart_version=version,
        deadline_at=uow.now + timedelta(seconds=30),
        due_at=uow.now + timedelta(seconds=35),
    )


async def test_a_cart_that_changed_since_it_was_read_is_not_taken(database: Database, shopper: Shopper) -> None:
    cart, caller = await read(database, shopper)
    await shopper.add("T-ONE")
    assert await start(database, cart, caller, version=cart.version) is None
    assert (await shopper.cart())["state"] == "open"


async def test_a_cart_is_taken_once(database: Database, shopper: Shopper) -> None:
    cart, caller = await read(database, shopper)
    assert await start(database, cart, caller, version=cart.version) is not None
    assert await start(database, cart, caller, version=cart.version + 1) is None


async def test_an_ordered_cart_is_not_taken(database: Database, shopper: Shopper) -> None:
    cart, caller = await read(database, shopper)
    assert (await shopper.check_out()).status_code == 201
    version = (await shopper.cart())["version"]
    assert await start(database, cart, caller, version=version) is None
