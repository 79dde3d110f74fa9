"""Logins, buyers and contacts: one person, known to three services by the same id."""

from typing import Any

from tools.verify.checks.check import Result, batches, check
from tools.verify.databases import Databases, Row

USERS = "SELECT id, email, role FROM users WHERE id > $1 ORDER BY id LIMIT $2"
CUSTOMERS = "SELECT id, email FROM customer WHERE id > $1 ORDER BY id LIMIT $2"
CUSTOMERS_BY_ID = "SELECT id, email FROM customer WHERE id = ANY ($1::uuid[])"
CONTACTS = "SELECT id, email, role FROM contact WHERE kind = $1 AND NOT deleted AND id = ANY ($2::uuid[])"

BUYER = "customer"


@check("logins", key=("user_id",))
async def registered_buyers_are_customers(databases: Databases) -> Result:
    """A login with the role customer is a customer of the same id and address in orders.

    A violation means someone who registered and has no account in the shop. Look at the dead letters of orders.users
    for the user's id.
    """
    result = Result()
    async for rows in batches(databases, "gateway", USERS):
        buyers = [row for row in rows if row["role"] == BUYER]
        known = await databases.fetch("orders", CUSTOMERS_BY_ID, [row["id"] for row in buyers])
        addresses = {row["id"]: row["email"] for row in known}
        result.looked_at += len(buyers)
        result.violations += [
            {"user_id": row["id"], "customer": "differs" if row["id"] in addresses else "missing"}
            for row in buyers
            if (addresses.get(row["id"]) or "").lower() != row["email"].lower()
        ]
    return result


@check("logins and customers", key=("kind", "id"))
async def everyone_is_a_contact(databases: Databases) -> Result:
    """Notifications knows each login, with its role, and each customer, at the address that their owner has.

    A violation means mails to the wrong address, or to nobody. Look at the dead letters of notifications.contacts for
    the id; the projection can be rebuilt from its topics.
    """
    result = Result()
    async for rows in batches(databases, "gateway", USERS):
        await _compare(databases, "user", [dict(row) for row in rows], result)
    async for rows in batches(databases, "orders", CUSTOMERS):
        await _compare(databases, "customer", [{**row, "role": None} for row in rows], result)
    return result


async def _compare(databases: Databases, kind: str, people: list[dict[str, Any]], result: Result) -> None:
    rows = await databases.fetch("notifications", CONTACTS, kind, [person["id"] for person in people])
    contacts: dict[Any, Row] = {row["id"]: row for row in rows}
    result.looked_at += len(people)
    for person in people:
        contact = contacts.get(person["id"])
        if contact is None or (contact["email"], contact["role"]) != (person["email"], person["role"]):
            contact_is = "missing" if contact is None else "differs"
            result.violations.append({"kind": kind, "id": person["id"], "contact": contact_is})


CHECKS = (registered_buyers_are_customers, everyone_is_a_contact)
