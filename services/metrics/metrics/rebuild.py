"""``metrics rebuild``: computes every figure anew from the facts and events kept.

The service may run meanwhile. Each step is a short transaction that holds the bookings' tables against the consumer: a
fact that it has not seen is booked on top of what it wrote.
"""

import argparse
import sys

from common.cli import Command
from common.database import Database
from common.settings import ServiceSettings
from metrics.facts.rebuilding import rebuild_sales, rebuild_sessions


def _no_arguments(_: argparse.ArgumentParser) -> None:
    """Take none."""


async def rebuild(settings: ServiceSettings, _: argparse.Namespace) -> int:
    """Book everything again."""
    database = Database.open(
        settings.database_url.get_secret_value(), service="metrics", test_clock=settings.test_clock
    )
    try:
        facts = await rebuild_sales(database)
        sessions = await rebuild_sessions(database)
    finally:
        await database.close()
    sys.stderr.write(f"metrics: figures of {facts} facts and {sessions} visits written anew\n")
    return 0


REBUILD = Command("compute every figure anew from the facts and events kept", _no_arguments, rebuild)
