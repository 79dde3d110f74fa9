"""Wait until all has arrived, then look; what is wrong must still be wrong at a later look."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tools.verify.checks import CHECKS
from tools.verify.checks.check import Check, Result
from tools.verify.databases import Databases, Row
from tools.verify.delivery import Backlog, Groups

ARRIVE_SECONDS = 30.0
SETTLE_SECONDS = 5.0  # databases are read one after the other, and a shop that sells moves meanwhile
LOOK_AGAIN_SECONDS = 0.25

PUBLISHED = (
    "every-event-is-published",
    """Whatever was committed is at the broker.

    A violation means that the relay of this service does not run, or cannot reach the broker: see its log and the gauge
    of the oldest unpublished event. Nothing is lost; it is sent when the relay leads again.""",
)
ARRIVED = (
    "every-event-reached-its-groups",
    """Each event at the broker is in the inbox, or among the dead letters, of every group that acts on its type.

    A violation means that a consumer stands still (see its log, and whether it was halted by too many dead letters) or
    that an event was passed over: then its effect is missing for good. Compare the group's row in consumer_offset with
    the topic.""",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    description: str
    what: str
    looked_at: int
    violations: list[Row]


async def verify(
    databases: Databases,
    groups: Groups,
    *,
    arrive_seconds: float = ARRIVE_SECONDS,
    settle_seconds: float = SETTLE_SECONDS,
    checks: Iterable[Check] = CHECKS,
) -> list[Finding]:
    """Run every check. What was committed before the call is waited for, up to ``arrive_seconds``."""
    backlog = await Backlog.note(databases, groups)
    await backlog.wait(arrive_seconds)
    await backlog.finish()
    findings = [
        Finding(*PUBLISHED, "events", backlog.published + len(backlog.unpublished), backlog.unpublished),
        Finding(*ARRIVED, "events", backlog.published, backlog.lost()),
    ]
    return findings + await _look(databases, list(checks), settle_seconds)


async def _look(databases: Databases, checks: list[Check], settle_seconds: float) -> list[Finding]:
    results = {check.name: await check.run(databases) for check in checks}
    deadline = asyncio.get_running_loop().time() + settle_seconds
    while asyncio.get_running_loop().time() < deadline and any(result.violations for result in results.values()):
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        for check in checks:
            if results[check.name].violations:
                results[check.name] = _still_wrong(check, results[check.name], await check.run(databases))
    return [
        Finding(check.name, check.description, check.what, result.looked_at, result.violations)
        for check in checks
        for result in (results[check.name],)
    ]


def _still_wrong(check: Check, before: Result, now: Result) -> Result:
    known: set[tuple[Any, ...]] = {check.key_of(violation) for violation in before.violations}
    return Result(now.looked_at, [violation for violation in now.violations if check.key_of(violation) in known])
