"""The checks across services: content with a world in order, and none of them overlooks its own kind of damage."""

# ruff: noqa: S608 - the statements are made of constants of this file

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from common.testing import Platform
from quartermaster_local.suite import READER, reader_script
from tools.verify import CHECKS, SERVICES, Databases, Finding, NoDatabasesError, load_groups, verify
from tools.verify.databases import Row, find_urls, variable_of
from tools.verify.testing import CANCELLED, HOLD, IMPORTED, ORDER, PARCEL, PLACED_EVENT, World, uid

ROOT = Path(__file__).resolve().parents[2]

# Each says: the check that must find it, whose database is damaged, and how.
DAMAGE = {
    "units of an order put aside for nobody": (
        "placed-orders-have-their-stock",
        "inventory",
        f"DELETE FROM allocation_line WHERE order_id = '{ORDER}' AND sku = 'TEA'",
    ),
    "fewer units put aside than sold": (
        "placed-orders-have-their-stock",
        "inventory",
        f"UPDATE allocation_line SET quantity = 2 WHERE order_id = '{ORDER}' AND sku = 'MUG'",
    ),
    "a parcel that stock knows nothing of": (
        "placed-orders-have-their-stock",
        "inventory",
        f"UPDATE allocation_line SET shipped = 0 WHERE order_id = '{ORDER}' AND sku = 'MUG'",
    ),
    "an order whose hold may still end by time": (
        "placed-orders-have-their-stock",
        "inventory",
        f"""DELETE FROM allocation_line WHERE order_id = '{ORDER}'; DELETE FROM allocation WHERE order_id = '{ORDER}';
        UPDATE reservation SET state = 'held', expires_at = created_at WHERE id = '{ORDER}'""",
    ),
    "an order cancelled for its stock alone": (
        "placed-orders-have-their-stock",
        "inventory",
        f"UPDATE allocation SET state = 'cancelled' WHERE order_id = '{ORDER}'",
    ),
    "a parcel of more units than the ledger's": (
        "parcels-are-in-the-ledger",
        "orders",
        f"UPDATE shipment_line SET quantity = 3 WHERE shipment_id = '{PARCEL}'",
    ),
    "a parcel of other goods than the ledger's": (
        "parcels-are-in-the-ledger",
        "orders",
        f"UPDATE shipment_line SET sku = 'TEA' WHERE shipment_id = '{PARCEL}'",
    ),
    "a cancelled order that keeps its units": (
        "cancelled-orders-hold-no-stock",
        "inventory",
        f"UPDATE allocation SET state = 'allocated' WHERE order_id = '{CANCELLED}'",
    ),
    "a cancelled order whose hold goes on": (
        "cancelled-orders-hold-no-stock",
        "inventory",
        f"UPDATE reservation SET state = 'confirmed', confirmed_at = created_at WHERE id = '{CANCELLED}'",
    ),
    "an imported order that waits for stock": (
        "imported-orders-touch-no-stock",
        "inventory",
        f"INSERT INTO allocation VALUES ('{IMPORTED}', 'allocated', '2026-11-24', '2026-11-24')",
    ),
    "a hold that no checkout asked for": (
        "no-hold-without-a-live-checkout",
        "orders",
        f"DELETE FROM checkout WHERE id = '{HOLD}'",
    ),
    "a hold of a checkout that was given up": (
        "no-hold-without-a-live-checkout",
        "orders",
        f"UPDATE checkout SET state = 'undone', step = 'over' WHERE id = '{HOLD}'",
    ),
    "an allocation for an order that is not there": (
        "no-allocation-without-an-order",
        "inventory",
        f"INSERT INTO allocation VALUES ('{uid(99)}', 'allocated', '2026-11-24', '2026-11-24')",
    ),
    "a cent too much in the revenue": ("sales-equal-orders", "metrics", "UPDATE sales SET gross = gross + 1"),
    "a sale that was not booked": ("sales-equal-orders", "metrics", "DELETE FROM sales"),
    "a cancellation that was not booked": ("sales-equal-orders", "metrics", "UPDATE sales SET cancelled = 0"),
    "a return that was not booked": ("sales-equal-orders", "metrics", "UPDATE sales SET refunded = 0"),
    "a return booked as an order": ("sales-equal-orders", "metrics", "UPDATE sales SET orders = 4, returns = 0"),
    "units that came back and were not booked": (
        "product-sales-equal-order-lines",
        "metrics",
        "UPDATE product_sales SET returned_units = 0",
    ),
    "a sale booked in another channel": ("sales-equal-orders", "metrics", "UPDATE sales SET channel = 'market'"),
    "a SKU that sold more than was ordered": (
        "product-sales-equal-order-lines",
        "metrics",
        "UPDATE product_sales SET units = units + 1 WHERE sku = 'TEA'",
    ),
    "a SKU that nobody ordered": (
        "product-sales-equal-order-lines",
        "metrics",
        "UPDATE product_sales SET sku = 'GHOST' WHERE sku = 'TEA'",
    ),
    "an order that nobody was told of": (
        "each-order-is-told-of-once",
        "notifications",
        f"DELETE FROM message WHERE order_id = '{ORDER}' AND template = 'order-placed'",
    ),
    "an imported order that somebody was told of": (
        "each-order-is-told-of-once",
        "notifications",
        f"UPDATE message SET order_id = '{IMPORTED}' WHERE order_id = '{ORDER}' AND template = 'order-placed'",
    ),
    "a parcel that nobody was told of": (
        "each-order-is-told-of-once",
        "notifications",
        "DELETE FROM message WHERE template = 'order-shipped'",
    ),
    "a cancellation that nobody was told of": (
        "each-order-is-told-of-once",
        "notifications",
        "DELETE FROM message WHERE template = 'order-cancelled'",
    ),
    "a buyer whom orders does not know": (
        "registered-buyers-are-customers",
        "orders",
        f"UPDATE customer SET id = '{uid(98)}'",
    ),
    "a buyer known by another address": (
        "registered-buyers-are-customers",
        "orders",
        "UPDATE customer SET email = 'eva@example.com'",
    ),
    "a contact at an old address": (
        "everyone-is-a-contact",
        "notifications",
        "UPDATE contact SET email = 'old@example.com' WHERE kind = 'customer'",
    ),
    "a member of staff whom no mail reaches": (
        "everyone-is-a-contact",
        "notifications",
        "DELETE FROM contact WHERE role = 'warehouse'",
    ),
    "an event still in the outbox": (
        "every-event-is-published",
        "orders",
        "UPDATE outbox SET published_at = NULL",
    ),
    "an event that a group never had": (
        "every-event-reached-its-groups",
        "notifications",
        f"DELETE FROM inbox WHERE event_id = '{PLACED_EVENT}'",
    ),
}  # fmt: skip
FORGET_THE_MAIL_S_CLAIM = f"DELETE FROM inbox WHERE event_id = '{PLACED_EVENT}' AND consumer = 'notifications.mail'"


