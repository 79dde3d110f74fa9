"""Command line of the checks across services: counts on stderr, violations as lines of JSON on stdout."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import orjson

from tools.verify.databases import Databases, NoDatabasesError, find_urls
from tools.verify.delivery import load_groups
from tools.verify.own import verify_services
from tools.verify.run import ARRIVE_SECONDS, SETTLE_SECONDS, Finding, verify


def main(argv: list[str] | None = None) -> int:
    """Run the checks; 0 if everything holds, 1 if something does not, 2 if nobody could be asked."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify", description="What must hold across services.")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("DATA_DIR") or ".data"))
    parser.add_argument("--wait", type=float, default=ARRIVE_SECONDS, help="seconds for events to arrive")
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help="seconds in which what is wrong may mend")
    parser.add_argument(
        "--services", action="store_true", help="ask each service of the run for its own invariants too"
    )
    given = parser.parse_args(argv)
    try:
        urls = find_urls(os.environ, given.data_dir)
        findings = asyncio.run(_findings(urls, given.wait, given.settle))
        own = verify_services(given.data_dir) if given.services else 0
    except (NoDatabasesError, OSError, asyncpg.PostgresError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    for finding in findings:
        report(finding)
    broken = sum(bool(finding.violations) for finding in findings)
    sys.stderr.write(f"verify: {len(findings)} checks across services, {broken} broken\n")
    return 1 if broken or own else 0


async def _findings(urls: dict[str, str], wait: float, settle: float) -> list[Finding]:
    async with Databases.open(urls) as databases:
        return await verify(databases, load_groups(), arrive_seconds=wait, settle_seconds=settle)


def report(finding: Finding) -> None:
    """Say what one check found; a broken one explains itself."""
    count = len(finding.violations)
    sys.stderr.write(f"{finding.name}: {count} violations in {finding.looked_at} {finding.what}\n")
    if count:
        sys.stderr.write("".join(f"    {line.strip()}\n" for line in finding.description.splitlines()))
    sys.stderr.flush()
    for violation in finding.violations:
        sys.stdout.buffer.write(orjson.dumps({"check": finding.name, **violation}, default=str) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
