"""Events that some service could not handle and nobody has dealt with."""

from tools.verify.checks.check import Result, check
from tools.verify.databases import SERVICES, Databases

OPEN = """
SELECT id, consumer, event_id, type, left(error, 300) AS error, attempts, created_at FROM dead_letter
WHERE status = 'open' ORDER BY created_at LIMIT 100
"""
ALL = "SELECT count(*) FROM dead_letter"


@check("dead letters", key=("id",))
async def no_dead_letter_is_open(databases: Databases) -> Result:
    """Every event that was put aside has been redriven or discarded by someone.

    An open one is an effect that has not happened: no stock, no mail, no figure. Read it with `<service> dead-letters
    show <id>`, mend the cause, then redrive it; discard it only if its effect is not wanted.
    """
    result = Result()
    for service in SERVICES:
        result.looked_at += await databases.value(service, ALL)
        result.violations += [{"service": service, **row} for row in await databases.fetch(service, OPEN)]
    return result


CHECKS = (no_dead_letter_is_open,)