async def look(world: World) -> dict[str, Finding]:
    findings = await verify(world.databases, load_groups(), arrive_seconds=0, settle_seconds=0)
    return {finding.name: finding for finding in findings}


def broken(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.violations}


async def test_a_world_in_order_has_no_violations_and_every_check_looks_at_something(world: World) -> None:
    findings = await look(world)
    assert broken(findings) == set()
    idle = {name for name, finding in findings.items() if finding.looked_at == 0}
    assert idle == {"no-dead-letter-is-open"}


@pytest.mark.parametrize(("check", "service", "sql"), DAMAGE.values(), ids=DAMAGE.keys())
async def test_damage_is_found(world: World, check: str, service: str, sql: str) -> None:
    for statement in sql.split(";"):
        await world.run(service, statement)
    findings = await look(world)
    assert check in broken(findings)


async def test_no_check_goes_untested() -> None:
    planted = {check for check, _, _ in DAMAGE.values()} | {"no-dead-letter-is-open"}
    assert {check.name for check in CHECKS} <= planted


async def test_a_mail_too_many_is_found(world: World) -> None:
    await world.add_mail(uid(77), ORDER, "order-placed")
    (violation,) = (await look(world))["each-order-is-told-of-once"].violations
    assert (violation["order_id"], violation["mails"], violation["due"]) == (ORDER, 2, 1)


async def test_an_open_dead_letter_is_reported_and_counts_as_arrived(world: World) -> None:
    await world.run("notifications", FORGET_THE_MAIL_S_CLAIM)
    await world.add_letter("notifications.mail", PLACED_EVENT)
    assert broken(await look(world)) == {"no-dead-letter-is-open"}


async def test_a_discarded_letter_is_dealt_with(world: World) -> None:
    await world.add_letter("notifications.mail", uid(55), status="discarded")
    assert broken(await look(world)) == set()


async def test_a_tombstone_and_an_event_that_nobody_acts_on_are_not_waited_for(world: World) -> None:
    await world.add_event("catalog", "catalog.product.v1", "product.tombstone", uid(1), uid(0xE5))
    await world.run("catalog", "UPDATE outbox SET value = NULL")
    await world.add_event("inventory", "inventory.stock.v1", "stock.recounted", uid(2), uid(0xE6))
    assert broken(await look(world)) == set()


async def test_a_confirmed_hold_is_as_good_as_an_allocation(world: World) -> None:
    """The order's event is still on its way to inventory."""
    await world.run("orders", f"DELETE FROM shipment_line WHERE shipment_id = '{PARCEL}'")
    await world.run("orders", f"UPDATE order_line SET shipped_quantity = 0 WHERE order_id = '{ORDER}'")
    await world.run("inventory", f"DELETE FROM allocation_line WHERE order_id = '{ORDER}'")
    await world.run("inventory", f"DELETE FROM allocation WHERE order_id = '{ORDER}'")
    await world.run(
        "inventory", f"UPDATE reservation SET state = 'confirmed', confirmed_at = created_at WHERE id = '{ORDER}'"
    )
    findings = await look(world)
    assert findings["placed-orders-have-their-stock"].violations == []
    assert findings["no-hold-without-a-live-checkout"].violations == []


