"""Whether everything that was committed has arrived: outbox, broker, and each group that listens.

Outbox rows are kept for a day after they were published, inbox rows for 35, so the look goes back one day. Tombstones
are left out: they pass by the inbox.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from tools.verify.databases import SERVICES, Databases, Row

CONSUMERS = Path(__file__).with_name("consumers.json")
BATCH = 5_000
POLL_SECONDS = 0.1

Groups = Mapping[str, Sequence[str]]  # event type -> consumer groups that act on it

HEAD = "SELECT coalesce(max(id), 0) FROM outbox"
UNPUBLISHED = """
SELECT id, topic, key, headers ->> 'ce_type' AS type, created_at FROM outbox
WHERE published_at IS NULL AND id <= $1 ORDER BY id LIMIT 1000
"""
PUBLISHED = """
SELECT id, (headers ->> 'ce_id')::uuid AS event_id, headers ->> 'ce_type' AS type, topic, key, published_at FROM outbox
WHERE id > $1 AND id <= $2 AND published_at IS NOT NULL AND value IS NOT NULL ORDER BY id LIMIT $3
"""
MISSING = """
SELECT id FROM unnest($2::uuid[]) AS id
WHERE NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = id)
    AND NOT EXISTS (SELECT FROM dead_letter WHERE consumer = $1 AND event_id = id)
"""


def load_groups(path: Path = CONSUMERS) -> Groups:
    """Which groups act on each event type, as the services' own lists say (see ``consumers.py``)."""
    groups: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return groups


@dataclass
class Backlog:
    """What had been committed when it was noted, and has not arrived everywhere."""

    databases: Databases
    groups: Groups
    heads: dict[str, int] = field(default_factory=dict)
    published: int = 0
    unpublished: list[Row] = field(default_factory=list)
    missing: dict[str, dict[UUID, Row]] = field(default_factory=dict)
    _read_to: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def note(cls, databases: Databases, groups: Groups) -> "Backlog":
        """Remember where each outbox ends now: what comes later is not waited for."""
        heads = {service: await databases.value(service, HEAD) for service in SERVICES}
        return cls(databases, groups, heads)

    async def wait(self, seconds: float) -> bool:
        """Look until all has arrived, or the time is up; whether it has."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await self.look():
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def look(self) -> bool:
        """Look once, at what was still missing alone; whether all has arrived."""
        self.unpublished = [
            {"service": service, **row}
            for service in SERVICES
            for row in await self.databases.fetch(service, UNPUBLISHED, self.heads[service])
        ]
        if self.unpublished:
            return False
        await self._read_published()
        await self._ask_again()
        return not any(self.missing.values())

    async def finish(self) -> None:
        """Look at what was published although something was not."""
        if self.unpublished:
            await self._read_published()
            await self._ask_again()

    async def _read_published(self) -> None:
        for service in SERVICES:
            position = self._read_to.get(service, 0)
            while rows := await self.databases.fetch(service, PUBLISHED, position, self.heads[service], BATCH):
                self._note_events(service, rows)
                position = rows[-1]["id"]
                await self._ask_again()
            self._read_to[service] = position

    def _note_events(self, service: str, rows: Sequence[Row]) -> None:
        self.published += len(rows)
        for row in rows:
            for group in self.groups.get(row["type"], ()):
                self.missing.setdefault(group, {})[row["event_id"]] = {"service": service, "group": group, **row}

    async def _ask_again(self) -> None:
        for group, events in self.missing.items():
            if events:
                rows = await self.databases.fetch(group.partition(".")[0], MISSING, group, list(events))
                self.missing[group] = {row["id"]: events[row["id"]] for row in rows}

    def lost(self) -> list[Row]:
        """Events and the groups that have not got them."""
        return [event for events in self.missing.values() for event in events.values()]
