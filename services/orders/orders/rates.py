"""What the two tables of rates share: each is replaced as a whole, and its version is the ETag."""

from datetime import datetime

from common.database import UnitOfWork
from common.http import check_version

LOCK = "SELECT version FROM rate_table WHERE name = $1 FOR NO KEY UPDATE"
READ = "SELECT version FROM rate_table WHERE name = $1"
ADVANCE = "UPDATE rate_table SET version = version + 1, updated_at = $2 WHERE name = $1 RETURNING version"


async def version_of(uow: UnitOfWork, table: str) -> int:
    """Return the table's version."""
    version: int = await uow.fetchval(READ, table)
    return version


async def lock_table(uow: UnitOfWork, table: str, *, expected: int) -> None:
    """Hold the table until the transaction ends. Raises PreconditionFailed unless it stands at ``expected``."""
    check_version(expected, await uow.fetchval(LOCK, table))


async def next_version(uow: UnitOfWork, table: str, at: datetime) -> int:
    """Count a change."""
    version: int = await uow.fetchval(ADVANCE, table, at)
    return version