class Watched(Databases):
    """Does something to the world once a statement was seen."""

    def __init__(self, world: World, *, seen: str, service: str, then: str) -> None:
        super().__init__({})
        self._world, self._seen, self._service, self._then = world, seen, service, then

    async def fetch(self, service: str, sql: str, *args: object) -> list[Row]:
        rows = await self._world.databases.fetch(service, sql, *args)
        if self._seen in sql and service == self._service:
            await self._world.run(self._service, self._then)
        return rows

    async def value(self, service: str, sql: str, *args: object) -> Any:  # noqa: ANN401 - as its base
        return await self._world.databases.value(service, sql, *args)


async def test_what_mends_itself_meanwhile_is_no_violation(world: World) -> None:
    """The databases are read one after the other, while the shop sells."""
    await world.run("metrics", "UPDATE sales SET gross = gross - 1000")
    watched = Watched(world, seen="FROM sales", service="metrics", then="UPDATE sales SET gross = 8000")
    findings = await verify(watched, load_groups(), arrive_seconds=0, settle_seconds=5)
    assert [finding.name for finding in findings if finding.violations] == []


async def test_an_event_under_way_is_waited_for(world: World) -> None:
    await world.run("notifications", FORGET_THE_MAIL_S_CLAIM)
    claim = f"INSERT INTO inbox VALUES ('notifications.mail', '{PLACED_EVENT}', now()) ON CONFLICT DO NOTHING"
    watched = Watched(world, seen="FROM inbox", service="notifications", then=claim)
    findings = await verify(watched, load_groups(), arrive_seconds=20, settle_seconds=0)
    assert [finding.name for finding in findings if finding.violations] == []


async def test_an_event_about_to_be_sent_is_waited_for(world: World) -> None:
    await world.run("orders", "UPDATE outbox SET published_at = NULL")
    sent = "UPDATE outbox SET published_at = created_at"
    watched = Watched(world, seen="published_at IS NULL", service="orders", then=sent)
    findings = await verify(watched, load_groups(), arrive_seconds=20, settle_seconds=0)
    assert [finding.name for finding in findings if finding.violations] == []


# -- the command -------------------------------------------------------------------------------------------------------


async def command(urls: dict[str, str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    environment = {**os.environ, **{variable_of(name): url for name, url in urls.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tools.verify",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, [json.loads(line) for line in out.splitlines()], err.decode()


async def test_the_command_counts_names_and_fails(world_urls: dict[str, str], platform: Platform) -> None:
    status, violations, said = await command(world_urls)
    assert (status, violations) == (0, [])
    assert "placed-orders-have-their-stock: 0 violations in 1 orders" in said

    empty = {**world_urls, "metrics": await platform.new_database("metrics.migrations")}
    status, violations, said = await command(empty, "--wait", "0", "--settle", "0")
    assert status == 1
    assert {each["check"] for each in violations} >= {"sales-equal-orders", "product-sales-equal-order-lines"}
    assert "someone decides on wrong figures" in said


async def test_a_database_that_is_away_is_said_and_no_pass(world_urls: dict[str, str]) -> None:
    status, _, said = await command({**world_urls, "metrics": "postgresql://nobody@127.0.0.1:9/metrics"})
    assert status == 2
    assert said.strip()


def test_half_of_the_databases_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoDatabasesError, match="INVENTORY_DATABASE_URL"):
        find_urls({"CATALOG_DATABASE_URL": "postgresql://x"}, tmp_path)


def test_no_run_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NoDatabasesError, match="make run"):
        find_urls({}, tmp_path)


def test_a_run_is_found_by_its_file_and_its_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "verify.password").write_text("abc")
    (tmp_path / "run.json").write_text(json.dumps({"postgres": "127.0.0.1:5433"}))
    assert find_urls({}, tmp_path)["orders"] == "postgresql://verify:abc@127.0.0.1:5433/orders"


async def test_the_readers_role_reads_every_table_and_writes_none(platform: Platform) -> None:
    url = await platform.new_database("orders.migrations")
    name = url.rpartition("/")[2]
    script = reader_script([name], "abc").replace("\\gexec", ";")
    make_role, *others = [statement for statement in script.split(";") if statement.strip()]
    admin = await asyncpg.connect(url)
    try:
        for row in await admin.fetch(make_role):
            await admin.execute(row[0])
        for other in others:
            await admin.execute(other)
        reader = await asyncpg.connect(url, user=READER, password="abc")
        try:
            assert await reader.fetchval("SELECT count(*) FROM orders") == 0
            await reader.execute("SET default_transaction_read_only = off")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.execute("UPDATE rate_table SET version = 2")
        finally:
            await reader.close()
    finally:
        await admin.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}")
        await admin.close()


async def test_sessions_cannot_write_whatever_their_role_may(world_urls: dict[str, str]) -> None:
    async with Databases.open(world_urls) as databases:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await databases.fetch("orders", "UPDATE rate_table SET version = 2 RETURNING name")


def test_every_group_of_the_list_belongs_to_a_service() -> None:
    groups = {group for each in load_groups().values() for group in each}
    assert {group.partition(".")[0] for group in groups} <= set(SERVICES)
