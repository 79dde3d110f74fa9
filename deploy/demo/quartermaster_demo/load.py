"""Fills an empty shop: staff, warehouses, taxes, shipping and the product file, through the services' own doors.

Runs before the gateway does, so it signs what the gateway would sign, with the gateway's key. Interrupted, it is simply
run again: what is there already stays. Writes the logins to ``DEMO_FILE`` as its last act, which is how others know
that the shop is filled.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2

from common.auth import TokenSigner
from quartermaster_demo import shop

LOADER = UUID("019ab000-0000-7000-8000-00000000d3e0")
SCOPES = "catalog:read catalog:write inventory:read inventory:adjust orders:read orders:write"
IMPORT_SECONDS = 120.0


class LoadError(Exception):
    """The shop could not be filled; says which call was refused and how."""


class Door:
    """One service, spoken to as the gateway would speak for an admin."""

    def __init__(self, client: httpx2.AsyncClient, signer: TokenSigner, service: str, base_url: str) -> None:
        self._client, self._signer, self._service = client, signer, service
        self._base_url = base_url.rstrip("/")

    async def call(
        self,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...] = (200, 201, 202),
        **options: Any,  # noqa: ANN401 - httpx's options
    ) -> httpx2.Response:
        """Send a request. Raises LoadError unless the status is one of ``expect``."""
        claims = {"aud": self._service, "sub": str(LOADER), "kind": "user", "scope": SCOPES}
        token = self._signer.sign(claims, expires=time.time() + 60)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        answer = await self._client.request(method, f"{self._base_url}{path}", headers=headers, **options)
        if answer.status_code not in expect:
            raise LoadError(f"{method} {self._service}{path} answered {answer.status_code}: {answer.text[:500]}")
        return answer


def password_of(email: str, secret: str) -> str:
    """Derive a demo login's password: the same for the same keys, known to nobody else."""
    digest = hmac.new(secret.encode(), f"demo login {email}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:15]).decode()


def create_users(secret: str) -> list[dict[str, str]]:
    """Make the staff's logins in one call of the gateway's command line; those that exist stay."""
    users = [
        {
            "role": member["role"],
            "email": member["email"],
            "name": member["name"],
            "password": password_of(member["email"], secret),
        }
        for member in shop.staff()
    ]
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "create-users"],
        input="".join(json.dumps(user) + "\n" for user in users).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise LoadError(f"gateway create-users failed: {done.stderr.decode(errors='replace').strip()}")
    return [{name: user[name] for name in ("role", "email", "password")} for user in users]


async def replace_table(orders: Door, path: str, rates: object) -> None:
    """Put a whole table of rates, unless it was filled before."""
    present = await orders.call("GET", path)
    if not present.json()["rates"]:
        await orders.call("PUT", path, json={"rates": rates}, headers={"If-Match": present.headers["etag"]})


async def ensure_locations(inventory: Door) -> dict[str, str]:
    """Make the warehouses that are missing; returns code -> id."""
    present = (await inventory.call("GET", "/v1/locations")).json()["items"]
    known = {location["code"]: location["id"] for location in present}
    for wanted in shop.locations():
        if wanted["code"] not in known:
            body = {name: wanted[name] for name in ("code", "name", "priority")} | {
                "country": wanted["address"]["country"]
            }
            made = await inventory.call("POST", "/v1/locations", json=body)
            known[wanted["code"]] = made.json()["id"]
    return known


async def import_products(catalog: Door, location: str) -> Mapping[str, Any]:
    """Send the product file through the real import, with stock, and wait for its end."""
    started = await catalog.call(
        "POST",
        "/v1/imports",
        data={"source": "shopify", "currency": shop.CURRENCY, "location": location},
        files={"file": ("products.csv", shop.products_csv(), "text/csv")},
    )
    path = f"/v1/imports/{started.json()['id']}"
    async with asyncio.timeout(IMPORT_SECONDS):
        while True:
            found: dict[str, Any] = (await catalog.call("GET", path)).json()
            if found["status"] in {"completed", "failed"}:
                break
            await asyncio.sleep(0.1)
    if found["status"] != "completed" or found["counts"]["failed"]:
        raise LoadError(f"The product file was not imported whole: {json.dumps(found)[:1000]}")
    return found


async def load(environment: Mapping[str, str]) -> None:
    """Fill the shop and write the logins."""
    key = environment["GATEWAY_SIGNING_KEY"]
    signer = TokenSigner("gateway", key)
    async with httpx2.AsyncClient(timeout=30) as client:
        doors = {
            name: Door(client, signer, name, environment[f"GATEWAY_{name.upper()}_URL"])
            for name in ("catalog", "inventory", "orders")
        }
        users, _, _, imported = await asyncio.gather(
            asyncio.to_thread(create_users, key),
            replace_table(doors["orders"], "/v1/tax-rates", shop.tax_rates()),
            replace_table(doors["orders"], "/v1/shipping-rates", shop.shipping_rates()),
            _stocked(doors),
        )
    logins = {"gateway": environment["GATEWAY_URL"], "users": users, "api_keys": []}
    if receiver := environment.get("DEMO_RECEIVER_URL"):
        logins["receiver"] = receiver  # who plays the demo is not where the services could call
    target = Path(environment["DEMO_FILE"])
    partial = target.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(logins, indent=2) + "\n")
    partial.replace(target)
    sys.stderr.write(f"Demo shop loaded: {imported['counts']['products']} products.\n")


async def _stocked(doors: Mapping[str, Door]) -> Mapping[str, Any]:
    locations = await ensure_locations(doors["inventory"])
    return await import_products(doors["catalog"], locations[shop.locations()[0]["code"]])


def main() -> int:
    """Fill the shop; the exit code says whether it is filled."""
    if os.environ.get("DEMO_SHOP", "1") == "0":
        sys.stderr.write("DEMO_SHOP=0: the shop stays empty.\n")
        return 0
    if Path(os.environ["DEMO_FILE"]).exists():
        sys.stderr.write("The demo shop is loaded already.\n")
        return 0
    try:
        asyncio.run(load(os.environ))
    except (LoadError, httpx2.HTTPError, TimeoutError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
