"""Telling visitors apart for a day, and not being able to any more after it.

A visitor is a hash of network address, User-Agent and host under a salt drawn at random for each day of the shop. The
salt is deleted with the day, after which nobody can tell whose hash it was: neither we nor who knows the addresses.
What it must never do: hand the address or the User-Agent on.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from secrets import token_bytes
from zoneinfo import ZoneInfo

from common.database import UnitOfWork

IDLE = timedelta(minutes=30)  # a visit ends when nothing was heard for so long
SALT_BYTES = 32
HASH_BYTES = 16
NETWORK_BITS = 64  # of an IPv6 address: the rest changes by the hour on many devices

MAKE_SALT = """
WITH made AS (
    INSERT INTO visitor_salt (day, salt) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING day, salt
)
SELECT day, salt FROM made UNION ALL SELECT day, salt FROM visitor_salt WHERE day IN ($1, $3)
"""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose events they are: today's hash, and yesterday's as long as a visit of yesterday may go on."""

    day: date
    today: bytes
    yesterday: bytes | None


def day_of(moment: datetime, zone: str) -> date:
    """Return the shop's day."""
    return moment.astimezone(ZoneInfo(zone)).date()


def hashed(salt: bytes, *parts: str) -> bytes:
    """Hash what tells a visitor apart."""
    return blake2b("\0".join(parts).encode(), key=salt, digest_size=HASH_BYTES).digest()


def network_of(address: str) -> str:
    """Return the part of a network address that stays the same for a day; what is no address stays as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> NETWORK_BITS:x}"


class Salts:
    """The salts that are in use: today's, and yesterday's in the first half hour.

    A process keeps them at hand and drops them when their time is over; the sweep deletes them in the database.
    """

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._known: dict[date, bytes] = {}

    async def visitor(self, uow: UnitOfWork, *parts: str) -> Visitor:
        """Tell who it is at ``uow.now``."""
        today, yesterday = self._days(uow.now)
        self.forget(uow.now)
        while today not in self._known:  # a second look finds the salt that another process has just made
            rows = await uow.single(MAKE_SALT, today, token_bytes(SALT_BYTES), yesterday)
            self._known |= {row["day"]: row["salt"] for row in rows}
        old = None if yesterday is None else self._known.get(yesterday)
        return Visitor(today, hashed(self._known[today], *parts), None if old is None else hashed(old, *parts))

    def forget(self, now: datetime) -> None:
        """Drop what is over."""
        for day in self._known.keys() - set(self._days(now)):
            del self._known[day]

    def oldest_in_use(self, now: datetime) -> date:
        """Return the first day whose visits may still go on."""
        return day_of(now - IDLE, self._zone)

    def _days(self, now: datetime) -> tuple[date, date | None]:
        """Today, and yesterday until its last visit must have ended."""
        today = day_of(now, self._zone)
        before = today - timedelta(days=1)
        midnight = datetime.combine(today, time(), ZoneInfo(self._zone))
        return today, before if now - midnight < IDLE else None
