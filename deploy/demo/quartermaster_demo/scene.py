"""What the acts of the play share: who takes part, and how a step is told."""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from quartermaster_demo.client import Visitor, WrongAnswer, login

ROLES = ("admin", "coordinator", "merchandiser", "warehouse", "support", "analyst", "partner")
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Torstraße 1",
    "line2": None,
    "city": "Berlin",
    "region": None,
    "postal_code": "10119",
    "country": "DE",
}


class Scene:
    """What the acts hand on to each other."""

    def __init__(self, client: httpx2.AsyncClient, logins: dict[str, Any]) -> None:
        self.client = client
        self.logins = {user["role"]: user for user in logins["users"]}
        self.run = secrets.token_hex(3)
        """Names what this play makes, so that the next one makes its own."""
        self.nobody = Visitor(client)
        self.staff: dict[str, Visitor] = {}
        self.location: str = ""

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[list[str]]:
        """Print a step with its time and what it has to say."""
        said: list[str] = []
        started = time.perf_counter()
        yield said
        print(f"{(time.perf_counter() - started) * 1000:7.0f} ms  {name}: {', '.join(said)}", flush=True)

    async def sign_in(self) -> None:
        """Everybody who works here signs in, and the partner too."""
        if missing := [role for role in ROLES if role not in self.logins]:
            raise WrongAnswer(
                f"The demo logins name no {' and no '.join(missing)}: this shop was loaded by an older version. "
                "Load another one: make run DATA_DIR=.data-2, then DATA_DIR=.data-2 make demo."
            )
        async with self.step("staff and a partner sign in") as said:
            for role in ROLES:
                user = self.logins[role]
                self.staff[role] = await login(self.client, user["email"], user["password"])
            locations = await self.staff["warehouse"].get("/v1/locations")
            self.location = next(item["id"] for item in locations["items"] if item["code"] == "BER")
            said.append(f"{len(self.staff)} roles, {len(locations['items'])} warehouses")

    @property
    def partner(self) -> Visitor:
        """Another company's system: it may subscribe to events, and nothing else."""
        return self.staff["partner"]

    async def level(self, sku: str) -> Any:  # noqa: ANN401 - a JSON document
        """One SKU at the demo's warehouse."""
        found = await self.staff["warehouse"].get(f"/v1/stock/{sku}")
        return next(level for level in found["locations"] if level["location_id"] == self.location)


def written(money: dict[str, Any]) -> str:
    """Write an amount for people."""
    return f"{money['amount'] / 100:.2f} {money['currency']}"
